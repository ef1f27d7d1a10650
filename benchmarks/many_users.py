"""What 10,000, 100,000 and 1,000,000 users cost: seconds and the most memory, of a small model.

Run: python -m benchmarks.many_users [--users 10000 100000 1000000] [--only attention_worth]
Each number of users has a process of its own, which makes planted data, evaluates a model of random
weights by full ranking, and measures diagnostics piece by piece, each piece stored, and concludes
from them. Seconds are of the processor, on one thread, so that what else runs disturbs little.
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
from analyses.running.measuring import measured
from analyses.running.store import Store
from benchmarks.timing import positive, print_table
from workbench import build_model, evaluate, load_data
from workbench.data.lookup import users_with_case

SIZES = (10_000, 100_000, 1_000_000)
CHEAP = ("attention_worth",)
MODEL = {"n_layers": 1, "n_heads": 1, "hidden_size": 16, "inner_size": 16, "max_length": 10}
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
    model = build_model("SASRec", data, **MODEL).eval()
    lap("model")
    evaluate(model, data)
    lap("evaluate")
    everyone = np.sort(users_with_case(data))
    with tempfile.TemporaryDirectory() as folder:
        for diagnostic in choose(discover(), only):
            store = Store(Path(folder))
            results = measured(diagnostic, {"SASRec": model}, data, everyone, 0, store, quiet=True)
            lap(f"{diagnostic.name}: measure")
            diagnostic.findings(results.results)
            diagnostic.tables(results.results)
            diagnostic.summaries(results.results)
            lap(f"{diagnostic.name}: conclude")
    spent[MOST] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=positive, nargs="+", default=SIZES)
    parser.add_argument("--only", nargs="+", default=list(CHEAP), choices=list(discover()))
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
