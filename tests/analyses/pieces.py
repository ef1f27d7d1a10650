"""Results and stored runs whose users are parted into other pieces."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.report.folder import MANIFEST
from analyses.report.stored import StoredRun, open_run
from analyses.running.results import Results, Rows
from analyses.running.store import read_pieces, write_pieces
from workbench.files import checksum


def parted(results: Results, cuts: Sequence[int]) -> Results:
    """The same rows, model after model, with the users of each cut at these places."""
    frame = results.frame
    rest = frame["kind"].eq("weight") if "kind" in frame else pd.Series(False, frame.index)
    users = np.split(np.unique(frame["user"]), sorted(cuts))
    pieces = [
        rows[rows["user"].isin(part)]
        for _, rows in frame[~rest].groupby("model", observed=True, sort=False)
        for part in users
    ]
    examples = frame[rest].dropna(axis="columns", how="all")
    return replace(results, rows=Rows([*pieces, examples] if len(examples) else pieces))


def stored_in_pieces(folder: Path, out: Path, cuts: Sequence[int]) -> StoredRun:
    """A report with the same tables, the users of each model cut at these places."""
    shutil.copytree(folder, out)
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    for path in (out / "raw").iterdir():
        frames = parted(Results(Rows(read_pieces(path)), open_run(folder).comparison), cuts).rows
        write_pieces([frame for frame in frames if len(frame)], path)
        manifest["files"][f"raw/{path.name}"] = checksum(path)
    (out / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return open_run(out)
