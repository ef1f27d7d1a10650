"""What the user chooses. Every widget here is bound to the address under its key."""

import shlex
from pathlib import Path

import streamlit as st

from workbench import SequenceData
from workbench.app import resources, words
from workbench.app.failures import told
from workbench.app.resources import Shared
from workbench.data.catalogue import BUILT_IN
from workbench.data.fit import check_fit

MOST_MODELS = 2
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
