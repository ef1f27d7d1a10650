"""The folder of a report, put together aside and moved into place whole."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from analyses.conclusions import DECISIVE
from analyses.report.exports import as_json, as_markdown
from analyses.report.folder import (
    MANIFEST,
    NUMBERS,
    PAGE,
    SCHEMA,
    TEXT,
    check_report_place,
    raw_path,
    slug,
)
from analyses.report.one_user import OneUser, one_user, usual_user
from analyses.report.page import Report, render
from analyses.report.sections import Section
from analyses.running.comparison import Comparison
from analyses.running.inputs import Inputs
from analyses.running.measuring import Measured, Unmeasured
from analyses.running.repeats import Repeats, count_repeats
from analyses.running.store import LIBRARIES, write_pieces
from analyses.verdict import Verdict, unjudged, verdicts
from workbench.cards import HEADLINE
from workbench.files import checksum, clear_partial, followed, replaced_folder
from workbench.matching import checksum_of
from workbench.model import Model
from workbench.spreadsheets import csv

SIZES = ("name", "n_items", "max_length", "n_layers", "n_heads")  # of `workbench.model.Sizes`


def write_report(
    out: Path,
    inputs: Inputs,
    results: Sequence[Measured | Unmeasured],
    sections: Sequence[Section],
    *,
    command: str,
    seed: int,
    start: float,
) -> Report:
    """Write report.html, report.md, report.json, manifest.json, figures/, tables/ and raw/.

    Parameters
    ----------
    out : the folder of the report.
    inputs, results : what was measured, and of what.
    sections : what was concluded and drawn from each of the results.
    command : the command line that the run can be repeated with.
    seed : of the run.
    start : when the run began, by `perf_counter`, in seconds.

    Returns
    -------
    Report
        What was written; its `failures` are the parts that could not be made.

    Raises
    ------
    WorkbenchError
        If the report cannot go there, as in `check_report_place`.
    """
    check_report_place(out)
    clear_partial(followed(out).parent)
    models, not_of_these = _model_table(inputs)
    exclusions = [*inputs.exclusions, *(e for section in sections for e in section.exclusions)]
    exclusions += not_of_these
    repeats = count_repeats(inputs.data, inputs.users)
    measured = {r.diagnostic.name: r.results for r in results if isinstance(r, Measured)}
    judged = verdicts(measured)
    named = {verdict.model for verdict in judged}
    lacking = [
        unjudged(name)
        for name, model in inputs.models.items()
        if DECISIVE in measured and model.stages and name not in named
    ]
    told = _in_short(judged, Comparison.of(inputs.models).baseline)
    with replaced_folder(out) as folder:
        for name in ("figures", "tables", "raw"):
            (folder / name).mkdir()
        for result in results:
            if isinstance(result, Measured):
                write_pieces(result.results.rows.source, folder / raw_path(result.diagnostic.name))
        for section in sections:
            for name, (pixels, vector) in section.pictures.items():
                stem = slug(section.diagnostic.name, name)
                (folder / "figures" / f"{stem}.png").write_bytes(pixels)
                (folder / "figures" / f"{stem}.svg").write_bytes(vector)
            for name, table in section.tables.items():
                stem = slug(section.diagnostic.name, name)
                (folder / "tables" / f"{stem}.csv").write_text(csv(table), encoding="utf-8")
        report = Report(
            data=inputs.data,
            n_users=len(inputs.users),
            models=models,
            repeats=repeats,
            verdicts=judged,
            in_short=told,
            example=_example(inputs, told),
            sections=sections,
            notices=[*inputs.notices, *lacking],
            unjudged=lacking,
            exclusions=exclusions,
            manifest=_manifest(inputs, repeats, results, sections, exclusions, command, seed),
        )
        manifest = dict(report.manifest)
        for name, write in ((PAGE, render), (TEXT, as_markdown), (NUMBERS, as_json)):
            (folder / name).write_text(write(report), encoding="utf-8")
        manifest["files"] = {
            str(path.relative_to(folder)): checksum(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        manifest["seconds"] = round(perf_counter() - start, 2)
        text = json.dumps(manifest, indent=2, default=str)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return report


def _in_short(judged: Sequence[Verdict], baseline: str) -> Verdict | None:
    """The verdict that is told in short: that of the baseline, or the first."""
    return next((v for v in judged if v.model == baseline), judged[0] if judged else None)


def _example(inputs: Inputs, verdict: Verdict | None) -> OneUser | None:
    """One user of the model that a verdict is about."""
    user = usual_user(inputs.data, inputs.users)
    if verdict is None or user is None:
        return None
    model = inputs.models[verdict.model]
    return one_user(model, verdict.model, inputs.data, user, verdict.reduction)


def _model_table(inputs: Inputs) -> tuple[pd.DataFrame, list[str]]:
    """What each model's card says of its test metrics on these data, and whose are of others."""
    rows, others = [], []
    for name, model in inputs.models.items():
        metrics = model.card.get("metrics", {}).get("test", {})
        if metrics and checksum_of(model) != inputs.data.checksum_as_read:
            others.append(
                f"The test metrics on the card of {name} are left out of the table of models: they "
                "are of other data than these, by its checksum, or it has none."
            )
            metrics = {}
        rows.append({"model": name} | {m: metrics.get(m) for m in HEADLINE})
    return pd.DataFrame(rows), others


def _manifest(
    inputs: Inputs,
    repeats: Repeats,
    results: Sequence[Measured | Unmeasured],
    sections: Sequence[Section],
    exclusions: list[str],
    command: str,
    seed: int,
) -> dict[str, Any]:
    data, parts = inputs.data, Comparison.of(inputs.models).parts
    return {
        "schema": SCHEMA,
        "created": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "command": command,
        "seed": seed,
        "users": {"measured": len(inputs.users), "of": data.n_users},
        "data": {
            **data.identity(),
            "repeats": asdict(repeats),
            "provenance": data.provenance,
        },
        "models": {
            name: {
                "source": inputs.sources.get(name),
                "weights": inputs.weights.get(name),
                "part": asdict(parts[name]),
                "config": _configured(model),
                "card": model.card,
                "siblings": {
                    sibling: {
                        "source": inputs.sources.get(sibling),
                        "weights": inputs.weights.get(sibling),
                        "card": other.card,
                    }
                    for sibling, other in inputs.siblings.get(name, {}).items()
                },
            }
            for name, model in inputs.models.items()
        },
        "diagnostics": {
            r.diagnostic.name: {
                "findings": section.said,
                "figures": list(section.pictures),
                "tables": list(section.tables),
                "failures": [asdict(f) for f in section.failures],
            }
            | (_cost(r) if isinstance(r, Measured) else {})
            for r, section in zip(results, sections, strict=True)
        },
        "notices": inputs.notices,
        "exclusions": exclusions,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in (*LIBRARIES, "matplotlib", "seaborn")},
    }


def _configured(model: Model) -> dict[str, Any]:
    """All of a model's configuration, or its sizes where it is of an unknown kind."""
    config: object = model.config
    if is_dataclass(config) and not isinstance(config, type):
        return asdict(config)
    return {name: getattr(config, name) for name in SIZES}


def _cost(result: Measured) -> dict[str, Any]:
    return {
        "seconds": round(result.seconds, 2),
        "pieces_made": result.pieces_made,
        "pieces_reused": result.pieces_reused,
        "code": result.code,
    }
