"""What was measured, kept under a key of everything it was made from, so it is not made twice."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analyses.diagnostic import Diagnostic, source_file
from workbench.data.sequences import SequenceData

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "numpy", "pandas", "scipy", "captum")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


class Store:
    """Pieces of tidy tables as Parquet files in one folder; `force` makes it forget them."""

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        self.folder = folder
        self.force = force

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"

    def get(self, key: str) -> pd.DataFrame | None:
        """The piece of this key, or None where there is none that is whole."""
        path = self.path(key)
        if self.force or not path.exists():
            return None
        try:
            table = pq.read_table(path, page_checksum_verification=True)
        except (OSError, pa.ArrowException):
            return None
        if (table.schema.metadata or {}).get(b"piece") != key.encode():
            return None
        return table.to_pandas()

    def put(self, key: str, frame: pd.DataFrame) -> None:
        """Keep a piece; a kill leaves the old one, the new one or none, never half of one."""
        write_atomically(self.path(key), parquet(frame, piece=key))


def parquet(frame: pd.DataFrame, **metadata: str) -> bytes:
    """A table as a Parquet file with a checksum on every page."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def digest(value: Any) -> str:
    """SHA-256 of anything JSON can tell."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def weights_hash(model: Any) -> str:
    """SHA-256 over a model's configuration and every tensor of its state."""
    total = hashlib.sha256(digest(asdict(model.config)).encode())
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().cpu().contiguous().numpy()
        total.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return total.hexdigest()


def code_hash(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and the text of source files."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def sources(diagnostic: Diagnostic, root: Path = ROOT) -> list[Path]:
    """The files a measurement is made by: models, workbench but what shows it, and its own."""
    shared = [p for folder in ("models", "workbench") for p in (root / folder).rglob("*.py")]
    shown = {root / "workbench" / name for name in ("app", "commands")}
    own = [
        source_file(diagnostic),
        root / "analyses" / "diagnostic.py",
        root / "analyses" / "running" / "passes.py",
    ]
    return [p for p in shared if shown.isdisjoint(p.parents)] + own


def piece_key(
    diagnostic: Diagnostic,
    weights: Mapping[str, str],
    data: SequenceData,
    users: np.ndarray,
    seed: int,
    code: str,
) -> str:
    """The key of one piece: change anything it depends on and it is another.

    `weights` maps each model's name to its `weights_hash`; `code` is the `code_hash` of `sources`.
    """
    return (
        diagnostic.name
        + "-"
        + digest(
            {
                "data": data.checksum,
                "titles": None if data.titles is None else digest(data.titles),
                "weights": list(weights.items()),
                "options": dict(diagnostic.options),
                "users": hashlib.sha256(
                    np.ascontiguousarray(users, np.int64).tobytes()
                ).hexdigest(),
                "seed": seed,
                "code": code,
                "libraries": {name: version(name) for name in LIBRARIES},
            }
        )[:32]
    )
