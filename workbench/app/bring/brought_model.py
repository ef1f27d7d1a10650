"""A model that a user brings: recognised and described, then imported beside the uploads."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from models import BACKBONES, ModelConfig, backbone_of
from workbench import SequenceData, import_checkpoint
from workbench.app import places, resources, training_form, uploads, words
from workbench.app.html_table import show_table
from workbench.app.selection import select
from workbench.explore.markup import Cell, Head
from workbench.files import file_name
from workbench.importing import Recognized, Undecided, recognize
from workbench.model_folders import CARD

KEY = "checkpoint"
TOGETHER = "trained together"  # in the session: names of the models of the last training
TRAINING = {  # of no effect on a trained model
    *("hidden_dropout", "attention_dropout", "penalty"),
    *("initializer_range", "initializer"),
    *("swap_users", "swap_items", "swap_targets"),
}
CHOICES = {
    "correction": ("fixed", "annealing"),  # a gate is recognised from the file
    "norm": ("query", "post", "pre"),
    "activation": ("relu", "gelu"),
}
NUMBERINGS = {
    "as usual for its software": None,
    "by first appearance in the file": "appearance",
    "by the ids in the file": "ids",
    "in the order of these ids": "sorted",
}
HEADS = (Head("What", kind="text"), Head("Value", kind="text"), Head("Known from", kind="text"))


@dataclass(frozen=True)
class BroughtModel:
    """A folder that holds a model, or a checkpoint to be imported."""

    path: Path
    recognized: Recognized | None = None  # None for a folder
    options: tuple[tuple[str, Any], ...] = ()  # values that the user gave for what was assumed
    numbering: Any = None  # one of NUMBERINGS


def choose() -> BroughtModel | None:
    """The model that was uploaded or named; None while there is none.

    Raises
    ------
    WorkbenchError
        If it cannot be read.
    """
    with uploads.paths_hidden():
        if trained := training_form.ended():
            st.session_state[KEY] = str(uploads.models() / trained[0])
            st.session_state[TOGETHER] = trained
        uploads.take("Upload a checkpoint", "checkpoint", KEY)
        typed = st.text_input(
            "Or its path on this machine, or a folder that `train` wrote",
            key=KEY,
            placeholder="SASRec.pth, or runs/sasrec",
            bind="query-params",
        )
        if not (typed := words.typed(typed).strip()):
            return None
        path = places.checkpoint(typed)
        if path.is_dir():
            config = resources.model(str(path)).model.config
            st.markdown(f"**{words.literal(str(config.name))}**, a model of this workbench")
            _show(config, "its card")
            return BroughtModel(path)
        return _checkpoint(path)


def _checkpoint(path: Path) -> BroughtModel:
    stamp = places.state_of(path)
    try:
        assumed = _recognized(path, stamp, ()).assumed
    except Undecided as undecided:
        first = (undecided.option, undecided.choices[0])
        assumed = _recognized(path, stamp, (first,)).assumed
    description = st.container()
    options = _options(assumed)
    with description:
        recognized = _recognized(path, stamp, options)
        st.markdown(f"**{words.literal(recognized.model)}**, of {recognized.format}")
        _show(recognized.config, "the file", recognized.assumed)
        st.markdown("\n".join(f"- {words.literal(note)}" for note in recognized.notes))
    numbering = select(
        "Its items are numbered",
        NUMBERINGS,
        key="numbering",
        help=words.NUMBERING,
        bind="query-params",
    )
    return BroughtModel(path, recognized, options, numbering)


@st.cache_resource(max_entries=8, show_spinner="Reading the checkpoint ...")
def _recognized(path: Path, stamp: str, options: tuple[tuple[str, Any], ...]) -> Recognized:
    return recognize(path, **dict(options))


def _options(assumed: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Show fields for the options that the file does not hold; their names and values."""
    asked = {name: value for name, value in assumed.items() if name not in TRAINING}
    chosen: dict[str, Any] = {}
    if not asked:
        return ()
    st.markdown("**Assumed**, because the file does not say; change what you know better:")
    with st.container(horizontal=True):
        for name, value in asked.items():
            if name != "alpha" or chosen.get("correction", "fixed") == "fixed":
                chosen[name] = _field(name, value)
        if chosen.get("correction") == "annealing":
            chosen["annealing_step"] = _field("annealing_step", 0)
    return tuple(chosen.items())


def _field(name: str, value: Any) -> Any:
    layout: dict[str, Any] = {"key": name, "bind": "query-params", "width": 150}
    label = _label(name)
    if isinstance(value, bool):
        return st.selectbox(label, [value, not value], **layout)
    if isinstance(value, str):
        return st.selectbox(label, CHOICES[name], **layout)
    if isinstance(value, int):
        least = 0 if name == "annealing_step" else 1
        return st.number_input(label, min_value=least, value=value, **layout)
    return st.number_input(label, min_value=0.0, max_value=1.0, value=value, format="%g", **layout)


def _show(config: ModelConfig, source: str, assumed: Collection[str] = ()) -> None:
    """Show a table of what is known about a model, and from which source."""
    rows = [
        (Cell(_label(name)), Cell(value), Cell("assumed" if name in assumed else source))
        for name, value in facts(config)
    ]
    show_table("What was recognised", HEADS, rows)


def facts(config: ModelConfig) -> list[tuple[str, str]]:
    """The options that a trained model of this configuration depends on, with their values."""
    values = asdict(config)
    calibration = values.pop("calibration") or {}
    idle = config.calibration.idle() if config.calibration else {}
    of_backbones = {name for backbone in BACKBONES.values() for name in backbone.options}
    of_others = of_backbones - set(backbone_of(config).options)
    left_out = {"name", "backbone", *TRAINING, *of_others, *idle}
    return [
        (name, _value(value))
        for name, value in (values | calibration).items()
        if name not in left_out
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _label(name: str) -> str:
    return name.removeprefix("n_").replace("_", " ").capitalize()


def folder_of(brought: BroughtModel, source: str, data: SequenceData) -> Path:
    """The folder a model is in, or will be imported to.

    Another file, other options, another numbering or other data lead to another folder.
    """
    if brought.recognized is None:
        return brought.path
    file = str(brought.path.resolve()), places.state_of(brought.path)
    parts = [*file, brought.options, brought.numbering]
    digest = hashlib.sha256(json.dumps([*parts, source, data.checksum]).encode()).hexdigest()
    name = f"{brought.recognized.model}-{data.name}-{digest[:8]}"
    return uploads.new_model(file_name(name))


def is_ready(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return (folder / CARD).exists()


def import_brought(brought: BroughtModel, source: str, folder: Path) -> None:
    """Import a checkpoint into a folder.

    Raises
    ------
    WorkbenchError
        If `import_checkpoint` cannot import it.
    """
    spinner = st.spinner("Importing the model and measuring its quality on these data ...")
    with uploads.paths_hidden(), spinner:
        import_checkpoint(
            brought.path,
            folder,
            data=source,
            numbering=brought.numbering,
            **dict(brought.options),
        )
