"""The folder of a report, put together aside and moved into place whole."""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from analyses.report.page import Section, images, render, slug
from analyses.running.inputs import Inputs
from analyses.running.measuring import Measured
from analyses.running.store import LIBRARIES, parquet, weights_hash
from workbench.errors import WorkbenchError

MANIFEST = "manifest.json"
PARTIAL = ".partial-"  # how the folder aside begins, followed by the process that fills it
CARD_METRICS = ("hit@10", "ndcg@10", "mrr@10")


def check_writable(out: Path) -> None:
    """Refuse a place where a report cannot go, or where it would replace something else."""
    if out.exists() and not out.is_dir():
        raise WorkbenchError(f"{out} is a file; give --out a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise WorkbenchError(
            f"{out} holds files that are no report; give --out a new folder or an earlier report."
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        raise WorkbenchError(f"{out.parent} cannot be written to: {error.strerror}.") from error


def write_report(
    out: Path,
    inputs: Inputs,
    results: Sequence[Measured],
    *,
    command: str,
    seed: int,
    start: float,
) -> None:
    """Write report.html, manifest.json, figures/, tables/ and raw/; `start` is a perf_counter."""
    check_writable(out)
    sections = [Section.of(r.diagnostic, r.frame) for r in results]
    exclusions = [*inputs.exclusions, *(e for section in sections for e in section.exclusions)]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f"{PARTIAL}{os.getpid()}-") as aside:
        folder = Path(aside) / "report"
        for name in ("figures", "tables", "raw"):
            (folder / name).mkdir(parents=True)
        for result in results:
            (folder / "raw" / f"{result.diagnostic.name}.parquet").write_bytes(
                parquet(result.frame)
            )
        pictures = {}
        for section in sections:
            for name, figure in section.figures.items():
                stem = slug(section.diagnostic.name, name)
                pictures[stem], vector = images(figure)
                (folder / "figures" / f"{stem}.png").write_bytes(pictures[stem])
                (folder / "figures" / f"{stem}.svg").write_bytes(vector)
            for name, table in section.tables.items():
                stem = slug(section.diagnostic.name, name)
                table.to_csv(folder / "tables" / f"{stem}.csv", index=False)
        manifest = _manifest(inputs, results, sections, exclusions, command, seed)
        page = render(
            sections,
            pictures,
            data=inputs.data,
            n_users=len(inputs.users),
            models=_model_table(inputs),
            notices=inputs.notices,
            exclusions=exclusions,
            created=manifest["created"],
            manifest=manifest,
        )
        (folder / "report.html").write_text(page, encoding="utf-8")
        manifest["files"] = {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        manifest["seconds"] = round(perf_counter() - start, 2)
        text = json.dumps(manifest, indent=2, default=str)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        if out.exists():
            shutil.move(out, Path(aside) / "earlier")
        os.replace(folder, out)


def _model_table(inputs: Inputs) -> pd.DataFrame:
    """What each model's card says of its test metrics."""
    rows = []
    for name, model in inputs.models.items():
        metrics = model.card.get("metrics", {}).get("test", {})
        rows.append({"model": name} | {m: metrics.get(m) for m in CARD_METRICS})
    return pd.DataFrame(rows)


def _manifest(
    inputs: Inputs,
    results: Sequence[Measured],
    sections: Sequence[Section],
    exclusions: list[str],
    command: str,
    seed: int,
) -> dict[str, Any]:
    data = inputs.data
    return {
        "created": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "command": command,
        "seed": seed,
        "users": {"measured": len(inputs.users), "of": data.n_users},
        "data": {
            "name": data.name,
            "checksum": data.checksum,
            "users": data.n_users,
            "items": data.n_items,
            "interactions": data.n_interactions,
            "provenance": data.provenance,
        },
        "models": {
            name: {
                "source": inputs.sources[name],
                "weights": weights_hash(m),
                "config": asdict(m.config),
                "card": m.card,
            }
            for name, m in inputs.models.items()
        },
        "diagnostics": {
            r.diagnostic.name: {
                "seconds": round(r.seconds, 2),
                "pieces_made": r.pieces_made,
                "pieces_reused": r.pieces_reused,
                "options": dict(r.diagnostic.options),
                "code": r.code,
                "findings": section.findings,
                "figures": list(section.figures),
                "tables": list(section.tables),
            }
            for r, section in zip(results, sections, strict=True)
        },
        "notices": inputs.notices,
        "exclusions": exclusions,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in (*LIBRARIES, "matplotlib")},
    }
