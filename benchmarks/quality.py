"""What the models reach on a data set: each trained with several seeds, test metrics and spread.

Run: python -m benchmarks.quality --out runs/beauty [--models NAME ...] [--seeds 0 1 2]
Full ranking of all items, leave-one-out, seen items not removed. A model that is finished in --out
is read from there, and one that was killed goes on, so that the runs can be shared out.
"""

import argparse
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import add_threads, prepare, print_table
from workbench import SequenceData, build_model, load_data, load_model, train
from workbench.checkpoint import CARD

MODELS = ("SASRec", "SASRec-uniform", "AC-SASRec", "AC-SASRec-light")
METRICS = ("hit@10", "ndcg@10")
HOW: dict[str, Any] = {"objective": "positions", "epochs": 60, "patience": 6}


def card_of(name: str, data: SequenceData, folder: Path, seed: int) -> dict[str, Any]:
    """The card of a model, trained unless it was before."""
    if not (folder / CARD).exists():
        command = f"python -m workbench train --model {name} --data {data.name} " + shlex.join(
            f"--{option.replace('_', '-')}={value}"
            for option, value in {**HOW, "seed": seed}.items()
        )
        train(build_model(name, data), data, folder, command=command, seed=seed, **HOW)
    return load_model(folder).card


def row(name: str, cards: list[dict[str, Any]]) -> list[str]:
    """Mean test metrics with the lowest and highest seed, and what training took."""
    cells = [name, str(len(cards))]
    for metric in METRICS:
        values = np.array([card["metrics"]["test"][metric] for card in cards])
        cells.append(f"{values.mean():.4f} [{values.min():.4f}, {values.max():.4f}]")
    valid = np.mean([card["metrics"]["valid"]["ndcg@10"] for card in cards])
    epochs = np.mean([card["best_epoch"] for card in cards])
    return [*cells, f"{valid:.4f}", f"{epochs:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data/amazon-beauty", help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)
    data = load_data(args.data)
    rows = [
        row(name, [card_of(name, data, args.out / f"{name}-{seed}", seed) for seed in args.seeds])
        for name in args.models
    ]
    head = ("model", "seeds", *(f"test {m} [lowest, highest]" for m in METRICS))
    print_table((*head, "valid ndcg@10", "best epoch"), rows)


if __name__ == "__main__":
    main()
