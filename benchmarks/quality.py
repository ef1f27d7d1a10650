"""What the models reach on a data set: each trained with several seeds, test metrics and spread.

Run: python -m benchmarks.quality --out runs/beauty [--models NAME ...] [--seeds 0 1 2]
     python -m benchmarks.quality --out runs/losses --models SASRec --losses exact sampled gbce
Full ranking of all items, leave-one-out, with seen items among them and with seen items removed. A
model that is finished in --out is read from there, and one that was killed goes on, so that the
runs can be shared out.
"""

import argparse
import itertools
import shlex
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks.timing import add_threads, positive, prepare, print_table
from workbench import SequenceData, build_model, load_data, load_model, train
from workbench.cards import from_card
from workbench.evaluation import KEPT, REMOVED
from workbench.model_folders import CARD
from workbench.training.settings import Loss

MODELS = ("SASRec", "SASRec-uniform", "AC-SASRec", "AC-SASRec-light")
METRICS = ("hit@10", "ndcg@10")
HOW: dict[str, Any] = {"objective": "positions", "epochs": 60, "patience": 6}


def card_of(
    name: str, data: SequenceData, folder: Path, how: dict[str, Any], *, report: bool
) -> dict[str, Any] | None:
    """The card of a model, trained unless it was before; None if it is not and only asked for."""
    if not (folder / CARD).exists():
        if report:
            return None
        command = f"python -m workbench train --model {name} --data {data.name} " + shlex.join(
            f"--{option.replace('_', '-')}={value}" for option, value in how.items()
        )
        train(build_model(name, data), data, folder, command=command, **how)
    return load_model(folder).card


def row(name: str, cards: list[dict[str, Any]]) -> list[str]:
    """Mean test metrics with the lowest and highest seed by policy, and what training took."""
    cells = [name, str(len(cards))]
    if not cards:
        return [*cells, *["-"] * (2 * len(METRICS) + 3)]
    for policy in (KEPT, REMOVED):
        test = [
            metrics
            for card in cards
            for split, of, metrics in from_card(card)
            if (split, of) == ("test", policy)
        ]
        for metric in METRICS:
            values = np.array([metrics[metric] for metrics in test])
            cells.append(f"{values.mean():.4f} [{values.min():.4f}, {values.max():.4f}]")
    valid = np.mean([card["metrics"]["valid"]["ndcg@10"] for card in cards])
    epochs = np.mean([card["best_epoch"] for card in cards])
    minutes = np.mean([card["seconds"] for card in cards]) / 60
    return [*cells, f"{valid:.4f}", f"{epochs:.0f}", f"{minutes:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="amazon-beauty", help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--losses", nargs="+", default=["exact"], choices=get_args(Loss), help="default: exact"
    )
    parser.add_argument("--negatives", type=positive, default=256, help="default: %(default)s")
    parser.add_argument(
        "--report", action="store_true", help="print what is finished, and train nothing"
    )
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)
    data = load_data(args.data)
    rows = []
    for name, loss in itertools.product(args.models, args.losses):
        how = {**HOW, "loss": loss}
        label, folder = name, args.out / name
        if loss != "exact":
            how["negatives"] = args.negatives
            label, folder = f"{name}, {loss} {args.negatives}", f"{folder}-{loss}-{args.negatives}"
        cards = [
            card_of(name, data, Path(f"{folder}-{seed}"), how | {"seed": seed}, report=args.report)
            for seed in args.seeds
        ]
        rows.append(row(label, [card for card in cards if card is not None]))
    tested = [f"{m}, {policy}" for policy in (KEPT, REMOVED) for m in METRICS]
    head = ("model", "seeds", *(f"test {each} [lowest, highest]" for each in tested))
    print_table((*head, "valid ndcg@10, seen kept", "best epoch", "minutes"), rows)


if __name__ == "__main__":
    main()
