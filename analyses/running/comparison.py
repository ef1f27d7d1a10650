"""Which part each model plays in a comparison: by its configuration, never by its name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from models import ModelConfig
from workbench.errors import WorkbenchError
from workbench.model import Model
from workbench.registry import variant

Role = Literal["plain", "uniform", "calibrated", "kept off"]
KEPT_OFF = ", attention kept off"  # behind the variant of a model that was trained so
NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True)
class Part:
    """The part of one model.

    Attributes
    ----------
    role : learned attention ("plain"), attention frozen to uniform, calibrated attention, or
        attention that was kept off items in training, of whatever kind it is.
    family : the backbone; an adapted model is a family with no other member.
    variant : the model's name with those options of its calibration that are not the default.
        Models of one variant differ only in their seeds.
    """

    role: Role
    family: str
    variant: str


def part_of(model: Model) -> Part:
    """The part of a model, which follows from its configuration and how it was trained."""
    config = model.config
    if not isinstance(config, ModelConfig):
        return Part("plain", config.name, config.name)
    role: Role = "plain" if config.calibration is None else "calibrated"
    if config.attention == "uniform":
        role = "uniform"
    if model.card.get("training", {}).get("avoid"):
        return Part("kept off", config.backbone, variant(config) + KEPT_OFF)
    return Part(role, config.backbone, variant(config))


@dataclass(frozen=True)
class Comparison:
    """The models that are compared, and what is compared with what.

    Models are compared within their family only. The baseline of a family is its first plain model.

    Attributes
    ----------
    parts : the part of each model by its name, in the order of the report.
    siblings : names of the same training with other seeds, by the model that they belong to. They
        are models of nothing else here: no part is theirs, and no pair.
    """

    parts: Mapping[str, Part]
    siblings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, models: Mapping[str, Model], siblings: Mapping[str, Sequence[str]] = NONE
    ) -> "Comparison":
        """The comparison of these models, and of their siblings by the names of the models."""
        return cls({name: part_of(model) for name, model in models.items()}, siblings)

    @classmethod
    def stored(cls, entries: Mapping[str, Any]) -> "Comparison":
        """The comparison of a stored report, from the `part` that its manifest gives each model.

        Raises
        ------
        WorkbenchError
            If it does not say which part a model plays.
        """
        parts, siblings = {}, {}
        for name, entry in entries.items():
            part = entry.get("part") if isinstance(entry, dict) else None
            try:
                parts[name] = Part(**part)  # type: ignore[arg-type]
            except TypeError:
                part = None
            if part is None or parts[name].role not in get_args(Role):
                raise WorkbenchError(
                    f"the manifest does not say which part {name} plays; run the report again."
                )
            siblings[name] = [*entry.get("siblings", ())]
        return cls(parts, siblings)

    def only(self, names: Collection[str]) -> "Comparison":
        """The comparison of some of the models, and of those of their siblings that are named."""
        parts = {name: part for name, part in self.parts.items() if name in names}
        siblings = {
            name: [sibling for sibling in self.siblings.get(name, ()) if sibling in names]
            for name in parts
        }
        return Comparison(parts, siblings)

    @property
    def names(self) -> list[str]:
        """All models, in order."""
        return list(self.parts)

    def trainings(self, model: str) -> list[str]:
        """A model and its siblings: all that differs from it in nothing but the seed."""
        return [model, *self.siblings.get(model, ())]

    def with_role(self, role: Role) -> list[str]:
        """The models of a role, in order."""
        return [name for name, part in self.parts.items() if part.role == role]

    @property
    def families(self) -> dict[str, "Comparison"]:
        """The models of each family."""
        members: dict[str, dict[str, Part]] = {}
        for name, part in self.parts.items():
            members.setdefault(part.family, {})[name] = part
        return {family: Comparison(parts, self.siblings) for family, parts in members.items()}

    @property
    def baseline(self) -> str:
        """The first plain model; where there is none, the first of all."""
        return (self.with_role("plain") or self.names)[0]

    @property
    def calibrated_pairs(self) -> list[tuple[str, str]]:
        """Each calibrated model with the baseline of its family, if it has one."""
        return [
            (calibrated, plain)
            for family in self.families.values()
            for plain in family.with_role("plain")[:1]
            for calibrated in family.with_role("calibrated")
        ]

    @property
    def uniform_pairs(self) -> list[tuple[str, str]]:
        """Baseline and calibrated models of a family, each with its first uniform model."""
        return [
            (learned, uniform)
            for family in self.families.values()
            for uniform in family.with_role("uniform")[:1]
            for learned in (*family.with_role("plain")[:1], *family.with_role("calibrated"))
        ]

    @property
    def kept_off_pairs(self) -> list[tuple[str, str]]:
        """Each model whose attention was kept off items, with the first trained without that."""
        return [
            (name, others[0])
            for name in self.with_role("kept off")
            if (others := self._trained_plainly(self.parts[name]))
        ]

    def _trained_plainly(self, part: Part) -> list[str]:
        """The models that are what one with attention kept off would be without that."""
        bare = part.variant.removesuffix(KEPT_OFF)
        return [
            name
            for name, other in self.parts.items()
            if other.family == part.family and other.variant == bare
        ]

    @property
    def variants(self) -> dict[str, str]:
        """What the variant of each model is called: the same for models of the same part.

        Where parts differ though their variants are called alike, role and family are added.
        """
        parts: dict[str, set[Part]] = {}
        for part in self.parts.values():
            parts.setdefault(part.variant, set()).add(part)
        return {
            name: part.variant
            if len(parts[part.variant]) == 1
            else f"{part.variant} ({part.role}, {part.family})"
            for name, part in self.parts.items()
        }
