"""Which part each model plays in a comparison: by its configuration, never by its name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from models import ModelConfig
from workbench.attention.adapter import AdaptedConfig
from workbench.errors import WorkbenchError
from workbench.model import Model
from workbench.registry import variant

Role = Literal["plain", "uniform", "calibrated", "kept off"]
KEPT_OFF = ", attention kept off"  # behind the variant of a model that was trained so
NONE: Mapping[str, Sequence[str]] = MappingProxyType({})
NO_OPTIONS = ("name", "calibration", "n_items", "n_users", "seed", "device", "progress")


@dataclass(frozen=True)
class Part:
    """The part of one model.

    Attributes
    ----------
    role : learned attention ("plain"), attention frozen to uniform, calibrated attention, or
        attention that was kept off items in training, of whatever kind it is.
    family : the backbone; of an adapted model what `adapt` was told, else one that no other has.
    variant : the model's name with those options of its calibration that are not the default.
    options : all other options that tell it from a model of this variant beside it, such as
        "hidden_size=16". Models of one part differ only in their seeds.
    """

    role: Role
    family: str
    variant: str
    options: str = ""

    @property
    def label(self) -> str:
        """What the variant is called beside others."""
        return ", ".join(filter(None, (self.variant, self.options)))


def part_of(model: Model, name: str = "") -> Part:
    """The part of a model by itself, from its configuration and how it was trained.

    Parameters
    ----------
    model : any.
    name : what one that was adapted is called, by default as its configuration has it.
    """
    config = model.config
    if not isinstance(config, ModelConfig):
        called = name or config.name
        family, uniform = f"{called} alone", False
        if isinstance(config, AdaptedConfig):
            family, uniform = config.family or family, config.uniform
        return Part("uniform" if uniform else "plain", family, called)
    role: Role = "plain" if config.calibration is None else "calibrated"
    if config.attention == "uniform":
        role = "uniform"
    if model.card.get("training", {}).get("avoid"):
        return Part("kept off", config.backbone, variant(config) + KEPT_OFF)
    return Part(role, config.backbone, variant(config))


def _told_apart(models: Mapping[str, Model]) -> dict[str, str]:
    """The options in which some models of one part differ, with those of each by its name."""
    ours = {name: model for name, model in models.items() if isinstance(model.config, ModelConfig)}
    known = {name: _options(model) for name, model in ours.items()}
    differing = [
        option
        for option, value in next(iter(known.values()), {}).items()
        if all(option in each for each in known.values())
        and any(each[option] != value for each in known.values())
    ]
    told = {
        name: " ".join(f"{option}={each[option]}" for option in differing)
        for name, each in known.items()
    }
    adapted = {name: f"called={name}" for name in models if name not in ours}
    return told | (adapted if len(models) > 1 else {})


def _options(model: Model) -> dict[str, Any]:
    """Everything that one of our models was built and trained with but its seed."""
    options = vars(model.config) | model.card.get("training", {})
    return {option: value for option, value in options.items() if option not in NO_OPTIONS}


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
        parts = {name: part_of(model, name) for name, model in models.items()}
        for part in {*parts.values()}:
            of_part = {name: model for name, model in models.items() if parts[name] == part}
            for name, options in _told_apart(of_part).items():
                parts[name] = replace(part, options=options)
        return cls(parts, siblings)

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
        """Each calibrated model with a plain one of its family, if it has one."""
        return [
            (calibrated, plain)
            for family in self.families.values()
            for calibrated in family.with_role("calibrated")
            for plain in self._beside(calibrated, family.with_role("plain"))
        ]

    @property
    def uniform_pairs(self) -> list[tuple[str, str]]:
        """Baseline and calibrated models of a family, each with a uniform model of it."""
        return [
            (learned, uniform)
            for family in self.families.values()
            for learned in (*family.with_role("plain")[:1], *family.with_role("calibrated"))
            for uniform in self._beside(learned, family.with_role("uniform"))
        ]

    def _beside(self, model: str, others: Sequence[str]) -> list[str]:
        """The first of others that is told from its like by the same options, or just the first."""
        same = [name for name in others if self.parts[name].options == self.parts[model].options]
        return [*same, *others][:1]

    @property
    def kept_off_pairs(self) -> list[tuple[str, str]]:
        """Each model whose attention was kept off items, with one trained without that."""
        return [
            (name, other)
            for name in self.with_role("kept off")
            for other in self._beside(name, self._trained_plainly(self.parts[name]))
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
            parts.setdefault(part.label, set()).add(part)
        return {
            name: part.label
            if len(parts[part.label]) == 1
            else f"{part.label} ({part.role}, {part.family})"
            for name, part in self.parts.items()
        }
