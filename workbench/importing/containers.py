"""Checkpoint files of three kinds, opened without running or allocating what they claim.

PyTorch's zip archives, its older streams of pickles ("legacy"), and safetensors. The claimed size
of a tensor is compared with what the file holds before anything is allocated for it.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.importing.pickles import Inert, Stored, unpickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Unread(ValueError):
    """A tensor of a kind that is not read; the message says what to do."""


@dataclass(frozen=True)
class Opened:
    """An opened checkpoint file.

    Attributes
    ----------
    path : where it is.
    tree : what it holds, inert.
    foreign : the dotted names of classes and functions that it asked for.
    read : gives the bytes of a storage, from its key and its size in bytes.
    """

    path: Path
    tree: Any
    foreign: set[str]
    read: Callable[[str, int], bytes]
    _storages: dict[str, Tensor] = field(default_factory=dict)

    def tensor(self, name: str, node: Any) -> Tensor:
        """The tensor of a node, on the CPU.

        Parameters
        ----------
        name : what to call the tensor in an error.
        node : a tensor, or the inert call that would make one.

        Raises
        ------
        WorkbenchError
            If the file does not hold what the node claims, or it is of a kind that is not read.
        """
        if isinstance(node, Tensor):
            return node
        while node.path == "torch._utils._rebuild_parameter":
            node = node.args[0]
        try:
            stored, offset, size, stride = node.args[:4]
            numbers = (offset, *size, *stride)
            if not isinstance(stored, Stored) or len(size) != len(stride):
                raise ValueError("it is made of something else than a storage")
            if any(type(n) is not int or n < 0 for n in numbers):
                raise ValueError("its shape is no shape")
            needed = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
            if not prod(size):
                needed = 0
            if needed <= stored.size < prod(size) and 0 in stride:
                raise _Unread(
                    "repeats numbers that are stored once, as expanded tensors do; save it by "
                    ".contiguous()"
                )
            if max(needed, prod(size)) > stored.size:
                raise ValueError(f"a shape of {list(size)} in {stored.size:,} numbers")
            storage = self._storage(stored)
        except _Unread as e:
            raise WorkbenchError(f"{self.path}: the tensor {name} {e}.") from e
        except (ValueError, TypeError, AttributeError, KeyError, OSError, zipfile.BadZipFile) as e:
            raise WorkbenchError(
                f"{self.path}: the tensor {name} cannot be read ({e}); the file is damaged or was "
                "made to deceive, so get it again."
            ) from e
        return storage.as_strided(size, stride, offset).clone()

    def _storage(self, stored: Stored) -> Tensor:
        if stored.kind not in STORAGES:
            raise _Unread(f"is of the kind {stored.kind}, which is not read; save it in float32")
        dtype = STORAGES[stored.kind]
        if stored.key not in self._storages:
            content = self.read(stored.key, stored.size * dtype.itemsize)
            flat = torch.frombuffer(bytearray(content), dtype=dtype) if content else torch.empty(0)
            self._storages[stored.key] = flat.to(dtype)
        storage = self._storages[stored.key]
        if storage.dtype != dtype or len(storage) != stored.size:
            raise ValueError("it shares a storage of another kind or size")
        return storage


def is_tensor(node: Any) -> bool:
    """Whether a node of a tree is a tensor."""
    return isinstance(node, Tensor) or (
        isinstance(node, Inert)
        and node.path.startswith(("torch._utils._rebuild_tensor", "torch._utils._rebuild_param"))
    )


def open_checkpoint(path: str | Path) -> Opened:
    """Open a checkpoint file.

    Raises
    ------
    WorkbenchError
        If there is no such file, it is no checkpoint, or it is not whole.
    """
    path = Path(path)
    if path.is_dir():
        raise WorkbenchError(f"{path} is a folder; name the checkpoint file in it.")
    if not path.exists():
        raise WorkbenchError(f"{path} does not exist; name a checkpoint file.")
    if not path.is_file():
        raise WorkbenchError(f"{path} is a pipe or a device; write the checkpoint to a file first.")
    with path.open("rb") as file:
        head = file.read(9)
    if not head:
        raise WorkbenchError(f"{path} is empty; get the checkpoint again.")
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    if head[8:] == b"{":
        return _safetensors(path)
    if head.startswith(b"\x80"):
        return _legacy(path)
    raise WorkbenchError(
        f"{path} is no checkpoint: it is neither what torch.save writes nor safetensors."
    )


def _zip(path: Path) -> Opened:
    try:
        archive = zipfile.ZipFile(path)
        members = {info.filename: info for info in archive.infolist()}
        if any(info.flag_bits & 1 for info in members.values()):
            raise ValueError("it is locked by a password")
        # what torch.save writes is not compressed, so nothing can unfold to more than the file
        packed = any(info.compress_type != zipfile.ZIP_STORED for info in members.values())
        claimed = sum(info.file_size for info in members.values())
        if packed or claimed > path.stat().st_size:
            raise ValueError(f"its members claim {claimed:,} bytes, or are compressed")
        main = next((n for n in members if n == "data.pkl" or n.endswith("/data.pkl")), None)
        if main is None:
            raise ValueError("there is no data.pkl in it")
        root = main.removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in members and archive.read(order) != b"little":
            raise ValueError("its numbers are big-endian; save it on a common machine")
        with archive.open(main) as pickled:
            unpickled = unpickle(pickled)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        raise WorkbenchError(
            f"{path} is a zip archive and no whole checkpoint ({error}); get it again, or unpack "
            "the checkpoint from it."
        ) from error

    def read(key: str, size: int) -> bytes:
        info = members[f"{root}data/{key}"]
        if info.file_size < size:
            raise ValueError(f"{size:,} bytes are claimed and {info.file_size:,} are there")
        with archive.open(info) as member:
            return member.read(size)

    return Opened(path, unpickled.tree, unpickled.asked, read)


def _legacy(path: Path) -> Opened:
    places: dict[str, tuple[int, int]] = {}  # key -> where a storage's bytes begin and end
    with path.open("rb") as file:
        try:
            if unpickle(file).tree != LEGACY_MAGIC:
                raise ValueError("it is a pickle of something else")
            unpickle(file)  # the version of the protocol
            if not unpickle(file).tree["little_endian"]:
                raise ValueError("its numbers are big-endian; save it on a common machine")
            unpickled = unpickle(file)
            keys = unpickle(file).tree
            at = file.tell()
            for key in map(str, keys):
                stored = unpickled.stored[key]
                start = at + 8  # after the number of elements
                at = start + stored.size * STORAGES[stored.kind].itemsize
                places[key] = start, at
        except (ValueError, KeyError, TypeError) as error:
            raise WorkbenchError(
                f"{path} is no whole checkpoint ({error}); get it again, or save a state_dict by "
                "torch.save where it was trained."
            ) from error
    held = path.stat().st_size
    if at > held:
        raise WorkbenchError(
            f"{path} ends after {held:,} bytes and claims to hold {at:,}; get it again."
        )

    def read(key: str, size: int) -> bytes:
        start, end = places[key]
        if end - start != size:
            raise ValueError(f"{size:,} bytes are claimed and {end - start:,} are there")
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    return Opened(path, unpickled.tree, unpickled.asked, read)


def _safetensors(path: Path) -> Opened:
    try:
        with safe_open(path, "pt") as file:
            tree = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WorkbenchError(
            f"{path} is no whole safetensors file ({error}); get it again."
        ) from error
    return Opened(path, tree, set(), lambda key, size: b"")
