"""The claims of the AC-TSR paper, their control, those of the variant, and how each is tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from analyses.claims.rule import Effect, Lines, effect_of
from analyses.claims.seed_spreads import Spreads, by_training
from analyses.claims.study import (
    ALPHAS,
    BY_EACH,
    CHOOSABLE,
    DEFAULTS,
    FURTHER,
    RECIPES,
    TUNED,
    Planned,
    ablation,
    calibrated,
    called,
)
from analyses.questions import LIMITS
from models import CalibrationConfig
from workbench.statistics import Part
from workbench.training.variants import (
    CALIBRATED,
    DIRECT,
    LIGHT,
    PLAIN,
    POSITIONED,
    UNIFORM,
    Variant,
)
from workbench.writing import MINUS

LARGE = 0.1  # of tau-b, where the paper has "a large margin"
MOST = 0.5  # of a gain
HALF = f"{100 * MOST:.0f} %"
SLOWER = 1.15  # times the seconds of the backbone, where light is said to keep its speed
NDCG_KEPT, NDCG_REMOVED = "ndcg kept", "ndcg removed"  # columns of the table of users, by policy
NAMES = (
    "share of users for whom attention (mean over layers and heads) names the item of the history "
    "without which the recommended item loses most"
)
Kind = Literal["more", "not less", "large", "most"]


@dataclass(frozen=True)
class Contrast:
    """One comparison of models, on any data set on which they are planned.

    Attributes
    ----------
    measure : a column of the table of users.
    model : by its label.
    other : what it is compared with; "" for nothing.
    kind : "more": than the other, a difference below 5 % of the metric (below 5 % of users, for
        `names`) being none; "not less": it loses less than 5 % of the metric; "large": more by
        `LARGE`; "most": more than `MOST` of what the other gains.
    whole : for "most", the model with the whole gain.
    words : what it compares, where labels would not say it well.
    own_recipe : whether each model is taken by that of `CHOOSABLE` by which it validates better.
    """

    measure: str
    model: str
    other: str = ""
    kind: Kind = "more"
    whole: str = ""
    words: str = ""
    own_recipe: bool = False

    @property
    def models(self) -> list[str]:
        """All that it needs."""
        return [name for name in (self.model, self.other, self.whole) if name]

    @property
    def name(self) -> str:
        """What it compares, in words."""
        if self.words:
            return self.words
        name = f"{self.model} {MINUS} {self.other}" if self.other else self.model
        return f"{name}, each by its better recipe" if self.own_recipe else name

    def choices(self, planned: Sequence[Planned]) -> list["Contrast"]:
        """All that it may be once it is known by which recipe each of its models is better."""
        if not self.own_recipe:
            return [self]
        there = {each.label for each in planned}
        labels = (
            [label for recipe in CHOOSABLE if (label := called(name, recipe)) in there]
            for name in (self.model, self.other)
        )
        return [
            replace(chosen, words=chosen.name, own_recipe=False)
            for model, other in product(*labels)
            for chosen in [replace(self, model=model, other=other)]
        ]

    def among(self, validated: Mapping[str, float], planned: Sequence[Planned]) -> "Contrast":
        """The one of its choices whose models validate best, once all of them are trained.

        `validated` is the mean NDCG@10 of a model's trainings on validation cases, by its label.
        """
        choices = self.choices(planned)
        if not {name for each in choices for name in each.models} <= set(validated):
            return self
        return max(choices, key=lambda each: (validated[each.model], validated.get(each.other, 0)))

    def is_planned(self, planned: Sequence[Planned]) -> bool:
        """Whether all its models are trained on a data set, of which these are the trainings."""
        return set(self.models) <= {each.label for each in planned}

    def lines(self, users: pd.DataFrame | None = None) -> Lines:
        """Where the effect has to lie; NaN where what was measured on a data set has to say it."""
        if self.kind == "large":
            return Lines.at(LARGE)
        if self.kind == "most":
            return Lines.more(0.0)
        if self.measure == "names":
            return Lines.more(LIMITS.margin)
        margin = np.nan
        if users is not None:
            of_model = users["model"] == (self.other or self.model)
            level = self.measure if self.measure == NDCG_REMOVED else NDCG_KEPT
            margin = LIMITS.worth * float(users.loc[of_model, level].mean())
        return Lines.at(-margin) if self.kind == "not less" else Lines.more(margin)

    def effect(self, users: pd.DataFrame, spreads: Spreads) -> Effect | None:
        """What was measured on a data set; None where a model or recipe is lacking.

        Parameters
        ----------
        users : what was measured of each user.
        spreads : of trainings there.
        """
        present = users[users[self.measure].notna()] if self.measure in users else users[:0]
        if self.own_recipe or not set(self.models) <= set(present["model"]):
            return None
        parts = [
            Part(weight, by_training(present, name, self.measure), spreads.of(name, self.measure))
            for name, weight in self._weights.items()
        ]
        return effect_of(parts, self.lines(users))

    @property
    def _weights(self) -> dict[str, float]:
        """What is summed, by label; for "most", less what lies `MOST` of the way to `whole`."""
        if self.whole:
            return {self.model: 1.0, self.whole: -MOST, self.other: MOST - 1}
        return {self.model: 1.0} | ({self.other: -1.0} if self.other else {})


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, of the variant, or of what attention is worth at all.

    Attributes
    ----------
    title : the claim in one line.
    tested : how it is tested here.
    contrasts : on which comparisons.
    """

    title: str
    tested: str
    contrasts: Sequence[Contrast] = field(default_factory=tuple)


def _pairs(
    measure: str, kind: Kind = "more", backbones: Sequence[str] = (PLAIN.model, *FURTHER)
) -> list[Contrast]:
    """Each calibrated model against its backbone by the same recipe, SASRec by any."""
    pairs = []
    for plain, ac, _ in map(calibrated, backbones):
        recipes = RECIPES if plain in BY_EACH else [TUNED]
        pairs += [(called(ac.label, recipe), called(plain.label, recipe)) for recipe in recipes]
    return [Contrast(measure, *pair, kind) for pair in pairs]


def _varied(words: str, first: Variant = CALIBRATED, **options: object) -> Contrast:
    """A model against the variant with these options and no others, in NDCG@10."""
    (other,) = (v for v in ablation() if dict(v.options) == options)
    return Contrast(NDCG_KEPT, first.label, other.label, words=words)


FIXED = Variant(CALIBRATED.model, {"correction": "fixed"})
WHOLE = f"whole calibration {MINUS} without"
CLAIMS = (
    Claim(
        "Removing the largest attention hardly hurts plain models",
        "change of NDCG@10 when the largest weight of the prediction row is taken out of every "
        f"head in all layers; it holds if less than {100 * LIMITS.worth:.0f} % of NDCG@10 is lost",
        [
            Contrast("removal", label, kind="not less")
            for label in (*(called(PLAIN.label, recipe) for recipe in RECIPES), *FURTHER)
        ],
    ),
    Claim(
        "Removing the largest attention hurts calibrated models more",
        "the same change, that of the plain model minus that of the calibrated one",
        [replace(each, model=each.other, other=each.model) for each in _pairs("removal")],
    ),
    Claim(
        "Calibrated attention moves to decisive items",
        f"{NAMES}, calibrated minus plain",
        _pairs("names"),
    ),
    Claim(
        "Calibration improves every backbone",
        "NDCG@10 (all users, every item ranked, seen items kept, as in the paper), calibrated "
        "minus plain, each by the recipe by which it validates better; other backbones have one",
        [
            Contrast(NDCG_KEPT, CALIBRATED.label, PLAIN.label, own_recipe=True),
            *_pairs(NDCG_KEPT, backbones=FURTHER),
        ],
    ),
    Claim(
        "It does so with the recipe left as it is",
        f"the same, both by one recipe: the one that was {TUNED} for the plain model, and those "
        "that were tuned for neither",
        _pairs(NDCG_KEPT, backbones=[PLAIN.model]),
    ),
    Claim(
        "The gate corrects better than a fixed share, and than annealing",
        "NDCG@10, gate minus the other",
        [
            _varied(f"gate {MINUS} fixed", correction="fixed"),
            _varied(f"gate {MINUS} annealing", correction="annealing"),
        ],
    ),
    Claim(
        "The balance alpha is best near its default, 0.5",
        "NDCG@10 with fixed correction, alpha 0.5 minus the ends of the range",
        [
            _varied(f"alpha 0.5 {MINUS} {alpha}", FIXED, correction="fixed", alpha=alpha)
            for alpha in ALPHAS
            if alpha != CalibrationConfig().alpha
        ],
    ),
    Claim(
        "Both calibrators contribute",
        "NDCG@10, all of the calibration minus it without the adversarial calibrator, without the "
        "spatial one, and without either half of the spatial one",
        [
            Contrast(
                NDCG_KEPT, CALIBRATED.label, LIGHT.label, words=f"{WHOLE} adversarial (light)"
            ),
            _varied(f"{WHOLE} spatial", order=False, distance=False, position_embedding=True),
            _varied(f"{WHOLE} order", order=False),
            _varied(f"{WHOLE} distance", distance=False),
        ],
    ),
    Claim(
        "Agreement of attention with gradients rises by a large margin",
        "tau-b of attention and saliency (attention held), calibrated minus plain; it holds if "
        f"that is above {LARGE}",
        _pairs("tau", "large"),
    ),
    Claim(
        "The lightweight variant keeps the speed and most of the gain",
        f"NDCG@10, light beyond {HALF} of what calibration gains, which is asked only where "
        f"calibration gains; and its CPU seconds to score batches of users, timed in turns in one "
        f"process, which may be {SLOWER} times its backbone's",
        [
            Contrast(
                NDCG_KEPT,
                LIGHT.label,
                PLAIN.label,
                kind="most",
                whole=CALIBRATED.label,
                words=f"{LIGHT.label}, what it gains beyond {HALF} of {CALIBRATED.label}'s gain",
            )
        ],
    ),
)
# the control: the same model trained with attention that is the mean of what is seen, and no more
OF_ATTENTION = (
    Claim(
        "It ranks better than a mean",
        "NDCG@10 (all users, every item ranked, seen items kept), minus that of the same backbone "
        "trained with uniform attention",
        [Contrast(NDCG_KEPT, each.label, UNIFORM.label) for each in (PLAIN, CALIBRATED)],
    ),
    Claim(
        "It moves to decisive items by the recipe",
        f"{NAMES}, by the tuned recipe minus by defaults (asked when the first model by defaults "
        "was seen to differ)",
        [Contrast("names", PLAIN.label, called(PLAIN.label, DEFAULTS))],
    ),
)
# what the variants of docs/models.md are to reach where models are ranked
OF_THE_VARIANT = (
    Claim(
        "It ranks no worse than its backbone",
        "NDCG@10 (all users, every item ranked, seen items kept), the variant minus plain; it "
        f"holds if less than {100 * LIMITS.worth:.0f} % of NDCG@10 is lost",
        [Contrast(NDCG_KEPT, POSITIONED.label, PLAIN.label, "not less")],
    ),
    Claim(
        "It ranks better than its backbone",
        "the same, of which a gain has to be shown",
        [Contrast(NDCG_KEPT, POSITIONED.label, PLAIN.label)],
    ),
    Claim(
        "Its attention moves to decisive items",
        f"{NAMES}, the variant minus plain",
        [Contrast("names", POSITIONED.label, PLAIN.label)],
    ),
)
OF_DIRECT = (
    Claim(
        "Where it mixes the states themselves, it ranks no worse",
        f"NDCG@10, seen items kept, {DIRECT.label} minus plain; it holds if less than "
        f"{100 * LIMITS.worth:.0f} % of NDCG@10 is lost",
        [Contrast(NDCG_KEPT, DIRECT.label, PLAIN.label, "not less")],
    ),
    Claim(
        "It ranks better where seen items are left out",
        "NDCG@10, seen items removed, as lists are shown, of which a gain has to be shown",
        [Contrast(NDCG_REMOVED, DIRECT.label, PLAIN.label)],
    ),
    Claim(
        "Its attention names what is decisive, and that of its like with maps does not",
        f"{NAMES}, the variant minus plain, and minus the light variant with positions",
        [Contrast("names", DIRECT.label, other.label) for other in (PLAIN, POSITIONED)],
    ),
)
