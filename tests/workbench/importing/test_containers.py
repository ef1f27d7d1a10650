"""Files opened without running them, and without believing the sizes they claim."""

import io
import os
import pickle
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from workbench.errors import WorkbenchError
from workbench.importing.weights import read_weights

FORMATS = {"zip": {}, "zip-4": {"pickle_protocol": 4}} | {
    "legacy": {"_use_new_zipfile_serialization": False},
    "legacy-4": {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
}
GIGABYTES_10 = 10 * 2**30


def told(path):
    with pytest.raises(WorkbenchError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


def state():
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(7, 4, generator=generator)
    return {
        "table": table,
        "tied": table,
        "view": table[2:5, 1:].t(),
        "half": table.half(),
        "bfloat": table.bfloat16(),
        "double": table.double(),
        "steps": torch.tensor(3),
        "flags": torch.tensor([True, False]),
        "none": torch.empty(0, 4),
        "parameter": torch.nn.Parameter(table + 1),
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_tensors_are_those_torch_reads(kind, tmp_path):
    torch.save(state(), tmp_path / "a.pt", **FORMATS[kind])
    found = read_weights(tmp_path / "a.pt").tensors
    if "4" in kind:  # which torch.load cannot read with weights_only
        wanted = torch.load(tmp_path / "a.pt", weights_only=False)
    else:
        wanted = torch.load(tmp_path / "a.pt", weights_only=True)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach())


def test_safetensors(tmp_path):
    wanted = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(1)}
    save_file(wanted, tmp_path / "a.safetensors")
    found = read_weights(tmp_path / "a.safetensors").tensors
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(content[:-4])
    assert "no whole safetensors file" in told(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_tensors_of_a_gpu_are_read_without_one(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
    torch.save({"a": torch.ones(2), "b": torch.ones(2)}, tmp_path / "a.pt", **FORMATS[kind])
    assert b"cuda:3" in (tmp_path / "a.pt").read_bytes()
    found = read_weights(tmp_path / "a.pt").tensors["a"]
    assert found.device.type == "cpu"
    assert torch.equal(found, torch.ones(2))


class Call:
    """Pickled as a call of a function with arguments, made when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("function", ["mkdir", "exec", "eval"])
def test_nothing_in_a_file_is_executed(kind, function, tmp_path):
    place = tmp_path / "executed"
    code = f"__import__('os').mkdir({str(place)!r})"
    calls = {
        "mkdir": Call(os.mkdir, str(place)),
        "exec": Call(exec, code),
        "eval": Call(eval, code),
    }
    saved = {"state_dict": state(), "config": calls[function]}
    torch.save(saved, tmp_path / "a.pt", **FORMATS[kind])
    torch.load(tmp_path / "a.pt", weights_only=False)  # the trap works
    assert place.exists()
    place.rmdir()
    assert torch.equal(read_weights(tmp_path / "a.pt").tensors["table"], state()["table"])
    assert not place.exists()


def test_a_hostile_state_dict_or_pickle_is_told_and_not_executed(tmp_path):
    place = tmp_path / "executed"
    for content in (Call(os.mkdir, str(place)), {"weight": Call(os.mkdir, str(place))}):
        torch.save(content, tmp_path / "a.pt")
        told(tmp_path / "a.pt")
        (tmp_path / "a.pt").write_bytes(pickle.dumps(content))
        assert "no whole checkpoint" in told(tmp_path / "a.pt")
    assert not place.exists()


def rewritten(path, change):
    """The pickle of a checkpoint changed; the numbers stay as they are."""
    if not zipfile.is_zipfile(path):
        path.write_bytes(change(path.read_bytes()))
        return
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            member = old.read(info)
            new.writestr(
                info.filename, change(member) if info.filename.endswith("data.pkl") else member
            )
    path.write_bytes(buffer.getvalue())


BIG = b"\x8a\x05" + GIGABYTES_10.to_bytes(5, "little")  # LONG1
LIES = {
    "the storage": [(b"K\x04t", BIG + b"t"), (b"K\x04Nt", BIG + b"Nt")],
    "the shape": [(b"K\x04\x85", BIG + b"\x85")],
    "the shape, all elements one": [
        (b"K\x04\x85", BIG + b"\x85"),
        (b"K\x01\x85", b"K\x00\x85"),
    ],
    "both": [
        (b"K\x04t", BIG + b"t"),
        (b"K\x04Nt", BIG + b"Nt"),
        (b"K\x04\x85", BIG + b"\x85"),
    ],
}


@pytest.mark.parametrize("kind", ["zip", "legacy"])
@pytest.mark.parametrize("lie", LIES)
def test_ten_gigabytes_claimed_by_a_small_file_are_not_allocated(kind, lie, tmp_path):
    torch.save({"weight": torch.arange(4.0)}, tmp_path / "a.pt", **FORMATS[kind])
    before = (tmp_path / "a.pt").read_bytes()

    def change(content):
        for old, new in LIES[lie]:
            content = content.replace(old, new, 1)
        return content

    rewritten(tmp_path / "a.pt", lambda content: content)
    assert torch.equal(read_weights(tmp_path / "a.pt").tensors["weight"], torch.arange(4.0))
    rewritten(tmp_path / "a.pt", change)
    assert (tmp_path / "a.pt").read_bytes() != before
    told(tmp_path / "a.pt")


def test_a_pickle_that_would_fill_memory_is_refused(tmp_path):
    torch.save({"weight": torch.arange(4.0)}, tmp_path / "a.pt")
    memo = b"r" + struct.pack("<I", 2**31)  # LONG_BINPUT
    rewritten(tmp_path / "a.pt", lambda content: content.replace(b"}q\x00", b"}" + memo))
    assert "a memo of" in told(tmp_path / "a.pt")
    array = b"\x80\x05\x96" + struct.pack("<Q", GIGABYTES_10) + b"."  # BYTEARRAY8
    rewritten(tmp_path / "a.pt", lambda _: array)
    told(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_bytes(array)
    told(tmp_path / "a.pt")


def test_a_compressed_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"0" * 10_000_000)
    assert "compressed" in told(tmp_path / "a.pt")


@pytest.mark.parametrize("kind", ["zip", "legacy", "legacy-4"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files_are_told(kind, share, tmp_path):
    torch.save(state(), tmp_path / "a.pt", **FORMATS[kind])
    os.truncate(tmp_path / "a.pt", int(os.path.getsize(tmp_path / "a.pt") * share))
    told(tmp_path / "a.pt")


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
OTHERS = {
    "an image": (PNG + b"\0" * 100, "no checkpoint"),
    "a text": (b"user item item\n", "no checkpoint"),
    "empty": (b"", "is empty"),
    "a pickle": (pickle.dumps({"weight": [1.0]}), "pickle of something else"),
    "a torch stream without weights": (None, "holds no state_dict"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_files_are_told(other, tmp_path):
    content, reason = OTHERS[other]
    if content is None:
        torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "a.pt")
    else:
        (tmp_path / "a.pt").write_bytes(content)
    assert reason in told(tmp_path / "a.pt")


def test_another_zip_a_folder_and_a_missing_file_are_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("letter.txt", "dear")
    assert "no data.pkl" in told(tmp_path / "a.zip")
    assert "is a folder" in told(tmp_path)
    assert "does not exist" in told(tmp_path / "nowhere.pt")


def test_an_archive_with_a_password_is_told(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # both headers of each member
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + flags] |= 1
    (tmp_path / "a.pt").write_bytes(content)
    assert "(it is locked by a password)" in told(tmp_path / "a.pt")


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.pt")
    assert "is a pipe or a device; write the checkpoint to a file" in told(tmp_path / "a.pt")


def test_a_whole_pickled_model_is_told(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 3)}, tmp_path / "a.pt")
    assert "a whole object of the class torch.nn.modules.linear.Linear" in told(tmp_path / "a.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_told(value, tmp_path):
    torch.save({"a.b": torch.ones(2), "a.c": torch.tensor([1.0, value])}, tmp_path / "a.pt")
    assert "a.c holds values that are not finite" in told(tmp_path / "a.pt")


def test_tensors_of_a_kind_that_is_not_read_are_told(tmp_path):
    for tensor, reason in (
        (torch.ones(3).expand(4, 3), "the tensor a repeats numbers that are stored once"),
        (torch.ones(2, dtype=torch.complex64), "is of the kind ComplexFloatStorage, which is not"),
    ):
        torch.save({"a": tensor}, tmp_path / "a.pt")
        message = told(tmp_path / "a.pt")
        assert reason in message
        assert "damaged" not in message


def test_several_states_are_told(tmp_path):
    torch.save({"ema": {"a": torch.ones(2)}, "last": {"a": torch.ones(2)}}, tmp_path / "a.pt")
    assert "holds tensors in ema and last; save the state_dict of" in told(tmp_path / "a.pt")


WRAPPED = {
    "bare": lambda s: s,
    "module": lambda s: {f"module.{k}": v for k, v in s.items()},
    "lightning": lambda s: {"epoch": 1, "state_dict": {f"model.net.{k}": v for k, v in s.items()}},
    "nested": lambda s: {"model": {"state_dict": s}, "optimizer": {"state": {}}},
    "by another word": lambda s: {"model_ema": s, "optimizer": {"state": {0: {"step": s}}}},
    "deeper": lambda s: {"checkpoint": {"student": s}, "epoch": 1},
    "beside a tensor": lambda s: {"best": torch.ones(()), "state_dict": s},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_wrapped_states(wrapping, tmp_path):
    bare = {"item.weight": torch.ones(2), "norm.weight": torch.zeros(1)}
    torch.save(WRAPPED[wrapping](bare), tmp_path / "a.pt")
    assert read_weights(tmp_path / "a.pt").tensors.keys() == bare.keys()
