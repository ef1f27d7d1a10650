"""Writing `SequenceData` as files others read: RecBole's atomic files, or Parquet."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError


def convert(data: SequenceData, path: str | Path) -> list[Path]:
    """Write `path.parquet` as one table, a path without ending as a folder of RecBole's files.

    Returns the files written. Rows come user after user, in the order of time; a reader numbers
    users and items anew by first appearance. Each file appears whole or not at all.
    Raises WorkbenchError when the path cannot be written, or ends like a file of another kind, or
    a token cannot stand in a text file.
    """
    path = Path(path)
    if path.suffix not in ("", ".parquet"):
        raise WorkbenchError(
            f"{path}: data are written as a .parquet file, or as a folder of RecBole files whose "
            f"name has no ending; choose one of them instead of {path.suffix}."
        )
    owners = np.repeat(np.arange(data.n_users), data.lengths)
    columns = {
        "user_id": _take(data.user_ids, owners),
        "item_id": _take(data.item_ids, data.items),
        "timestamp": None if data.times is None else pa.array(data.times),
    }
    table = pa.table({name: column for name, column in columns.items() if column is not None})
    try:
        if path.suffix == ".parquet":
            if data.titles is not None:
                titles = _take(np.array(data.titles, dtype=object), data.items)
                table = table.append_column("title", titles)
            return [_write(path, lambda file: pq.write_table(table, file))]
        for token in (*data.user_ids, *data.item_ids):
            if not set(token).isdisjoint("\t\r\n"):
                raise WorkbenchError(
                    f"{token!r} holds a tab or line end and cannot stand in a .inter file; "
                    "write Parquet, a path ending in .parquet."
                )
        types = {"user_id": "token", "item_id": "token", "timestamp": "float"}
        written = [_write_atomic(path / f"{path.name}.inter", table, types)]
        if data.titles is not None:
            titles = [" ".join(title.split()) for title in data.titles[1:]]
            items = pa.table({"item_id": data.item_ids[1:].tolist(), "title": titles})
            types = {"item_id": "token", "title": "token_seq"}
            written.append(_write_atomic(path / f"{path.name}.item", items, types))
        return written
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be written: {error.strerror or error}.") from error


def _take(tokens: np.ndarray, rows: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(rows.astype(np.int32)), tokens.tolist())


def _write_atomic(path: Path, table: pa.Table, types: dict[str, str]) -> Path:
    """One atomic file: no quoting, so that any character but tab and line end may come."""
    heading = "\t".join(f"{name}:{types[name]}" for name in table.column_names)

    def write(file: pa.NativeFile) -> None:
        file.write(f"{heading}\n".encode())
        for batch in table.to_batches(max_chunksize=1 << 16):
            columns = [column.cast(pa.string()) for column in batch.columns]
            lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
            file.write("\n".join([*lines, ""]).encode())

    return _write(path, write)


def _write(path: Path, write: Callable[[pa.NativeFile], None]) -> Path:
    """Write to a name of its own in the same folder, then put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        with pa.OSFile(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
