"""The data, the models and the users of a run: shipped, named, or trained on the spot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from analyses.running.code import code_hash
from analyses.running.comparison import Comparison
from analyses.running.defaults import DEFAULT_DATA, SASREC, shipped
from analyses.running.store import digest
from models import Recommender
from workbench import build_model, load_data, load_model, train
from workbench.attention.adapter import AdaptedConfig
from workbench.data.lookup import drawn_users, users_with_case
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError
from workbench.errors import loaded as check_loaded
from workbench.matching import one_numbering
from workbench.model import Model, itself, weights_hash
from workbench.model_folders import CARD, located_model, siblings
from workbench.training.quick import QUICK, SMALL
from workbench.training.settings import LARGEST_SEED
from workbench.training.state import History

Watch = Callable[[str, int, int], object]
NONE: Mapping[str, Mapping[str, Model]] = MappingProxyType({})


@dataclass(frozen=True)
class Inputs:
    """What a run stands on.

    Attributes
    ----------
    models : by the name that they have in tables and sentences.
    users : indices of those measured, in increasing order.
    siblings : the same training with other seeds, by the name of the model and then by its own;
        found in the folder of the model, where `train --seeds` writes it.
    weights : the `weights_hash` of each as it was loaded, before its items were renumbered; none of
        a function, nor where `inputs_at_hand` made them, which is called for every diagnostic.
    notices : sentences to read before anything else.
    exclusions : sentences that count what was left out.
    sources : where each model and each sibling was loaded from; none of models at hand.
    """

    data: SequenceData
    models: Mapping[str, Model]
    users: np.ndarray
    siblings: Mapping[str, Mapping[str, Model]] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    exclusions: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def read_inputs(
    source: str,
    models: Sequence[str],
    n_users: int | None,
    seed: int,
    cache: Path,
    watch: Watch | None = None,
) -> Inputs:
    """Load the data and the models, and draw the users.

    Parameters
    ----------
    source : name or path of the data.
    models : names or folders; where there are none, the shipped ones, or small ones that are
        trained on planted data.
    n_users : how many users are drawn at random; all who have a test case where None.
    seed : of what is drawn at random.
    cache : where the small models are kept.
    watch : called while they are trained: name, epochs of all of them that are done, of how many.

    Raises
    ------
    WorkbenchError
        If a model was made for other data, or the options make no sense.
    """
    if n_users is not None and n_users < 1:
        raise WorkbenchError(f"--users {n_users} leaves nobody; give 1 or more.")
    check_seed(seed, "--seed")
    data = load_data(source, fallback="planted" if source == DEFAULT_DATA else None)
    notices = of_data(data)
    if models or data.truth is None:
        data, loaded, related, sources, weights, warnings = _load(models or shipped(), data)
        notices += warnings
    else:
        loaded, sources = _small(data, seed, cache, watch)
        related, weights = {}, {name: weights_hash(model) for name, model in loaded.items()}
        notices.append(
            "The models are small ones, trained within a minute on these data for this report; "
            "the shipped models know ml-100k alone."
        )
    users = able = users_with_case(data)
    exclusions = _without_case(data, able)
    if n_users is not None and n_users < len(users):
        users = drawn_users(data, n_users, seed)
        exclusions.append(f"{n_users:,} of {len(able):,} users were drawn at random (seed {seed}).")
        notices.append(f"Only {n_users:,} of {len(able):,} users, drawn at random, were measured.")
    return Inputs(data, loaded, users, related, weights, notices, exclusions, sources)


def inputs_at_hand(
    models: Mapping[str, Model],
    data: SequenceData,
    users: np.ndarray | None = None,
    siblings: Mapping[str, Mapping[str, Model]] = NONE,
) -> Inputs:
    """Models and data as they are at hand, once it is known that they fit.

    Parameters
    ----------
    models : by the name that they are to have in tables and sentences.
    data : where the users come from.
    users : indices, in any order; by default all who have a test case.
    siblings : as in `Inputs`.

    Raises
    ------
    WorkbenchError
        If models are given in another way, two of them have one name, a sibling is of another kind
        than its model, a model cannot be asked about these data, or a user has no test case.
    """
    check_loaded(data, "workbench.load_data", "offsets")
    data, fitting, notices = one_numbering(_named(models, siblings), data)
    able = users_with_case(data)
    exclusions = _without_case(data, able)
    if users is None:
        users = able
    else:
        users = np.unique(held_out_cases(data, 1, users).users)
        if len(users) < len(able):
            exclusions.append(f"{len(users):,} of {len(able):,} users were asked for.")
    return Inputs(
        data,
        {name: fitting[name] for name in models},
        users,
        {name: {own: fitting[own] for own in members} for name, members in siblings.items()},
        notices=[*notices, *_alone(models)],
        exclusions=exclusions,
    )


def _alone(models: Mapping[str, Model]) -> list[str]:
    """A sentence for each adapted model that was told a family in which there is no other."""
    families = Comparison.of(models).families
    return [
        f"{name} is compared with no other model, since no other is of its family, "
        f"{model.config.family!r}."
        for name, model in models.items()
        if isinstance(model.config, AdaptedConfig) and model.config.family
        if len(families) > 1 and len(families[model.config.family].parts) == 1
    ]


def _named(
    models: Mapping[str, Model], siblings: Mapping[str, Mapping[str, Model]]
) -> dict[str, Model]:
    """All models by name, once it is known that they are given as they have to be."""
    if not isinstance(models, Mapping):
        raise WorkbenchError(f"models are a dict of them by name, and no {type(models).__name__}.")
    members = [*siblings.values()] if isinstance(siblings, Mapping) else [None]
    if not all(isinstance(each, Mapping) for each in members):
        raise WorkbenchError(
            "siblings are a dict, by the name of a model, of dicts of its other trainings by name, "
            'as {"mine": {"mine seed 1": model}}.'
        )
    everyone: dict[str, Model] = {}
    for group in (models, *siblings.values()):
        for name, model in group.items():
            if not isinstance(name, str) or not name.isprintable() or not name.strip():
                raise WorkbenchError(f"a model is called {name!r}; give it a name on one line.")
            if name in everyone:
                raise WorkbenchError(f"two models are called {name}; give each its own name.")
            check_loaded(model, "workbench.load_model or adapt", "config")
            everyone[name] = model
    for name, others in siblings.items():
        if name not in models:
            raise WorkbenchError(f"siblings of {name}, which is none of the models; name them so.")
        for own, other in others.items():
            if _same_weights(other, models[name]):
                raise WorkbenchError(
                    f"{own} is {name} itself, or has its weights; give trainings with other seeds."
                )
            if _but_name(other) != _but_name(models[name]):
                raise WorkbenchError(
                    f"{own} is no other training of {name}: their configurations differ; give it "
                    "among the models."
                )
    return everyone


def _same_weights(one: Model, other: Model) -> bool:
    """Whether two models are one; of functions, which have no weights, only where they are."""
    if one is other:
        return True
    ours, theirs = (itself(each).state_dict() for each in (one, other))
    return (
        bool(ours)
        and ours.keys() == theirs.keys()
        and all(torch.equal(ours[key].cpu(), theirs[key].cpu()) for key in ours)
    )


def _but_name(model: Model) -> object:
    """What a model is, whatever it is called."""
    config: object = model.config
    if is_dataclass(config) and not isinstance(config, type):
        return {**asdict(config), "name": ""}
    return type(model)


def check_seed(seed: int, called: str = "seed") -> int:
    """A seed, also one of NumPy's, as PyTorch takes it.

    Raises
    ------
    WorkbenchError
        If it is no whole number, or out of range.
    """
    if not isinstance(seed, Integral) or not 0 <= int(seed) <= LARGEST_SEED:
        raise WorkbenchError(f"{called} {seed}; give a whole number between 0 and {LARGEST_SEED}.")
    return int(seed)


def of_data(data: SequenceData) -> list[str]:
    """What is to be read first about the data: what a reader of files had to assume."""
    fallback = [data.provenance["fallback"]] if "fallback" in data.provenance else []
    return [*fallback, *data.provenance.get("warnings", [])]


def _without_case(data: SequenceData, able: np.ndarray) -> list[str]:
    """A sentence that counts the users who cannot be asked, where there are any."""
    if len(able) == data.n_users:
        return []
    return [
        f"{data.n_users - len(able):,} of {data.n_users:,} users have no test case, because "
        "they have no item before the held-out one."
    ]


def _load(
    sources: Sequence[str], data: SequenceData
) -> tuple[
    SequenceData,
    dict[str, Recommender],
    dict[str, dict[str, Recommender]],
    dict[str, str],
    dict[str, str],
    list[str],
]:
    """The data as the models number items, models, siblings, origins, weights, and warnings."""
    loaded: dict[str, Recommender] = {}
    origins: dict[str, str] = {}
    related: dict[str, list[str]] = {}
    warnings: list[str] = []
    folders: dict[Path, str] = {}
    for source in sources:
        folder = located_model(source).resolve()
        if folder in folders:
            other = "" if folders[folder] == source else f", also as {folders[folder]}"
            raise WorkbenchError(f"{source} is named more than once by --models{other}.")
        folders[folder] = source
        model = load_model(source)
        name = model.config.name
        names = (name, f"{name} ({Path(source).name})", f"{name} ({source})")
        free = next(name for name in names if name not in loaded)
        loaded[free], origins[free] = model, source
    for name, source in list(origins.items()):
        related[name] = []
        for seed, folder in siblings(source).items():
            sibling = load_model(folder)
            if folder.resolve() in folders:
                continue
            if not _same_but_seed(loaded[name], sibling):
                warnings.append(
                    f"{folder} is left out: it is not the training of {source} with another seed."
                )
                continue
            called = f"{name} seed {seed}"
            loaded[called], origins[called] = sibling, str(folder)
            related[name].append(called)
    labels = {}
    for name, source in origins.items():
        configured = loaded[name].config.name
        labels[name] = configured if source == configured else f"{configured} ({source})"
    weights = {name: weights_hash(model) for name, model in loaded.items()}
    data, loaded, unmatched = one_numbering(loaded, data, labels)
    apart = {name: {s: loaded.pop(s) for s in members} for name, members in related.items()}
    return data, loaded, apart, origins, weights, [*warnings, *unmatched]


def _same_but_seed(model: Recommender, sibling: Recommender) -> bool:
    """Whether two trained models differ by their cards in nothing but the seed."""

    def how(card: dict[str, Any]) -> Any:
        options = {k: v for k, v in card["training"].items() if k not in ("seed", "progress")}
        return options, card["data"]["checksum"], card["training"]["seed"]

    if model.config != sibling.config:
        return False
    try:
        (*one, seed), (*other, another) = how(model.card), how(sibling.card)
    except (KeyError, TypeError, AttributeError):
        return False
    return one == other and seed != another


def _small(
    data: SequenceData, seed: int, cache: Path, watch: Watch | None
) -> tuple[dict[str, Recommender], dict[str, str]]:
    """Small models of SASRec's kinds trained on `data`, kept for the next run; and folders."""
    code = code_hash([build_model, train], ["models"])
    folder = cache / f"trained-{digest([data.checksum, seed, code])[:16]}"
    loaded = {}
    for k, name in enumerate(SASREC):
        if not (folder / name / CARD).exists():

            def tell(epochs: History, name: str = name, before: int = k * QUICK["epochs"]) -> None:
                if watch is not None:
                    watch(name, before + len(epochs), len(SASREC) * QUICK["epochs"])

            tell([])
            torch.manual_seed(seed)
            model = build_model(name, data, **SMALL)
            train(model, data, folder / name, seed=seed, alone=True, watch=tell, **QUICK)
        loaded[name] = load_model(folder / name)
    return loaded, {name: str(folder / name) for name in loaded}
