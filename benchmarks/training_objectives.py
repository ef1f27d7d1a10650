"""What a training objective costs and reaches: prefixes, and positions in two kinds of batches.

Run: python -m benchmarks.training_objectives --out runs/objectives [--only ROW ...]
SASRec with its default sizes, Adam 1e-3, in each row 256 targets to a step on average, stopped
after 6 epochs without a better validation NDCG@10. A row finished in --out is read from there.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.timing import add_threads, prepare, print_table
from workbench import SequenceData, build_model, load_data, load_model
from workbench.data.batches import shuffled
from workbench.model_folders import CARD
from workbench.training.trainer import _Trainer

HOW = {"epochs": 60, "patience": 6}


class ByWindows(_Trainer):
    """Positions, but every batch holds as many windows as any other, however short they are."""

    def _batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        every, targets = self.samples.cases, int(self.samples.targets.sum())
        return shuffled(every, round(self.how.batch_size * len(every) / targets), rng)


ROWS: dict[str, tuple[str, type[_Trainer]]] = {
    "prefixes": ("prefixes", _Trainer),
    "positions, 256 targets to a batch": ("positions", _Trainer),
    "positions, equally many windows to a batch": ("positions", ByWindows),
}


def result(row: str, data: SequenceData, out: Path, seed: int) -> dict:
    """The card of a row's model, trained unless it was before."""
    objective, trainer = ROWS[row]
    folder = out / f"{row.replace(',', '').replace(' ', '-')}-seed-{seed}"
    if not (folder / CARD).exists():
        how = {**HOW, "objective": objective, "seed": seed}
        trainer(build_model("SASRec", data), data, how, folder, "").run()
    return load_model(folder).card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="amazon-beauty", help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--seed", type=int, default=0)
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)
    data = load_data(args.data)
    rows = []
    for row in args.only:
        card = result(row, data, args.out, args.seed)
        metrics = card["metrics"]
        rows.append(
            [row, str(card["best_epoch"])]
            + [f"{metrics[s][m]:.4f}" for s in ("valid", "test") for m in ("hit@10", "ndcg@10")]
        )
    head = ("objective", "best epoch", "valid hit@10", "ndcg@10", "test hit@10", "ndcg@10")
    print_table(head, rows)


if __name__ == "__main__":
    main()
