"""Files and folders that are replaced whole, and stay as they were if the writing fails."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from workbench.errors import WorkbenchError
from workbench.files import (
    check_apart,
    check_replaceable,
    check_writable,
    clear_partial,
    file_name,
    replaced_file,
    replaced_folder,
    write_file,
)


def test_a_file_and_its_folder_are_made(tmp_path):
    write_file(tmp_path / "new" / "a.txt", b"one")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"one"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_the_file_can_be_read_by_whom_the_umask_lets(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a.txt", b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_the_old_file_is_there_until_the_end_and_after_a_failure(tmp_path):
    path = tmp_path / "a.txt"
    write_file(path, b"old")

    def stopped() -> None:
        with replaced_file(path) as aside:
            aside.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_made_for_a_file_goes_with_it(tmp_path):
    with pytest.raises(OSError, match="full"), replaced_file(tmp_path / "new" / "a.txt"):
        raise OSError("full")
    assert not (tmp_path / "new").exists()


def test_a_folder_is_replaced_whole(tmp_path):
    write_file(tmp_path / "report" / "old.txt", b"old")
    with replaced_folder(tmp_path / "report") as folder:
        (folder / "new.txt").write_bytes(b"new")
        assert (tmp_path / "report" / "old.txt").exists()
    assert [p.name for p in (tmp_path / "report").iterdir()] == ["new.txt"]
    with pytest.raises(ValueError, match="no"), replaced_folder(tmp_path / "report"):
        raise ValueError("no")
    assert [p.name for p in tmp_path.rglob("*")] == ["report", "new.txt"]


def test_a_folder_behind_a_link_is_replaced_there(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "report")
    for content in (b"new", b"newer"):  # nothing is there at first
        check_writable(tmp_path / "link")
        with replaced_folder(tmp_path / "link") as folder:
            assert folder.is_relative_to(tmp_path / "disk")
            (folder / "page").write_bytes(content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "disk" / "report" / "page").read_bytes() == content
    assert [p.name for p in (tmp_path / "disk").iterdir()] == ["report"]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_an_ended_process_left_is_cleared(tmp_path):
    here, ended, alive = socket.gethostname(), ended_process(), os.getpid()
    stay = [f".partial-{alive}@{here}@a", f".partial-{ended}@{here}2@b", ".partial-mine", "c"]
    for name in (*stay, f".partial-{ended}@{here}@d", f".partial-{ended}@{here}@e"):
        (tmp_path / name).mkdir() if name[-1] in "ad" else (tmp_path / name).touch()
    clear_partial(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(stay)


def killed_while(writing: str, *given: object) -> None:
    """Kill a process while it writes something that is replaced."""
    program = (
        "import os, signal, sys; from pathlib import Path; from workbench import files\n"
        f"with files.{writing}(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, *map(str, given)], check=False)


@pytest.mark.parametrize("writing", ["replaced_file", "replaced_folder"])
def test_what_a_killed_process_was_writing_is_cleared(tmp_path, writing):
    killed_while(writing, tmp_path / "new")
    assert [p.name[:9] for p in tmp_path.iterdir()] == [".partial-"]
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(WorkbenchError, match="taken cannot be written to: File exists"):
        check_writable(tmp_path / "taken")


def test_what_is_read_is_no_place_to_write_to(tmp_path):
    folder, file = tmp_path / "model", tmp_path / "log.csv"
    folder.mkdir()
    file.touch()
    (folder / "card.json").touch()
    (tmp_path / "hard.csv").hardlink_to(file)
    (tmp_path / "soft").symlink_to(folder)
    read = (folder, file)
    for out in (
        *(folder, file, tmp_path / "hard.csv", tmp_path / "soft" / "card.json"),
        tmp_path / "model" / ".." / "log.csv",
    ):
        with pytest.raises(WorkbenchError, match="is read from; choose another place to write to"):
            check_apart(out, read)
    for out in (tmp_path / "new.csv", folder / "lists.csv", tmp_path):
        check_apart(out, read)


def test_only_what_begins_as_it_should_is_replaced(tmp_path):
    for name, content in {
        "notes.md": b"# Notes",
        "ours.json": b'{"stage": 1}',
        "none": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
    for name in ("ours.json", "none", "new"):
        check_replaceable(tmp_path / name, b'{"stage":')
    with pytest.raises(WorkbenchError, match=r"notes\.md holds something else; give a file of"):
        check_replaceable(tmp_path / "notes.md", b'{"stage":')
    with pytest.raises(WorkbenchError, match=r"is a folder; give a file\.$"):
        check_replaceable(tmp_path, b'{"stage":')


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("history-u3.csv", "history-u3.csv"),
        ("top-SASRec (x)-../../etc.csv", "top-SASRec-x--..-..-etc.csv"),
        ("maps-a\u202egnp.csv", "maps-a-gnp.csv"),
        ("../.hidden", "hidden"),
    ],
)
def test_a_file_name_is_one(text, called):
    assert file_name(text) == called
