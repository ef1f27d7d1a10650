"""What a sweep trains: models with options, those that the AC-TSR paper compares, and grids."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.config import CalibrationConfig
from workbench.errors import WorkbenchError


@dataclass(frozen=True)
class Variant:
    """A model with options.

    Attributes
    ----------
    model : its name, see `workbench.registry`.
    options : what it is built with.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name with the options: `AC-SASRec correction=fixed alpha=0.1`."""
        return " ".join([self.model, *(f"{k}={v}" for k, v in self.options.items())])


# SASRec as it is and as it is compared with
PLAIN = Variant("SASRec")
UNIFORM = Variant("SASRec-uniform")
CALIBRATED = Variant("AC-SASRec")
RENORMALIZED = Variant("AC-SASRec", {"normalization": "renormalize"})
LIGHT = Variant("AC-SASRec-light")
POSITIONED = Variant("AC-SASRec-light-positions")
DIRECT = Variant("AC-SASRec-direct")


def studies() -> dict[str, list[Variant]]:
    """The variants of AC-SASRec that the AC-TSR paper compares, by the name of the study.

    - ablation: without either calibrator, and with order or distance alone.
    - correction, alpha: figures 3 and 4.
    - normalization: softmax, or a normalization that does not keep attention close to uniform.

    Without the spatial calibrator, positions are embedded as in the backbone, because the model
    would otherwise know nothing of order.
    """
    alone = {"order": False, "distance": False, "position_embedding": True}
    default = CalibrationConfig().alpha
    alphas = ({"alpha": alpha} if alpha != default else {} for alpha in (0.1, 0.3, 0.5, 0.7, 0.9))

    def varied(*options: dict[str, Any]) -> list[Variant]:
        return [Variant(CALIBRATED.model, each) for each in options]

    return {
        "ablation": [
            *(PLAIN, CALIBRATED, LIGHT),
            *varied(alone, {"distance": False}, {"order": False}),
        ],
        "correction": [CALIBRATED, *varied({"correction": "fixed"}, {"correction": "annealing"})],
        "alpha": varied(*({"correction": "fixed"} | alpha for alpha in alphas)),
        "normalization": [CALIBRATED, RENORMALIZED],
    }


def study(names: Sequence[str]) -> list[Variant]:
    """The variants of the studies with these names.

    Raises
    ------
    WorkbenchError
        If a name is not known.
    """
    known = studies()
    for name in names:
        if name not in known:
            raise WorkbenchError(f"no study {name!r}; choose from {', '.join(known)}.")
    return [variant for name in names for variant in known[name]]


def vary(
    variants: Sequence[Variant], grid: Mapping[tuple[str, ...], Sequence[Any]]
) -> list[Variant]:
    """Every variant with every combination of the grid.

    Parameters
    ----------
    variants : the variants to start from.
    grid : values by the names of options; the names of one key share its values.
    """
    varied = []
    for variant, *values in itertools.product(variants, *grid.values()):
        options = dict(variant.options)
        for names, value in zip(grid, values, strict=True):
            options |= dict.fromkeys(names, value)
        varied.append(Variant(variant.model, options))
    return varied
