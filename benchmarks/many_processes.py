"""What further processes gain: report, evaluation and training by 1, 2 and 4 of torchrun's.

Run: python -m benchmarks.many_processes [--processes 1 2 4] [--users 20000] [--repeats 3]
Each process has one thread. Report and evaluation are whole commands, start-up included, on planted
data, the numbers of processes taking turns; a training is the seconds that its card tells, without
start-up. Last come the numbers that tell how far training by data parallelism goes: the gradients
of a step, which all ranks exchange, beside the seconds of a step.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks.timing import add_repeats, environment, medians, positive, print_table, seconds
from workbench import build_model, load_data, save_model

ONLY = ("attention_worth", "order", "gradient_agreement")
PACKAGES = Path(__file__).resolve().parents[1]
CATALOGUES = {"MovieLens 100k": 1_682, "Beauty": 12_101, "a million items": 1_000_000}


def torchrun(processes: int, arguments: Sequence[str], place: Path) -> None:
    """Run a command in so many processes of one thread each."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", "-m", *arguments]
    subprocess.run(command, cwd=place, check=True, capture_output=True)


def training(processes: int, data: str, place: Path) -> float:
    """Seconds of two epochs."""
    with tempfile.TemporaryDirectory(dir=place) as out:
        given = ["--data", data, "--epochs", "2", "--batch-size", "1024", "--out", out]
        torchrun(processes, ["workbench", "train", "--model", "SASRec", *given], place)
        return float(json.loads((Path(out) / "card.json").read_text())["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=positive, nargs="+", default=[1, 2, 4])
    parser.add_argument("--users", type=positive, default=20_000, help="default: %(default)s")
    add_repeats(parser, 3)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, a load of {os.getloadavg()[0]:.1f} before anything began")
    source = f"planted:content?users={args.users}&items=1000"
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PACKAGES), "GLOO_SOCKET_IFNAME": "lo"}
    with tempfile.TemporaryDirectory() as folder, environment(own):
        place = Path(folder)
        data = load_data(source)
        for name in ("SASRec", "AC-SASRec"):
            torch.manual_seed(0)
            save_model(build_model(name, data, hidden_size=32, inner_size=64), place / name)
        models = [str(place / "SASRec"), str(place / "AC-SASRec")]
        few = str(min(args.users, 4096))
        report = ["analyses.run_all", "--data", source, "--models", *models, "--only", *ONLY]
        report += ["--users", few, "--force", "--out", str(place / "report")]
        commands = {
            f"report of {few} users": report,
            "evaluate": ["workbench", "evaluate", "--model", models[1], "--data", source],
        }
        rows = []
        for what, command in commands.items():
            runs = {
                str(n): partial(seconds, partial(torchrun, n, command, place))
                for n in args.processes
            }
            rows.append(_row(what, medians(runs, args.repeats)))
        trainings = {str(n): partial(training, n, source, place) for n in args.processes}
        rows.append(_row("train, two epochs", medians(trainings, args.repeats)))
    head = [part for n in args.processes for part in (f"{n}: s", "ratio")]
    print_table(["processes", *head], rows)
    print("\ngradients that a step exchanges, SASRec of hidden size 64 in two layers")
    print_table(
        ["", "items", "parameters", "MB"],
        [[name, f"{n:,}", *_gradients(n)] for name, n in CATALOGUES.items()],
    )


def _row(what: str, found: dict[str, float]) -> list[str]:
    first = next(iter(found.values()))
    return [what, *(cell for s in found.values() for cell in (f"{s:.1f}", f"{s / first:.2f}"))]


def _gradients(items: int) -> tuple[str, str]:
    """How many parameters a model has, and the megabytes of their gradients in single precision."""
    data = load_data("planted:content?users=10")
    with torch.device("meta"):
        model = build_model("SASRec", data)
    count = sum(p.numel() for p in model.parameters())
    count += (items - data.n_items) * model.config.hidden_size
    return f"{count:,}", f"{4 * count / 1e6:.1f}"


if __name__ == "__main__":
    main()
