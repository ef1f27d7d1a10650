"""A model a user brings: recognised and described, then imported beside the uploads."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from models import BACKBONES, ModelConfig, backbone_of
from workbench import SequenceData, import_checkpoint
from workbench.app import places, resources, uploads, words
from workbench.app.selection import select
from workbench.app.table import Cell, Head, show_table
from workbench.checkpoint import CARD
from workbench.errors import WorkbenchError
from workbench.importing import Recognized, recognize

KEY = "checkpoint"
TRAINING = {  # of no effect on a trained model
    *("hidden_dropout", "attention_dropout", "initializer_range", "penalty"),
    *("swap_users", "swap_items", "swap_targets"),
}
CORRECTIONS = ("fixed", "annealing")  # a gate is told by the file
NUMBERINGS = {
    "as is usual for its software": None,
    "by first appearance in the file": "appearance",
    "by the ids in the file": "ids",
}
HEADS = (Head("What", kind="text"), Head("Value", kind="text"), Head("Known from", kind="text"))


@dataclass(frozen=True)
class Own:
    """What was brought: a folder that holds a model, or a checkpoint to be imported."""

    path: Path
    recognized: Recognized | None = None  # None for a folder
    options: tuple[tuple[str, Any], ...] = ()  # what was assumed, as the user has it
    numbering: Any = None


def choose() -> Own | None:
    """What was uploaded or pointed to; None while nothing is.

    Raises WorkbenchError for whatever is wrong with it.
    """
    with uploads.named():
        uploads.take("Upload a checkpoint", "checkpoint", KEY)
        typed = st.text_input(
            "Or its path on this machine, or a folder that `train` wrote",
            key=KEY,
            placeholder="SASRec.pth, or runs/sasrec",
            bind="query-params",
        )
        if not (typed := str(typed or "").strip()):
            return None
        path = places.checkpoint(typed)
        if path.is_dir():
            config = resources.model(str(path)).model.config
            st.markdown(f"**{words.literal(str(config.name))}**, a model of this workbench")
            _show(config, "its card")
            return Own(path)
        return _checkpoint(path)


def _checkpoint(path: Path) -> Own:
    told = path.stat()
    stamp = told.st_mtime_ns, told.st_size
    try:
        assumed = _recognized(path, stamp, ()).assumed
    except WorkbenchError as error:
        if "n_heads" not in str(error):
            raise
        assumed = {"n_heads": 1}  # the usual number does not divide the hidden size
    recognised = st.container()
    options = _options(assumed)
    with recognised:
        found = _recognized(path, stamp, options)
        st.markdown(f"**{words.literal(found.model)}**, of {found.format}")
        _show(found.config, "the file", found.assumed)
        st.markdown("\n".join(f"- {words.literal(note)}" for note in found.notes))
    numbering = select(
        "Its items are numbered",
        NUMBERINGS,
        key="numbering",
        help=words.NUMBERING,
        bind="query-params",
    )
    return Own(path, found, options, numbering)


@st.cache_resource(max_entries=8, show_spinner="Reading the checkpoint ...")
def _recognized(
    path: Path, stamp: tuple[int, int], options: tuple[tuple[str, Any], ...]
) -> Recognized:
    return recognize(path, **dict(options))


def _options(assumed: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Fields for what the file cannot tell, with the values they hold."""
    asked = {name: value for name, value in assumed.items() if name not in TRAINING}
    chosen: dict[str, Any] = {}
    if not asked:
        return ()
    st.markdown("**Assumed**, since the file does not tell; change what you know better:")
    with st.container(horizontal=True):
        for name, value in asked.items():
            if name != "alpha" or chosen.get("correction", "fixed") == "fixed":
                chosen[name] = _field(name, value)
        if chosen.get("correction") == "annealing":
            chosen["annealing_step"] = _field("annealing_step", 0)
    return tuple(chosen.items())


def _field(name: str, value: Any) -> Any:
    about: dict[str, Any] = {"key": name, "bind": "query-params", "width": 150}
    label = _spoken(name)
    if isinstance(value, bool):
        return st.selectbox(label, [value, not value], **about)
    if isinstance(value, str):
        return st.selectbox(label, CORRECTIONS, **about)
    if isinstance(value, int):
        least = 0 if name == "annealing_step" else 1
        return st.number_input(label, min_value=least, value=value, **about)
    return st.number_input(label, min_value=0.0, max_value=1.0, value=value, format="%g", **about)


def _show(config: ModelConfig, source: str, assumed: Collection[str] = ()) -> None:
    """A table of what is known of a model, and from where."""
    rows = [
        (Cell(_spoken(name)), Cell(value), Cell("assumed" if name in assumed else source))
        for name, value in facts(config)
    ]
    show_table("What was recognised", HEADS, rows)


def facts(config: ModelConfig) -> list[tuple[str, str]]:
    """Every option that a trained model of this configuration depends on, with its value."""
    values = asdict(config)
    calibration = values.pop("calibration") or {}
    if calibration.get("correction") != "fixed":
        calibration.pop("alpha", None)
    particular = {name for backbone in BACKBONES.values() for name in backbone.options}
    foreign = particular - set(backbone_of(config).options)
    left_out = {"name", "backbone", *TRAINING, *foreign}
    return [
        (name, _value(value))
        for name, value in (values | calibration).items()
        if name not in left_out
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spoken(name: str) -> str:
    return name.removeprefix("n_").replace("_", " ").capitalize()


def folder_of(own: Own, source: str, data: SequenceData) -> Path:
    """Where a model is or will be once imported: another for all that it depends on."""
    if own.recognized is None:
        return own.path
    told = own.path.stat()
    parts = [str(own.path.resolve()), told.st_mtime_ns, told.st_size, own.options, own.numbering]
    digest = hashlib.sha256(json.dumps([*parts, source, data.checksum]).encode()).hexdigest()
    return uploads.folder() / "models" / f"{own.recognized.model}-{digest[:16]}"


def is_ready(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return (folder / CARD).exists()


def take_over(own: Own, source: str, folder: Path) -> None:
    """Import a checkpoint into a folder. Raises WorkbenchError as `import_checkpoint` does."""
    with uploads.named(), st.spinner("Importing, and measuring how good it is on these data ..."):
        import_checkpoint(
            own.path, folder, data=source, numbering=own.numbering, **dict(own.options)
        )
