"""What a report of 10,000, 100,000 and 1,000,000 users costs: seconds and memory, of small models.

Run: python -m benchmarks.many_users [--users 10000 100000 1000000] [--only order attention_maps]
For each number of users, three processes one after the other. The first makes planted data,
evaluates a model of random weights by full ranking, and makes the report of it and of one with
uniform attention: diagnostics measured piece by piece, each piece stored, concluded from and drawn,
and the folder written. The second compares the report with itself. The third asks for what the
page Whole data set shows of each diagnostic: of all users, of a quarter of them, and their numbers
on a page, sorted by one of these.
Seconds are of the processor, on one thread, so that what else runs disturbs little.
"""

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from analyses.diagnostic import choose, discover
from analyses.report.output import write_report
from analyses.report.sections import Section
from analyses.report.side_by_side import compared
from analyses.report.stored import open_run
from analyses.running.inputs import inputs_at_hand
from analyses.running.measuring import Measured, measured
from analyses.running.store import Store
from benchmarks.timing import positive, print_table
from workbench import build_model, evaluate, load_data

SIZES = (10_000, 100_000, 1_000_000)
SMALL = {"n_layers": 1, "n_heads": 1, "hidden_size": 16, "inner_size": 16, "max_length": 10}
REPORT = "report"


class Laps:
    """Seconds of the processor that each stage of this process took, and the most memory."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._before = time.process_time()

    def __call__(self, stage: str) -> None:
        now = time.process_time()
        self.spent[stage] = self.spent.get(stage, 0) + now - self._before
        self._before = now

    def ended(self, what: str) -> dict[str, float]:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        return self.spent | {f"most memory, GB: {what}": most}


def report(users: int, only: list[str], folder: Path) -> dict[str, float]:
    """Seconds of each stage of a report, which is left in a folder, and the most memory."""
    lap = Laps()
    data = load_data(f"planted:content?users={users}&items=1000&length=12&shortest=6")
    lap("data")
    torch.manual_seed(0)
    models = {
        "SASRec": build_model("SASRec", data, **SMALL).eval(),
        "SASRec-uniform": build_model("SASRec-uniform", data, **SMALL).eval(),
    }
    lap("models")
    evaluate(models["SASRec"], data)
    lap("evaluate")
    inputs, start = inputs_at_hand(models, data), time.perf_counter()
    results: list[Measured] = []
    store = Store(folder / "cache")
    for diagnostic in choose(discover(), only):
        results.append(measured(diagnostic, inputs, 0, store, quiet=True))
        lap(f"{diagnostic.name}: measure")
    sections = []
    for result in results:
        sections.append(Section.of(result.diagnostic, result.results))
        assert not sections[-1].failures, sections[-1].failures[0].traceback
        lap(f"{result.diagnostic.name}: conclude")
    write_report(folder / REPORT, inputs, results, sections, command="", seed=0, start=start)
    lap("verdict, and the folder written")
    return lap.ended("report")


def comparison(folder: Path) -> dict[str, float]:
    """Seconds of a comparison of the report with itself, and the most memory."""
    lap = Laps()
    compared(*[open_run(folder / REPORT)] * 2)
    lap("compare two such reports")
    return lap.ended("compare")


def page(folder: Path) -> dict[str, float]:
    """Seconds of what a page shows of every diagnostic, and the most memory."""
    from workbench.app.dataset import stored_results  # which brings Streamlit
    from workbench.app.dataset.per_user import PAGE, Order
    from workbench.app.dataset.stored_results import Choice

    lap, run = Laps(), open_run(folder / REPORT)
    for name in run.manifest["diagnostics"]:
        diagnostic, users = discover()[name], stored_results.users_of(run, name)
        every = stored_results.answers_for(run, diagnostic, Choice())
        for summary in every.summaries.values():
            stored_results.charts_of(summary)
        lap("page: figures and tables of all users")
        quarter = Choice(users=users[: len(users) // 4])
        stored_results.answers_for(run, diagnostic, quarter)
        lap("page: the same of a quarter of them")
        kept = stored_results.kept_of_users(run, name)
        conditions = {column: values[0] for column, values in kept.conditions.items()}
        order = Order(kept.measures[0], kept.models[0])
        users = stored_results.users_in_order(run, name, users, conditions, order)
        stored_results.numbers_of_users(run, name, users[:PAGE], conditions)
        lap(f"page: {PAGE:,} users, sorted")
    return lap.ended("page")


STEPS: dict[str, Callable[..., dict[str, float]]] = {
    "report": report,
    "compare": comparison,
    "page": page,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=positive, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="*", default=[], choices=list(discover()))
    parser.add_argument("--alone", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        torch.set_num_threads(1)
        logging.disable(logging.WARNING)  # that no browser asks
        given = [args.users[0], args.only] if args.alone == "report" else []
        print(json.dumps(STEPS[args.alone](*given, args.folder)))
        return
    costs: dict[int, dict[str, float]] = {}
    for users in args.users:
        costs[users] = {}
        with tempfile.TemporaryDirectory() as folder:
            for step in STEPS:
                command = [sys.executable, "-m", "benchmarks.many_users", "--alone", step]
                command += ["--folder", folder, "--users", str(users), "--only", *args.only]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                costs[users] |= json.loads(said.splitlines()[-1])
        print(f"{users:,} users done", file=sys.stderr)
    stages = list(next(iter(costs.values())))
    rows = [[stage, *(f"{each[stage]:.2f}" for each in costs.values())] for stage in stages]
    head = ["processor seconds", *(f"{users:,}" for users in costs)]
    print_table(head, rows)


if __name__ == "__main__":
    main()
