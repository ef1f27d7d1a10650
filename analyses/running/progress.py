"""How far a run is, in a file that other programs may read at any time."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from workbench.files import check_replaceable, write_file

Stage = Literal["reading", "training", "measuring", "drawing", "writing", "finished", "failed"]


@dataclass(frozen=True)
class Progress:
    """A moment of a run.

    Attributes
    ----------
    stage : what the run is doing.
    diagnostic : what is measured or drawn, else empty.
    done, total : epochs while small models are trained; users, counted for each model, while they
        are measured; diagnostics that are drawn.
    message : the model that is trained, the report's page once it is finished, or why the run
        failed.
    """

    stage: Stage = "reading"
    diagnostic: str = ""
    done: int = 0
    total: int = 0
    message: str = ""


class ProgressFile:
    """A file that holds the last moment as one JSON object, replaced whole; none without a path.

    Raises
    ------
    WorkbenchError
        If the path is a folder's, or a file's that holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            check_replaceable(path, b'{"stage":')
        self.path = path

    def write(self, moment: Progress) -> None:
        """Put a moment in the place of the last one."""
        if self.path is not None:
            write_file(self.path, json.dumps(asdict(moment)).encode())


def read_progress(path: Path) -> Progress:
    """The last moment written; that of a run which has just begun where there is none yet."""
    try:
        moment = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Progress()
    assert moment["stage"] in get_args(Stage)
    return Progress(**moment)
