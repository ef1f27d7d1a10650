"""What AC-light costs beside its backbone: inference and training, for all four backbones.

Run: python -m benchmarks.light
On 256 histories of 50 items over Beauty's 12,101: the scores of all items, and a step (loss at the
last position, gradients, Adam). A backbone and its light variant take turns.
"""

import argparse

import torch

from benchmarks.timing import (
    add_repeats,
    add_threads,
    medians,
    positive,
    prepare,
    print_table,
    seconds,
)
from benchmarks.training_step import LEARNING_RATE, draw
from models import BACKBONES, Batch, CalibrationConfig, ModelConfig, Recommender, make_model
from workbench.memory import keep_pages

TARGETS = {"inference": 1.15, "training": 1.3}
N_ITEMS, N_USERS = 12_101, 22_363


def pair(backbone: str) -> dict[str, Recommender]:
    """The plain model and its light variant, as `build_model` makes them."""
    users = N_USERS if BACKBONES[backbone].needs_users else 0
    light = CalibrationConfig(adversarial=False)
    configs = (
        ModelConfig(backbone, N_ITEMS, backbone=backbone, n_users=users),
        ModelConfig(
            f"AC-{backbone}-light",
            N_ITEMS,
            backbone=backbone,
            n_users=users,
            calibration=light,
            position_embedding=BACKBONES[backbone].keeps_positions,
        ),
    )
    return {config.name: make_model(config) for config in configs}


class Run:
    """One model, timed for inference and for training; each call returns seconds."""

    def __init__(self, model: Recommender, batch: Batch, targets: torch.Tensor) -> None:
        self.model, self.batch, self.targets = model, batch, targets
        self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def inference(self) -> float:
        """The scores of all items."""
        self.model.eval()
        with torch.no_grad():
            return seconds(lambda: self.model.scores(self.batch))

    def training(self) -> float:
        """A step."""
        self.model.train()
        return seconds(self._step)

    def _step(self) -> None:
        self.optimizer.zero_grad()
        self.model.losses(self.batch, self.targets).recommendation.backward()
        self.optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=positive, default=256, help="default: %(default)s")
    add_repeats(parser, 31)
    add_threads(parser)
    args = parser.parse_args()
    prepare(args.threads)
    keep_pages()
    torch.manual_seed(0)
    rows = []
    for backbone in BACKBONES:
        models = pair(backbone)
        config = models[backbone].config
        batch, targets = draw(config, args.batch_size, full=True)
        users = torch.randint(0, N_USERS, (args.batch_size,))
        batch = Batch(batch.items, batch.lengths, batch.times, users)
        runs = {name: Run(model, batch, targets) for name, model in models.items()}
        for work, most in TARGETS.items():
            timed = {name: getattr(run, work) for name, run in runs.items()}
            medians(timed, 3)  # to warm up
            plain, light = medians(timed, args.repeats).values()
            cells = (f"{plain * 1e3:,.1f}", f"{light * 1e3:,.1f}", f"{light / plain:.2f}")
            rows.append((f"{backbone}, {work}", *cells, f"{most:.2f}"))
    print(
        f"{args.batch_size} histories of {config.max_length} over {N_ITEMS:,} items, 2 layers, 2 "
        f"heads, hidden {config.hidden_size}; medians of {args.repeats}"
    )
    print_table(("", "ms, plain", "ms, light", "ratio", "wanted"), rows)


if __name__ == "__main__":
    main()
