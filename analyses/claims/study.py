"""What the study trains: by which recipes, the models, the plan by data set, all of it here."""

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.config import BACKBONE_NAMES, CalibrationConfig, ModelConfig
from workbench.registry import KINDS_OF_MODEL
from workbench.training.recipes import RECIPES as KNOWN
from workbench.training.recipes import Recipe
from workbench.training.settings import Training
from workbench.training.variants import (
    CALIBRATED,
    DIRECT,
    LIGHT,
    PLAIN,
    POSITIONED,
    RENORMALIZED,
    UNIFORM,
    Variant,
    studies,
)

TUNED, DEFAULTS, PAPER = "tuned", "defaults", "the paper"
# Each the same for baselines and calibrated models, of every backbone.
RECIPES = {
    TUNED: KNOWN["tuned"],
    # what `train` does unless it is told otherwise, but for how the best epoch is chosen, which is
    # as above; by it calibrated models validate better
    DEFAULTS: Recipe({}, {"loss": "exact", "epochs": 60, "patience": 6, "remove_seen": True}),
    PAPER: KNOWN["paper"],
}

MAIN = (PLAIN, CALIBRATED, LIGHT, POSITIONED, DIRECT, UNIFORM, RENORMALIZED)
BY_EACH = (PLAIN, CALIBRATED)  # trained by the other recipes too
CHOOSABLE = (TUNED, DEFAULTS)  # with all seeds, so that which is better is no luck of one training
FURTHER = tuple(name for name in BACKBONE_NAMES if name != PLAIN.model)
SAMPLE = 2048  # users on whom diagnostics run
FURTHER_ON = ("amazon-beauty", "yelp")  # the data sets on which all backbones are compared
# About, of an epoch, in those of SASRec. A backbone that is not named is taken to cost as much as
# SASRec, which is wrong in no more than how long its trainings are said to take.
COSTS = {"BERT4Rec": 4.0, "SSE-PT": 1.2, "TiSASRec": 2.0}
ADVERSARIAL, SPATIAL = 2.0, 1.2  # times as much with both calibrators, and with one of the two
ALPHAS = (0.1, 0.5, 0.9)  # of the five that the paper's figure has: its default and the ends


@dataclass(frozen=True)
class Planned:
    """One training.

    Attributes
    ----------
    data : the name of the data set.
    variant : the model, without the options of the recipe.
    seed : of the training.
    recipe : of `RECIPES`.
    """

    data: str
    variant: Variant
    seed: int = 0
    recipe: str = TUNED

    @property
    def label(self) -> str:
        """What the model is called, whatever its seed."""
        return called(self.variant.label, self.recipe)

    @property
    def name(self) -> str:
        """What the training is called beside others of its data set."""
        return named(self.label, self.seed)

    @property
    def ablated(self) -> bool:
        """Whether it is one of the ablation, whose ranking is all that is asked about."""
        return self.label in {variant.label for variant in ablation()}

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others of a study."""
        return self.data, self.label, self.seed

    def folder(self, runs: Path) -> Path:
        """Where it lies."""
        return runs / place(*self.key)

    @property
    def options(self) -> dict[str, Any]:
        """What the model is built with."""
        return dict(RECIPES[self.recipe].model) | dict(self.variant.options)

    @property
    def training(self) -> dict[str, Any]:
        """What it is trained with, but for its seed."""
        return dict(RECIPES[self.recipe].training)

    @property
    def settings(self) -> str:
        """A short name of all that it is trained with, but for data, seed and device."""
        options = (*fields(ModelConfig), *fields(CalibrationConfig))
        model = {each.name: each.default for each in options if each.default is not MISSING}
        training = asdict(Training(**self.training))
        for name in ("device", "progress", "seed"):
            del training[name]
        told = [self.variant.model, model | self.options, training]
        return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]


def called(label: str, recipe: str) -> str:
    """What a model is called when a recipe made it."""
    return label if recipe == TUNED else f"{label} by {recipe}"


def place(data: str, label: str, seed: int) -> Path:
    """Where what belongs to a training lies, in a folder for all of them."""
    return Path(data) / label.replace(" ", "_") / f"seed-{seed}"


def named(label: str, seed: int) -> str:
    """What a training of a model is called."""
    return f"{label} seed {seed}" if seed else label


def calibrated(backbone: str) -> tuple[Variant, Variant, Variant]:
    """A backbone plain, calibrated as published, and calibrated by the spatial calibrator alone."""
    plain, _, whole, light, *_ = KINDS_OF_MODEL
    return (
        Variant(plain.format(backbone)),
        Variant(whole.format(backbone)),
        Variant(light.format(backbone)),
    )


def cost(variant: Variant) -> float:
    """About what an epoch costs, in those of SASRec; 1 for all that is none of `calibrated`."""
    for backbone in BACKBONE_NAMES:
        for model, times in zip(calibrated(backbone), (1, ADVERSARIAL, SPATIAL), strict=True):
            if variant.model == model.model:
                return COSTS.get(backbone, 1.0) * times
    return 1.0


def ablation() -> list[Variant]:
    """The variants of the calibration, but for those that are compared with several seeds."""
    known = studies()
    fixed = [v for v in known["alpha"] if v.options.get("alpha", 0.5) in ALPHAS]
    every = [*known["ablation"], *known["correction"], *fixed]
    return list({v.label: v for v in every if v not in MAIN}.values())


def plan(data: Sequence[str], seeds: int, backbones: Sequence[str] | None = None) -> list[Planned]:
    """Every training, in the order in which they are of use.

    The models of SASRec are trained on all data sets with all seeds, each data set with its first
    seed before the next seed, two of them by the defaults as well; the paper's recipe and the
    ablation on the first data set alone, once; other backbones once.

    Parameters
    ----------
    data : names of the data sets.
    seeds : trainings of each model of SASRec.
    backbones : what else is trained, on every data set; None for all of them on `FURTHER_ON`.
    """
    made = []
    for name in data:
        made += [Planned(name, v, seed) for seed in range(seeds) for v in MAIN]
        made += [Planned(name, v, seed, DEFAULTS) for seed in range(seeds) for v in BY_EACH]
        if name == data[0]:
            made += [Planned(name, v, recipe=PAPER) for v in BY_EACH]
            made += [Planned(name, v) for v in ablation()]
    for name in data:
        asked = FURTHER if backbones is None and name in FURTHER_ON else backbones or ()
        made += [Planned(name, v) for backbone in asked for v in calibrated(backbone)]
    return made
