"""The app in a browser: `python -m benchmarks.app`.

How long from the start of a server, or from a visit of one that runs, to the first numbers; and
from asking for another user, an edit, a list of users or a tab of a report to the last thing drawn:
the last change of the document or stroke on a canvas before half a second of rest. With it what the
server needs for each, its memory and that of a page, and another user for several sessions at once.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import visits
from benchmarks.timing import positive, prepare, print_table
from benchmarks.visits import visit
from tests.app.browser import ROOT, chromium, served
from workbench import build_model, load_data, save_model
from workbench.model_folders import PRETRAINED

NAMES = ("SASRec", "AC-SASRec")
STREAMLIT = ("-m", "streamlit", "run", str(ROOT / "app.py"))
WORKBENCH = ("-m", "workbench", "app")
USERS = 943  # of the report, all that MovieLens 100k has
LIST = "Attention and gradients disagree most · SASRec"
MEASURED, FIRST_TEN = "Users measured", "Look closer"
TABS = ("Tables", "Users", "Figures")


class Measured(NamedTuple):
    """What was asked of the app.

    Attributes
    ----------
    what : in words.
    target : in seconds, as it is printed.
    seconds : each time.
    processor : seconds of the server's processor time, of all times together; NaN if not known.
    """

    what: str
    target: str
    seconds: Sequence[float]
    processor: float = float("nan")


def main() -> None:
    """Print the times, the targets beside them, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--interactions", type=positive, default=60)
    parser.add_argument("--sessions", type=positive, default=5)
    parser.add_argument("--report", type=Path, help="a report of these data; made where not given")
    options = parser.parse_args()
    prepare(1)
    data = load_data(options.data)
    ids = [str(user) for user in np.random.default_rng(0).permutation(data.user_ids)]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        where = Path(folder)
        query = {"data": _absolute(options.data), "models": _models(data, where)}
        _place_report(where / "reports" / "report", options.report, query)
        measured = list(_first_numbers(browser, where, query))
        with served(command=STREAMLIT, where=where) as (address, process):
            asked = _Asked(browser, address, process, query, ids)
            measured += asked.new_sessions()
            another, memory = asked.users(options.interactions)
            measured += [another, asked.edits(), *asked.lists(), *asked.tabs()]
            measured.append(asked.together(options.sessions))
    print_table(
        [f"{data.name}, seconds", "target", "median", "95th percentile", "n", "server"],
        [_row(one) for one in measured],
    )
    before, after = memory
    print(
        f"Server: processor time for one. Over {options.interactions} users the server went from "
        f"{before.server:.0f} to {after.server:.0f} MB, the page's heap from {before.page:.0f} to "
        f"{after.page:.0f} MB."
    )


def _absolute(source: str) -> str:
    """A path that holds wherever the server starts; a name as it is."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _models(data: Any, folder: Path) -> list[str]:
    """The shipped models where they know the items, else random ones, which cost the same."""
    if data.name == "ml-100k" and all((PRETRAINED / name).exists() for name in NAMES):
        return list(NAMES)
    card = {"data": {"checksum": data.checksum}}
    return [str(save_model(build_model(n, data).eval(), folder / n, card)) for n in NAMES]


def _place_report(place: Path, given: Path | None, query: dict[str, Any]) -> None:
    """Put a report where the app looks for it; a new one takes minutes."""
    place.parent.mkdir()
    if given is not None:
        shutil.copytree(given, place)  # the app opens no link that leads out of its folders
        return
    print(f"First a report of {USERS} users is made; --report spares this the next time.")
    command = [sys.executable, "-m", "analyses.run_all", "--data", query["data"]]
    command += ["--users", str(USERS), "--out", str(place)]
    for model in query["models"]:
        command += ["--models", model]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _first_numbers(browser: Any, where: Path, query: dict[str, Any]) -> Iterator[Measured]:
    for said, command, path, asked in (
        ("Start", STREAMLIT, "", {}),
        ("Inspect", STREAMLIT, "inspect", query),
        ("Start by `python -m workbench app`", WORKBENCH, "", {}),
    ):
        first = visits.cold(browser, command, where, path, asked)
        yield Measured(f"cold server, {said}: first words", "", [first.words])
        yield Measured(f"cold server, {said}: first numbers", "6", [first.numbers])


class _Asked:
    """What is asked of one server that runs."""

    def __init__(
        self, browser: Any, address: str, process: int, query: dict[str, Any], ids: list[str]
    ) -> None:
        self.browser, self.address, self.process = browser, address, process
        self.query, self.ids = query, ids

    def _opened(self, path: str, **query: str) -> Any:
        return visit(self.browser, f"{self.address}/{path}", {**self.query, **query})

    def _measured(
        self, what: str, target: str, times: Iterator[float] | Callable[[], float]
    ) -> Measured:
        before = visits.processor(self.process)
        seconds = [times()] if callable(times) else list(times)
        return Measured(what, target, seconds, visits.processor(self.process) - before)

    def new_sessions(self) -> Iterator[Measured]:
        """First numbers for somebody else, once each page was shown."""
        for name, path, query in (("Start", "", {}), ("Inspect", "inspect", self.query)):
            address = f"{self.address}/{path}"
            visits.warm(self.browser, address, query)
            times = (visits.warm(self.browser, address, query).numbers for _ in range(5))
            yield self._measured(f"new session, {name}: first numbers", "2", times)

    def users(self, n: int) -> tuple[Measured, tuple[visits.Memory, visits.Memory]]:
        """One user after the other, and the memory before and after."""
        first, *warm = self.ids[:6]
        with self._opened("inspect", user=first) as page:
            visits.ready(page, FIRST_TEN)

            def another(user: str) -> float:
                visits.ask(page, user)
                return visits.finish(page, f"User {user}:")

            for user in warm:
                another(user)
            before = visits.memory(page, self.process)
            found = self._measured("another user", "0.4", map(another, self.ids[6 : 6 + n]))
            return found, (before, visits.memory(page, self.process))

    def edits(self) -> Measured:
        """The largest weight taken away, again and again."""
        with self._opened("what-if", user=self.ids[0]) as page:
            visits.ready(page, "History, and the weight")
            button = "Remove the largest weight"
            times = (visits.press(page, "button", button, "largest weight") for _ in range(20))
            return self._measured("an edit in What if", "0.25", times)

    def lists(self) -> Iterator[Measured]:
        """A list for which every user is measured, and the same in another session."""
        for when, target in (("the first time", "3"), ("the second time", "at once")):
            with self._opened("inspect", user=self.ids[0]) as page:
                visits.ready(page, FIRST_TEN)

                def choose(page: Any = page) -> float:
                    box = page.get_by_role("combobox", name="List of users")
                    box.fill(LIST)
                    box.press("Enter")
                    return visits.finish(page, MEASURED)

                yield self._measured(f"a list of users, {when}", target, choose)

    def tabs(self) -> Iterator[Measured]:
        """Each part of what a report says of each question."""
        with visit(self.browser, f"{self.address}/dataset", {}) as page:
            visits.ready(page, "Findings")
            questions = page.locator("[data-testid=stButtonGroup]").first.get_by_role("radio")
            shown, *others = questions.all_inner_texts()
            for when in ("the first time", "again"):
                times = (
                    visits.press(page, "radio", tab, name)
                    for name in (*others, shown)
                    for tab in (name, *TABS)
                )
                yield self._measured(f"a tab of Whole data set, {when}", "1", times)

    def together(self, sessions: int) -> Measured:
        """Each session asks for a user at the same time as the others, again and again."""
        with ExitStack() as stack:
            pages = [
                stack.enter_context(self._opened("inspect", user=user))
                for user in self.ids[:sessions]
            ]
            for page in pages:
                visits.ready(page, FIRST_TEN)

            def times() -> Iterator[float]:
                users = iter(self.ids[6 : 6 + 4 * sessions])
                for asked in zip(*[users] * sessions, strict=True):
                    for page, user in zip(pages, asked, strict=True):
                        visits.ask(page, user)
                    for page, user in zip(pages, asked, strict=True):
                        yield visits.finish(page, f"User {user}:")

            return self._measured(f"another user, {sessions} sessions at once", "", times())


def _row(one: Measured) -> list[str]:
    high = f"{np.quantile(one.seconds, 0.95):.2f}" if len(one.seconds) > 1 else ""
    used = one.processor / len(one.seconds)
    return [
        *(one.what, one.target, f"{statistics.median(one.seconds):.2f}", high),
        *(str(len(one.seconds)), "" if np.isnan(used) else f"{used:.2f}"),
    ]


if __name__ == "__main__":
    main()
