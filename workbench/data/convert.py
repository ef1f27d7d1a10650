"""Writing `SequenceData` as files others read: RecBole's atomic files, or Parquet."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.data.catalogue import place_of
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.files import check_apart, replaced_file


def convert(data: SequenceData, path: str | Path) -> list[Path]:
    """Write data as one Parquet table, or as a folder of RecBole's atomic files.

    Rows come in the order of the source, so that users and items have the same numbers when they
    are read again; data without a source are written user after user. Times are whole seconds, with
    a fraction where the order within a second would be lost without one. Each file appears complete
    or not at all.

    Parameters
    ----------
    data : what to write.
    path : `path.parquet` for one table; a path without ending for a folder of RecBole's files.

    Returns
    -------
    list of Path
        The files that were written.

    Warns
    -----
    WorkbenchWarning
        If a reader will get something different from `data`, such as other numbers of users and
        items, or users of a single interaction, which the default filters leave out.

    Raises
    ------
    WorkbenchError
        If the path cannot be written, is what the data were read from, or ends like a file of
        another kind, or if a token cannot stand in a text file.
    """
    path = Path(path)
    if path.suffix not in ("", ".parquet"):
        raise WorkbenchError(
            f"{path}: data are written as a .parquet file, or as a folder of RecBole files whose "
            f"name has no ending; choose one of them instead of {path.suffix}."
        )
    atomic = [path / f"{path.name}.{kind}" for kind in ("inter", "item")]
    source = place_of(str(data.provenance.get("source", "")))
    for out in (path, *atomic):
        check_apart(out, filter(None, [source]))
    order = np.arange(data.n_interactions) if data.rows is None else np.argsort(data.rows)
    owners = data.owners[order]
    items, times = data.items[order], _times(data, owners, order)
    columns = {
        "user_id": _take(data.user_ids, owners),
        "item_id": _take(data.item_ids, items),
        "timestamp": None if times is None else pa.array(times),
    }
    table = pa.table({name: column for name, column in columns.items() if column is not None})
    for warning in _differences(data, owners, items, times, order):
        warnings.warn(f"{path}: {warning}", WorkbenchWarning, stacklevel=2)
    try:
        if path.suffix == ".parquet":
            if data.titles is not None:
                titles = _take(np.array(data.titles, dtype=object), items)
                table = table.append_column("title", titles)
            return [_write(path, lambda file: pq.write_table(table, file))]
        for token in (*data.user_ids, *data.item_ids):
            if not set(token).isdisjoint("\t\r\n"):
                raise WorkbenchError(
                    f"{token!r} holds a tab or line end and cannot stand in a .inter file; "
                    "write Parquet, a path ending in .parquet."
                )
        types = {"user_id": "token", "item_id": "token", "timestamp": "float"}
        written = [_write_atomic(atomic[0], table, types)]
        if data.titles is not None:
            titles = [" ".join(title.split()) for title in data.titles[1:]]
            listed = pa.table({"item_id": data.item_ids[1:].tolist(), "title": titles})
            types = {"item_id": "token", "title": "token_seq"}
            written.append(_write_atomic(atomic[1], listed, types))
        return written
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be written: {error.strerror or error}.") from error


def _times(data: SequenceData, owners: np.ndarray, order: np.ndarray) -> np.ndarray | None:
    """The times of rows in `order`, [n]: whole seconds where these show each user's order.

    Rows of one user and second are read in the order of the file. Where the order differs, they get
    fractions that rise in the order they have here.
    """
    if data.times is None:
        return None
    times = data.times[order]
    if np.array_equal(order[np.lexsort((times, owners))], np.arange(len(order))):
        return times
    users = data.owners
    first = np.ones(len(users), bool)
    first[1:] = (users[1:] != users[:-1]) | (data.times[1:] != data.times[:-1])
    starts = np.append(np.flatnonzero(first), len(users))
    sizes = np.diff(starts)
    within = np.arange(len(users)) - np.repeat(starts[:-1], sizes)
    return (data.times + within / np.repeat(sizes, sizes))[order]


def _differences(
    data: SequenceData,
    owners: np.ndarray,
    items: np.ndarray,
    times: np.ndarray | None,
    order: np.ndarray,
) -> list[str]:
    """What a reader of these rows, each column [n], will have different from `data`."""
    sentences = []
    read = np.argsort(owners, kind="stable") if times is None else np.lexsort((times, owners))
    same = [
        np.array_equal(pd.unique(owners), np.arange(data.n_users)),
        np.array_equal(pd.unique(items), np.arange(1, data.n_items + 1)),
        np.array_equal(order[read], np.arange(len(order))),
        data.times is None or times is None or np.array_equal(times[read] // 1, data.times),
    ]
    if not all(same):
        sentences.append(
            "users and items will be numbered by first appearance when it is read, and so "
            f"otherwise than in {data.name}; models that were saved without ids will not fit."
        )
    if lone := int((data.lengths < 2).sum()):
        sentences.append(
            f"users of a single interaction ({lone:,}) will be left out when it is read, unless "
            "with min_user=1 (?min_user=1 behind the path, min_user=1 in Python)."
        )
    return sentences


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
    with replaced_file(path) as aside, pa.OSFile(str(aside), "wb") as file:
        write(file)
    return path
