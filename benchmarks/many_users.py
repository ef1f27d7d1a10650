"""What a report of 10,000, 100,000 and 1,000,000 users costs: seconds and memory, of small models.

Run: python -m benchmarks.many_users [--users 10000 100000 1000000] [--only order attention_maps]
Each number of users has a process of its own, which makes planted data, evaluates a model of random
weights by full ranking, and makes the report of it and of one with uniform attention: diagnostics
measured piece by piece, each piece stored, concluded from and drawn, and the folder written.
Seconds are of the processor, on one thread, so that what else runs disturbs little.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from analyses.diagnostic import choose, discover
from analyses.report.output import write_report
from analyses.report.sections import Section
from analyses.running.inputs import Inputs
from analyses.running.measuring import Measured, measured
from analyses.running.store import Store
from benchmarks.timing import positive, print_table
from workbench import build_model, evaluate, load_data
from workbench.data.lookup import users_with_case

SIZES = (10_000, 100_000, 1_000_000)
SMALL = {"n_layers": 1, "n_heads": 1, "hidden_size": 16, "inner_size": 16, "max_length": 10}
MOST = "most memory, GB"


def cost(users: int, only: list[str]) -> dict[str, float]:
    """Seconds of each stage, and the most memory that was held."""
    torch.set_num_threads(1)
    spent: dict[str, float] = {}
    before = time.process_time()

    def lap(stage: str) -> None:
        nonlocal before
        now = time.process_time()
        spent[stage], before = now - before, now

    data = load_data(f"planted:content?users={users}&items=1000&length=12&shortest=6")
    lap("data")
    torch.manual_seed(0)
    models = {
        "SASRec": build_model("SASRec", data, **SMALL).eval(),
        "SASRec-uniform": build_model("SASRec", data, attention="uniform", **SMALL).eval(),
    }
    lap("models")
    evaluate(models["SASRec"], data)
    lap("evaluate")
    everyone, start = np.sort(users_with_case(data)), time.perf_counter()
    sources = dict.fromkeys(models, "random weights")
    inputs = Inputs(data, models, {name: {} for name in models}, sources, everyone, [], [])
    results: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "cache")
        for diagnostic in choose(discover(), only):
            results.append(measured(diagnostic, models, data, everyone, 0, store, quiet=True))
            lap(f"{diagnostic.name}: measure")
        sections = []
        for result in results:
            sections.append(Section.of(result.diagnostic, result.results))
            assert not sections[-1].failures, sections[-1].failures[0].traceback
            lap(f"{result.diagnostic.name}: conclude")
        out = Path(folder) / "report"
        write_report(out, inputs, results, sections, command="", seed=0, start=start)
        lap("verdict, and the folder written")
    spent[MOST] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=positive, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="*", default=[], choices=list(discover()))
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(cost(args.users[0], args.only)))
        return
    costs = {}
    for users in args.users:
        command = [sys.executable, "-m", "benchmarks.many_users", "--alone"]
        command += ["--users", str(users), "--only", *args.only]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        costs[users] = json.loads(said.splitlines()[-1])
        print(f"{users:,} users done", file=sys.stderr)
    stages = list(next(iter(costs.values())))
    rows = [[stage, *(f"{each[stage]:.2f}" for each in costs.values())] for stage in stages]
    head = ["processor seconds", *(f"{users:,}" for users in costs)]
    print_table(head, rows)


if __name__ == "__main__":
    main()
