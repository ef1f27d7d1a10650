"""Calibrated models with positions kept, on planted rules: do they learn, and attend to the cause?

Run: python -m benchmarks.planted_calibrations --out runs/planted-calibrations [--seeds 0 1]
2,000 users, the cells of the judge (`analyses.judging.cells`). For each rule: test Hit@1, that of
who knows the rule on the same cases and in expectation, and in how many cases the most attended
items, by the mean over layers and heads, are the causes. Trained models are read from --out, so
that a killed run goes on.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from analyses.judging.cells import MODEL, Cell
from analyses.judging.labels import caused_cases, truth_table
from benchmarks.timing import add_threads, print_table
from workbench import build_model, train
from workbench.data.planted_settings import RULES
from workbench.training.variants import DIRECT, PLAIN, POSITIONED, RENORMALIZED, Variant

MIXES_STATES = {"value_projection": False, "output_projection": False}
BOTH = {**RENORMALIZED.options, **POSITIONED.options}
VARIANTS = {
    "SASRec": PLAIN,
    "AC-SASRec-light, positions kept": POSITIONED,
    "AC-SASRec, renormalize, positions kept": Variant(RENORMALIZED.model, BOTH),
    "AC-SASRec-direct": DIRECT,
    "SASRec, direct": Variant(PLAIN.model, MIXES_STATES),
}


def row(name: str, seed: int, rule: Any, out: Path) -> list[str]:
    """What a variant reaches under a rule."""
    cell = Cell(rule)
    made = cell.planted()
    data = made.data
    variant = VARIANTS[name]
    torch.manual_seed(seed)
    built = build_model(variant.model, data, **MODEL, **variant.options)
    folder = out / name.replace(", ", "_").replace(" ", "-") / f"{rule}-{seed}"
    trained = train(built, data, folder, seed=seed, progress=False, **cell.training())
    cases = caused_cases(data, MODEL["max_length"])
    found = truth_table(trained, cases, ["attention"])["found"].mean()
    reached = trained.card["metrics"]["test"]["hit@1"]
    return [
        *(name, rule, str(seed), f"{reached:.3f}"),
        *(f"{made.bayes_hits().mean():.3f}", f"{made.bayes_hit_rate():.3f}", f"{found:.3f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="(%(default)s)")
    add_threads(parser)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    known = ("the rule, same cases", "the rule, expected")
    head = ("model", "rule", "seed", "test hit@1", *known, "attention finds")
    print_table(
        head, [row(n, s, rule, args.out) for n in VARIANTS for s in args.seeds for rule in RULES]
    )


if __name__ == "__main__":
    main()
