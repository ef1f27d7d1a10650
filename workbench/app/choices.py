"""What the user chooses. Every widget here is bound to the address under its key."""

import shlex
from pathlib import Path

import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.failures import told
from workbench.app.inspect.shown import View
from workbench.app.resources import Shared
from workbench.app.selection import select
from workbench.data.catalogue import BUILT_IN
from workbench.data.fit import check_fit
from workbench.explain.gradients import Method
from workbench.explore.inspection import METHODS

METHOD_NAMES: dict[str, Method] = {
    method.replace("_", " ").capitalize(): method for method in METHODS
}
PANEL, FIXED = "Per panel", "Fixed, 0 to 1"
MOST_MODELS = 2
LAST = 20  # items an opened map shows unless all are asked for
TRAIN = "python -m workbench train --model SASRec --data {} --out runs/sasrec"


def choose_data() -> tuple[str, SequenceData]:
    """A data set: what was typed, and the data."""
    source = st.selectbox(
        "Data",
        list(BUILT_IN),
        key="data",
        accept_new_options=True,
        help="A known name, or the path of an interactions file or folder on this machine.",
        bind="query-params",
    )
    return str(source), resources.data(str(source))


def choose_models() -> list[str]:
    """Names or folders of up to two models."""
    known = resources.shipped()
    chosen = st.multiselect(
        "Models",
        known,
        default=[name for name in ("SASRec", "AC-SASRec") if name in known],
        key="models",
        max_selections=MOST_MODELS,
        accept_new_options=True,
        placeholder="A shipped model, or a folder",
        help="Shipped models, or the path of a folder that `python -m workbench train` wrote.",
        bind="query-params",
    )
    return chosen[:MOST_MODELS]


def choose_method() -> Method:
    """Which gradient importance attention is compared with."""
    method = select(
        "Gradient importance",
        METHOD_NAMES,
        key="gradient",
        help=words.GRADIENT,
        bind="query-params",
    )
    return method or METHODS[0]


def open_models(names: list[str], source: str, data: SequenceData) -> dict[str, Shared]:
    """The models that fit the data, by label; tells what is wrong with the others or the data."""
    if "fallback" in data.provenance:
        st.warning(words.literal(data.provenance["fallback"]))
    found: dict[str, Shared] = {}
    for name in names:
        with told(name):
            shared = resources.model(name)
            warning = check_fit(shared.model, data)
            if warning:
                st.warning(words.literal(warning))
            label = str(shared.model.config.name)
            found[label if label not in found else f"{label} ({Path(name).name})"] = shared
    if not names:
        why = "" if resources.shipped() else ", and none is shipped yet"
        st.info(f"No model is chosen{why}.", icon=":material/info:")
        show_training(source)
        st.markdown("Then type its folder, `runs/sasrec`, under **Models** at the side.")
    return found


def show_training(source: str) -> None:
    """The command that trains a model on data."""
    st.markdown("Train one, which takes minutes on ml-100k:")
    st.code(TRAIN.format(words.plain(shlex.quote(source))), language="bash", wrap_lines=True)


def choose_view(shared: Shared, slot: int) -> View:
    """The stage, layer and head looked at; `slot` tells the models of a page apart."""
    model = shared.model
    views: dict[str, tuple[int | None, int | None]] = {"Mean of layers and heads": (None, None)}
    for layer in range(model.config.n_layers):
        views[f"Layer {layer + 1}, mean of heads"] = (layer, None)
        for head in range(model.config.n_heads):
            views[f"Layer {layer + 1}, head {head + 1}"] = (layer, head)
    with st.container(horizontal=True):
        part = select(
            "Layer and head",
            views,
            key=f"view{slot}",
            help="Layers are counted from the input up.",
            bind="query-params",
            width=205,
        )
        stage = None
        if len(model.stages) > 1:
            stages = [*model.stages[-1:], *model.stages[:-1]]
            stage = select(
                "Stage",
                {stage.replace("_", " "): stage for stage in stages},
                key=f"stage{slot}",
                help="Where the weights are read: before and after the spatial calibrator, the "
                "adversary's mask, what the correction makes of it (calibrated), and what finally "
                "multiplies the values (attention).",
                bind="query-params",
                width=150,
            )
    return View(stage or "attention", *(part or (None, None)))


def choose_scale(longest: int) -> tuple[bool, int]:
    """Whether colours are fixed, and how many items an opened map shows of the `longest`."""
    with st.container(horizontal=True):
        scale = st.segmented_control(
            "Colour scale",
            [PANEL, FIXED],
            default=PANEL,
            required=True,
            key="scale",
            help=words.SCALE,
            bind="query-params",
        )
        items = f"Last {LAST}"
        if longest > LAST:
            items = st.segmented_control(
                "Items of the opened map",
                [f"Last {LAST}", "All"],
                default=f"Last {LAST}",
                required=True,
                key="items",
                bind="query-params",
            )
    return scale == FIXED, longest if items == "All" else LAST
