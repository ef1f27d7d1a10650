"""Choosing data and models. The address holds the value of each widget under its key."""

import shlex
from pathlib import Path

import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.failures import errors_shown
from workbench.app.resources import Shared
from workbench.app.userlists import forget_edits
from workbench.data.catalogue import BUILT_IN
from workbench.matching import common_numbering, matched, renumbered

MOST_MODELS = 2
TRAIN = "python -m workbench train --model SASRec --data {} --out runs/sasrec"


def choose_data() -> tuple[str, SequenceData]:
    """The source that was typed or chosen, and its data."""
    source = st.selectbox(
        "Data",
        list(BUILT_IN),
        key="data",
        accept_new_options=True,
        help=words.DATA,
        bind="query-params",
        on_change=forget_edits,
    )
    return str(source), resources.data(str(source))


def choose_models() -> list[str]:
    """The names or folders of up to two models."""
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


def open_models(
    names: list[str], source: str, data: SequenceData
) -> tuple[SequenceData, dict[str, Shared]]:
    """The data as the models number items, and the models that fit them, by label.

    Shows what is wrong with the data or the others.
    """
    if "fallback" in data.provenance:
        st.warning(words.literal(data.provenance["fallback"]))
    loaded: dict[str, Shared] = {}
    for name in names:
        with errors_shown(name):
            loaded[name] = resources.model(name)
    opened: dict[str, Shared] = {}
    numbering, read = common_numbering([one.model for one in loaded.values()], data), data
    for name, shared in loaded.items():
        with errors_shown(name):
            model = renumbered(shared.model, numbering)
            if model is not shared.model:
                stamp = f"numbered as {source}; " + "; ".join(s.stamp for s in loaded.values())
                shared = Shared(shared.source, stamp, model)
            data, warning = matched(model, read)
            if warning:
                st.warning(words.literal(warning))
            label = str(shared.model.config.name)
            opened[label if label not in opened else f"{label} ({Path(name).name})"] = shared
    if not names and resources.shipped():
        st.info("No model is chosen; choose one in the sidebar.", icon=":material/info:")
    elif len(loaded) == len(names) and not opened:  # all can be read, and none fits
        why = "No model chosen fits these data" if names else "No model is shipped yet"
        st.info(f"{why}.", icon=":material/info:")
        show_training(source)
        st.markdown("Then type its folder, `runs/sasrec`, under **Models** in the sidebar.")
    return data, opened


def show_training(source: str) -> None:
    """Show the command that trains a model on a data set."""
    st.markdown("Train one; on ml-100k this takes some minutes:")
    st.code(TRAIN.format(words.plain(shlex.quote(source))), language="bash", wrap_lines=True)
