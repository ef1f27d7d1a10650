"""Ids of users and items: one token for one id, whatever the type of its column.

Text is stripped of blanks around it. Numbers become whole numbers where they are whole, so that 1,
1.0 and "1" in one column are one id. A value that stands for a missing one is no id.
"""

from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Missing = Literal["refuse", "drop", "keep"]

# what files write where there is no value; a name such as "Nan" or "Null" is not among them
WORDS = ("NA", "N/A", "n/a", "#N/A", "nan", "NaN", "NAN", "null", "NULL", "None", "NONE", "none",
         "<NA>", "NaT", "(null)", "undefined", r"\N")  # fmt: skip


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def encode(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes int32 [n], -1 where there is no value, and the tokens they stand for (str objects).

    Parameters
    ----------
    values : an array, or a pandas or Arrow column; [n].

    Raises
    ------
    ValueError
        If they are no column, floats do not hold the ids exactly, or the type cannot be an id.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        joined = column.unify_dictionaries().combine_chunks()
        if isinstance(joined, pa.ChunkedArray):  # no chunk at all
            return np.empty(0, np.int32), np.empty(0, object)
        codes = joined.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        uniques, kind = joined.dictionary, joined.dictionary.type
        if is_text(kind):
            names = pc.utf8_trim_whitespace(uniques).to_numpy(zero_copy_only=False)
        else:
            floats = pa.types.is_floating(kind)
            each = uniques.to_numpy(zero_copy_only=False) if floats else uniques.to_pylist()
            names = np.array([token(value) for value in each], dtype=object)
    else:
        column = values if isinstance(values, pd.Series) else np.asarray(values)
        if column.ndim != 1:  # one text or number, lists of them, or what yields them once
            raise ValueError("give a list, or a column, with one of them for each row")
        codes, uniques = pd.factorize(column)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
            uniques = np.asarray(uniques, column.dtype)  # floats as wide as those of the column
        names = np.array([token(value) for value in uniques], dtype=object)
    # what is written in several ways is one token
    again, tokens = pd.factorize(pd.Series(names, dtype=object).replace("", None))
    if len(tokens) < len(names):
        codes = np.append(again, -1)[codes]
    return codes.astype(np.int32), np.asarray(tokens, dtype=object)


def stands_for_none(tokens: np.ndarray) -> np.ndarray:
    """Which tokens are words for a missing value, bool [n_tokens]."""
    return np.isin(tokens.astype(str), WORDS) if len(tokens) else np.zeros(0, bool)


def absent(codes: np.ndarray, tokens: np.ndarray, missing: Missing) -> np.ndarray:
    """Which rows have no id, bool [n].

    Parameters
    ----------
    codes, tokens : as `encode` gives them.
    missing : words for a missing value are ids where this is "keep".
    """
    gone = np.append(stands_for_none(tokens) & (missing != "keep"), True)
    return gone[codes]


def token(value: Any) -> str:
    """The token of one value, without blanks around it; empty where the value is missing.

    Raises
    ------
    ValueError
        If a float is too large to be an exact id, or the value is a list, tuple, dict or array.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):
        return value.decode().strip()
    if isinstance(value, float | np.floating | Decimal):
        if value != value:
            return ""
        width = np.finfo(type(value) if isinstance(value, np.floating) else float)
        # from this size on a float stands for several whole numbers
        if not isinstance(value, Decimal) and abs(float(value)) >= 2.0 ** (width.nmant + 1):
            raise ValueError(
                f"{float(value)!r} is a float{width.bits} too large to be an exact id; "
                "write ids as text or integers"
            )
        return str(int(value)) if value == int(value) else str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, list | dict | tuple | np.ndarray):
        raise ValueError(f"{str(value)[:40]} is no id; give one id a row")
    return str(value).strip()
