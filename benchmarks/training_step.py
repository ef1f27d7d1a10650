"""A training step of AC-SASRec or TiSASRec: ours against the formulation that was published.

Run: python -m benchmarks.training_step [--model TiSASRec]
First the two are shown to agree in losses and gradients (float64, no dropout, the same weights and
noise); then both are timed, with dropout, on 256 histories of 50 items over Beauty's 12,101.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.concatenating import Concatenating
from benchmarks.materializing import Materializing
from benchmarks.timing import add_threads, positive, prepare, print_table, seconds
from models import Batch, CalibrationConfig, ModelConfig, Recommender, TiSASRec, make_model
from models.adversary import adversarial_losses
from models.recommender import Losses
from workbench.memory import keep_pages

CONFIGS = {
    "AC-SASRec": ModelConfig(
        name="AC-SASRec",
        n_items=12_101,
        n_layers=3,
        n_heads=4,
        hidden_size=64,
        inner_size=128,
        position_embedding=False,
        calibration=CalibrationConfig(),
    ),
    "TiSASRec": ModelConfig(name="TiSASRec", backbone="TiSASRec", n_items=12_101),
}  # as published for Beauty; sizes of TiSASRec as they are by default
PUBLISHED = {"AC-SASRec": "concatenating", "TiSASRec": "materialising"}
TOLERANCE = 1e-12  # absolute; the gradients compared are at least a million times as large
SMALL_BATCH = 8  # for the comparison, in double precision
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Formulation:
    """One way to compute the two losses, with the parameters that each of them teaches."""

    losses: Callable[..., Losses]
    main: list[Tensor]
    attack: list[Tensor]

    @classmethod
    def pair(cls, model: Recommender) -> tuple["Formulation", "Formulation"]:
        """Ours and the published one, which starts from a copy of the same weights."""
        attack = {id(p) for p in model.adversarial_parameters()}
        taught = {name: id(p) in attack for name, p in model.named_parameters()}
        ours, theirs = (
            cls(
                losses,
                [p for name, p in named.items() if not taught[name]],
                [p for name, p in named.items() if taught[name]],
            )
            for losses, named in (
                (_losses(model), dict(model.named_parameters())),
                _published(model),
            )
        )
        return ours, theirs

    def outcome(self, *inputs: Tensor | Batch) -> list[Tensor]:
        """The loss or losses, and the gradient of every parameter from its own."""
        found = self.losses(*inputs)
        more = found.adversarial is not None
        grads = torch.autograd.grad(found.recommendation, self.main, retain_graph=more)
        losses = [found.recommendation.detach()]
        if found.adversarial is not None:
            grads += torch.autograd.grad(found.adversarial, self.attack)
            losses.append(found.adversarial.detach())
        return [*losses, *grads]

    def median_step(self, steps: int, inputs: tuple[Batch, Tensor], *, fused: bool) -> float:
        """Median seconds of a step (losses, gradients, Adam), after one to warm up."""
        parameters = [*self.main, *self.attack]
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=fused)

        def step() -> None:
            grads = self.outcome(*inputs)[-len(parameters) :]
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.grad = grad
            optimizer.step()

        step()
        return statistics.median(seconds(step) for _ in range(steps))


def _losses(model: Recommender) -> Callable[..., Losses]:
    """The model's losses, which may be given the adversary's noise as well."""

    def losses(batch: Batch, targets: Tensor, noise: Tensor | None = None) -> Losses:
        if not model.is_adversarial:
            return model.losses(batch, targets)
        return Losses(*adversarial_losses(model, batch, targets, noise))

    return losses


def _published(model: Recommender) -> tuple[Callable[..., Losses], dict[str, Tensor]]:
    """Losses as published, and the parameters they are made from, a copy of the model's."""
    if isinstance(model, TiSASRec):
        slow = Materializing.of(model)
        return _losses(slow), dict(slow.named_parameters())
    concatenating = Concatenating(model)
    return concatenating.losses, concatenating.parameters


def draw(config: ModelConfig, batch_size: int, *, full: bool) -> tuple[Batch, Tensor]:
    """Random histories at random times, of the greatest length or of any, and random targets."""
    longest = config.max_length
    lengths = torch.full((batch_size,), longest)
    if not full:
        lengths[1:] = torch.randint(1, longest + 1, (batch_size - 1,))
    items = torch.randint(1, config.n_items + 1, (batch_size, longest))
    items[torch.arange(longest) >= lengths[:, None]] = 0
    times = torch.randint(0, 9, items.shape).cumsum(1) * (items > 0)
    return Batch(items, lengths, times), torch.randint(1, config.n_items + 1, (batch_size,))


def largest_difference(config: ModelConfig, batch_size: int) -> float:
    """The largest absolute difference of the two in losses and gradients, in float64."""
    still = replace(config, hidden_dropout=0.0, attention_dropout=0.0)
    model = make_model(still).double()
    with torch.no_grad():
        for parameter in model.parameters():  # far from the start, where gradients are tiny
            parameter.add_(0.2 * torch.randn_like(parameter))
    batch, targets = draw(still, batch_size, full=False)
    length = still.max_length
    noise = torch.randn(batch_size, still.n_heads, length, length, dtype=torch.float64)
    ours, theirs = (one.outcome(batch, targets, noise) for one in Formulation.pair(model))
    gaps = [(a - b).abs().max() for a, b in zip(ours, theirs, strict=True)]
    return float(torch.stack(gaps).max())  # not a number where any of them is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=positive, default=256, help="default: %(default)s")
    parser.add_argument("--steps", type=positive, default=15, help="of ours (default: %(default)s)")
    parser.add_argument(
        "--slow-steps", type=positive, default=3, help="of the other (default: %(default)s)"
    )
    add_threads(parser)
    parser.add_argument(
        "--model", choices=CONFIGS, default="AC-SASRec", help="default: %(default)s"
    )
    args = parser.parse_args()
    prepare(args.threads)
    torch.manual_seed(0)
    config, published = CONFIGS[args.model], PUBLISHED[args.model]

    difference = largest_difference(config, SMALL_BATCH)
    print(f"largest difference in losses and gradients, float64: {difference:.1e}")
    if not difference < TOLERANCE:
        sys.exit(f"The formulations differ by more than {TOLERANCE}: the times mean nothing.")

    ours, theirs = Formulation.pair(make_model(config).train())
    inputs = draw(config, args.batch_size, full=True)
    as_published = theirs.median_step(args.slow_steps, inputs, fused=False)
    keep_pages()  # as training does; it cannot be undone, so what comes without it came first
    times = {
        "ours": ours.median_step(args.steps, inputs, fused=True),
        published: as_published,
        f"{published}, freed memory kept": theirs.median_step(args.slow_steps, inputs, fused=False),
    }
    print(
        f"{config.name}, {args.batch_size} histories of {config.max_length} over "
        f"{config.n_items:,} items, {config.n_layers} layers, {config.n_heads} heads, hidden "
        f"{config.hidden_size}, inner {config.inner_size}; median of {args.steps} "
        f"and {args.slow_steps} steps"
    )
    print_table(
        ("formulation", "ms per step", "ratio"),
        [(name, f"{t * 1e3:,.0f}", f"{t / times['ours']:.1f}") for name, t in times.items()],
    )


if __name__ == "__main__":
    main()
