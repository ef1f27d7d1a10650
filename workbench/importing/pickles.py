"""Pickles read as inert trees: classes and calls a file asks for are noted, never looked up.

`torch.load(weights_only=True)` cannot read pickle protocol 4, which RecBole writes since 1.1, and
runs PyTorch's own rebuilding functions on whatever the file claims. Here a file gets to run
nothing at all; tensors are made from the notes, see `workbench.importing.containers`.
"""

import io
import pickle
import pickletools
import re
from typing import Any, BinaryIO, NamedTuple

import numpy as np


class Inert(dict):
    """Stands where a file asks for an object of a class, or for the result of a call.

    As a dict it holds the items of what was a mapping.

    Attributes
    ----------
    path : the dotted name that the file asked for.
    args : what it was to be called with.
    state : what the object was to be filled with.
    """

    path = ""
    state: Any = None
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, *args: Any, **_: Any) -> None:
        super().__init__()
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Stored(NamedTuple):
    """A storage that a file refers to.

    Attributes
    ----------
    kind : its class, such as "FloatStorage".
    key : where it is in the file.
    size : how many elements it has.
    """

    kind: str
    key: str
    size: int


class Unpickled(NamedTuple):
    """What was read from a pickle.

    Attributes
    ----------
    tree : what the pickle holds, inert.
    asked : the dotted names that it asked for.
    stored : the storages that it refers to, by key.
    """

    tree: Any
    asked: set[str]
    stored: dict[str, Stored]


def array_values(node: Any) -> list[Any]:
    """The values of a list, a tuple, or a NumPy array of numbers, strings or objects of one axis.

    Raises
    ------
    ValueError
        If the node is anything else.
    """
    if isinstance(node, list | tuple):
        return list(node)
    state = node.state if isinstance(node, Inert) else None
    if not (isinstance(state, tuple) and len(state) == 5 and len(state[1]) == 1):
        raise ValueError("a list or an array of one axis is expected, and there is something else")
    _, (size,), dtype, _, content = state
    if isinstance(content, list):
        values = content
    else:
        if isinstance(content, Inert) and content.path == "_codecs.encode":  # bytes, protocol 2
            content = content.args[0].encode("latin-1")
        kind = str(dtype.args[0]) if isinstance(dtype, Inert) and dtype.args else ""
        if not re.fullmatch(r"[iufSU]\d{1,4}", kind) or not isinstance(content, bytes):
            raise ValueError(f"an array of the kind {kind!r}, which is not read")
        order = ">" if isinstance(dtype.state, tuple) and dtype.state[1:2] == (">",) else "<"
        values = np.frombuffer(content, np.dtype(order + kind)).tolist()
    if len(values) != size:
        raise ValueError(f"an array of {size} values has {len(values)}")
    return values


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin-1")
        self.asked: set[str] = set()
        self.stored: dict[str, Stored] = {}

    def find_class(self, module: str, name: str) -> type[Inert]:
        path = f"{module}.{name}"
        self.asked.add(path)
        return type("Inert", (Inert,), {"path": path})

    def persistent_load(self, pid: Any) -> Stored:
        kind, key, size = pid[1].path.rpartition(".")[2], str(pid[2]), pid[4]
        if pid[0] != "storage" or type(size) is not int or size < 0 or any(pid[5:]):
            raise ValueError(f"a reference to {pid!r:.80}")
        return self.stored.setdefault(key, Stored(kind, key, size))


def unpickle(file: BinaryIO) -> Unpickled:
    """The next pickle of a file, which is left where the pickle ends.

    Raises
    ------
    ValueError
        If there is no pickle, or it is not one of a checkpoint.
    """
    start = file.tell()
    try:
        highest = 0
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                highest = max(highest, int(argument or 0))
            elif opcode.name in ("BYTEARRAY8", "NEXT_BUFFER"):
                raise ValueError(f"the instruction {opcode.name}, which no checkpoint needs")
        end = file.tell()
        file.seek(start)
        content = file.read(end - start)
        if highest > len(content):  # the unpickler would allocate that many places
            raise ValueError(f"a memo of {highest:,} places in {len(content):,} bytes")
        unpickler = _Unpickler(io.BytesIO(content))
        return Unpickled(unpickler.load(), unpickler.asked, unpickler.stored)
    # a malformed pickle ends in nearly any exception there is
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error
