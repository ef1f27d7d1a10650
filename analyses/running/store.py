"""What was measured, kept under a key of everything it was made from, so it is not made twice."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.sequences import SequenceData
from workbench.files import write_file

HELD = 16  # pieces that are kept in memory, where there are no more; else they are read again
SEAL = hashlib.sha256().digest_size  # bytes
LIBRARIES = ("torch", "numpy", "pandas", "scipy")


class Store:
    """Pieces of tidy tables as files in one folder; `force` makes it forget them.

    A piece is a Parquet file with its SHA-256 behind it, which covers the footer, too.
    """

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        self.folder = folder
        self.force = force

    def path(self, key: str) -> Path:
        """The file of a piece."""
        return self.folder / f"{key}.piece"

    def get(self, key: str) -> pd.DataFrame | None:
        """The piece of this key, or None where there is none that is undamaged."""
        path = self.path(key)
        if self.force:
            path.unlink(missing_ok=True)  # so that one who does not force it finds none either
        try:
            content = memoryview(path.read_bytes())
        except OSError:
            return None
        body, seal = content[:-SEAL], content[-SEAL:]
        if hashlib.sha256(body).digest() != seal:
            return None
        table = pq.read_table(pa.BufferReader(body))
        if (table.schema.metadata or {}).get(b"piece") != key.encode():
            return None
        return table.to_pandas()

    def put(self, key: str, frame: pd.DataFrame) -> None:
        """Keep a piece; a kill leaves the old one, the new one or none, never half of one."""
        body = parquet(frame, piece=key)
        write_file(self.path(key), body + hashlib.sha256(body).digest())

    def made(self, key: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The piece of this key, made and kept where there is none."""
        frame = self.get(key)
        if frame is None:
            frame = make()
            self.put(key, frame)
        return frame


def parquet(frame: pd.DataFrame, steps: Sequence[str] = (), **metadata: str) -> bytes:
    """A table as a Parquet file with a checksum on every page.

    `steps` are columns of integers of which the file holds differences, as of those that count up.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=[name for name in table.column_names if name not in steps],
        column_encoding=dict.fromkeys(steps, "DELTA_BINARY_PACKED") or None,
    )
    return sink.getvalue().to_pybytes()


class RowGroup(NamedTuple):
    """A piece in a file that `write_pieces` wrote: where, what stands at its end, and which one."""

    path: Path
    metadata: pq.FileMetaData
    k: int


Piece = pd.DataFrame | Path | RowGroup  # a piece, in memory or in a file


@dataclass(frozen=True)
class PieceList:
    """Pieces, of which those in files are read whenever they are iterated over.

    Attributes
    ----------
    pieces : each in memory or in a file.
    models : the model of each; empty where it has rows of several.
    columns : those that are read, of each piece what it has of them; None for all.
    """

    pieces: Sequence[Piece]
    models: Sequence[str]
    columns: tuple[str, ...] | None = None

    def of_model(self, model: str) -> "PieceList":
        """The pieces that have rows of a model, or one that has none."""
        pairs = zip(self.pieces, self.models, strict=True)
        chosen = [(piece, name) for piece, name in pairs if name in (model, "")]
        pieces, models = zip(*chosen or [(self.pieces[0], self.models[0])], strict=True)
        return replace(self, pieces=pieces, models=models)

    def held(self) -> "PieceList":
        """The same, in memory, where there are no more than `HELD`."""
        if len(self.pieces) > HELD:
            return self
        return replace(self, pieces=tuple(self))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for piece in self.pieces:
            yield _read(piece, self.columns)


def _read(piece: Piece, columns: tuple[str, ...] | None) -> pd.DataFrame:
    frame = piece if isinstance(piece, pd.DataFrame) else _table(piece, columns).to_pandas()
    return frame if columns is None else frame[[name for name in columns if name in frame]]


def _table(piece: Piece, columns: Sequence[str] | None = None) -> pa.Table:
    """A piece as Arrow has it; of a file these columns alone."""
    if isinstance(piece, RowGroup):
        checked = {"page_checksum_verification": True}
        with pq.ParquetFile(piece.path, metadata=piece.metadata, **checked) as file:
            return file.read_row_group(piece.k, columns)
    if isinstance(piece, Path):
        with pq.ParquetFile(_body(piece)) as file:
            return file.read(columns)
    return pa.Table.from_pandas(piece, preserve_index=False)


def _n_rows(piece: Piece) -> int:
    if isinstance(piece, RowGroup):
        return int(piece.metadata.row_group(piece.k).num_rows)
    return pq.read_metadata(_body(piece)).num_rows if isinstance(piece, Path) else len(piece)


def _schema(piece: Piece) -> pa.Schema:
    """The columns of a piece, of which no row is read."""
    if isinstance(piece, pd.DataFrame):
        return pa.Schema.from_pandas(piece, preserve_index=False)
    return pq.read_schema(piece.path if isinstance(piece, RowGroup) else _body(piece))


def _body(piece: Path) -> pa.NativeFile:
    """The Parquet file in a piece of a `Store`, of which only what is asked for is read."""
    mapped = pa.memory_map(str(piece))
    return pa.BufferReader(mapped.read_buffer().slice(0, mapped.size() - SEAL))


def read_pieces(path: Path) -> PieceList:
    """The pieces of a file that `write_pieces` wrote.

    Raises
    ------
    OSError, pa.ArrowException, ValueError
        If it is no such file.
    """
    metadata = pq.read_metadata(path)
    groups = [RowGroup(path, metadata, k) for k in range(metadata.num_row_groups)]
    return PieceList(groups, [_model_of(group) for group in groups])


def _model_of(group: RowGroup) -> str:
    """The model of all rows; empty where there are several."""
    at = group.metadata.schema.names.index("model")
    known = group.metadata.row_group(group.k).column(at).statistics
    return known.min if known and known.has_min_max and known.min == known.max else ""


def write_pieces(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    """Write pieces into one Parquet file, each as a row group, with the columns that any has.

    What a `PieceList` has in files goes from one to the other as it is. Pieces without rows are
    left out, where others have any.
    """
    every = [*(pieces.pieces if isinstance(pieces, PieceList) else pieces)]
    kept = [piece for piece in every if _n_rows(piece)] or every[:1]
    schemas = [_schema(piece) for piece in kept]
    schema = pa.unify_schemas([_plain(each) for each in schemas], promote_options="permissive")
    words = {name for each in schemas for name in each.names if _is_words(each.field(name).type)}
    stored = pa.schema(
        pa.field(
            each.name, pa.dictionary(pa.int32(), each.type) if each.name in words else each.type
        )
        for each in schema
    )
    options = {"compression": "zstd", "write_page_checksum": True}
    with pq.ParquetWriter(path, stored, **options) as writer:
        for piece in kept:
            table = _table(piece)
            columns = []
            for each in schema:
                if each.name in table.column_names:
                    column = table[each.name].cast(each.type)
                else:
                    column = pa.nulls(len(table), each.type)
                columns.append(column.dictionary_encode() if each.name in words else column)
            writer.write_table(pa.table(columns, schema=stored), row_group_size=max(1, len(table)))


def _is_words(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with words instead of categories."""
    kinds = (each.type.value_type if _is_words(each.type) else each.type for each in schema)
    return pa.schema(list(zip(schema.names, kinds, strict=True)))


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
