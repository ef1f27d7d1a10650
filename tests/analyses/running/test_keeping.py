"""Where measured pieces are kept, looked at before any is measured."""

import os
import socket
import subprocess
import sys

import pytest

from analyses.running.keeping import CACHE, check_keeping
from workbench.errors import WorkbenchError


def test_a_place_to_keep_pieces_is_not_made_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_keeping(CACHE)
    assert list(tmp_path.iterdir()) == []


def test_where_none_can_be_kept_it_is_said_which_folder_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").touch()
    with pytest.raises(WorkbenchError) as caught:
        check_keeping(CACHE)
    assert str(caught.value) == (
        f"what is measured is kept in reports/.cache below the current folder, {tmp_path}, which "
        "cannot be written to (Not a directory); run the command from a folder that can."
    )


def test_what_a_killed_process_had_begun_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f".partial-{n}@{socket.gethostname()}@x" for n in (ended.pid, os.getpid())]
    for name in names:
        (tmp_path / name).touch()
    check_keeping(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == names[1:]
