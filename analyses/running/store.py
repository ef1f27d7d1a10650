"""What was measured, kept under a key of everything it was made from, so it is not made twice."""

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.sequences import SequenceData
from workbench.files import write_file

LIBRARIES = ("torch", "numpy", "pandas", "scipy", "captum")


class Store:
    """Pieces of tidy tables as Parquet files in one folder; `force` makes it forget them."""

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        self.folder = folder
        self.force = force

    def path(self, key: str) -> Path:
        """The file of a piece."""
        return self.folder / f"{key}.parquet"

    def get(self, key: str) -> pd.DataFrame | None:
        """The piece of this key, or None where there is none that is undamaged."""
        path = self.path(key)
        if self.force:
            path.unlink(missing_ok=True)  # so that one who does not force it finds none either
        if not path.exists():
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
        write_file(self.path(key), parquet(frame, piece=key))

    def made(self, key: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The piece of this key, made and kept where there is none."""
        frame = self.get(key)
        if frame is None:
            frame = make()
            self.put(key, frame)
        return frame


def parquet(frame: pd.DataFrame, **metadata: str) -> bytes:
    """A table as a Parquet file with a checksum on every page."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def digest(value: Any) -> str:
    """SHA-256 of any value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def piece_key(
    diagnostic: str,
    weights: Mapping[str, str],
    data: SequenceData,
    users: np.ndarray,
    seed: int,
    code: str,
) -> str:
    """The key of one piece: change anything it depends on and it is another.

    Parameters
    ----------
    diagnostic, data, users, seed : what was measured, and of whom.
    weights : the `weights_hash` of each model by its name.
    code : the `code_hash` of what measured it.
    """
    members = hashlib.sha256(np.ascontiguousarray(users, np.int64).tobytes()).hexdigest()
    parts = {
        "data": data.checksum,
        "truth": None if data.truth is None else data.truth.checksum,
        "titles": None if data.titles is None else digest(data.titles),
        "weights": list(weights.items()),
        "users": members,
        "seed": seed,
        "code": code,
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    return f"{diagnostic}-{digest(parts)[:32]}"
