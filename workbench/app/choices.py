"""Choosing data and models. The address holds the value of each widget under its key."""

from pathlib import Path

import streamlit as st

from workbench import SequenceData
from workbench.app import resources, training_form, uploads, words
from workbench.app.failures import errors_shown
from workbench.app.resources import Shared
from workbench.app.userlists import forget_edits
from workbench.data.catalogue import BUILT_IN
from workbench.matching import common_numbering, matched_in
from workbench.phrases import listing

MOST_MODELS = 2


def choose_data() -> tuple[str, SequenceData]:
    """The source that was typed or chosen, and its data; says what was assumed about them."""
    chosen = st.selectbox(
        "Data",
        list(BUILT_IN),
        key="data",
        accept_new_options=True,
        help=words.DATA,
        bind="query-params",
        on_change=forget_edits,
    )
    source = words.typed(chosen)
    data = resources.data(source)
    for assumed in data.provenance.get("warnings", []):
        st.caption(words.literal(uploads.told(assumed)))
    return source, data


def choose_models(data: SequenceData) -> list[str]:
    """The names or folders of models; by default up to two that were trained on these data.

    Where there are none, SASRec beside AC-SASRec, as they are shipped.
    """
    if trained := training_form.ended():
        st.session_state["models"] = trained[:MOST_MODELS]
    known = [*resources.shipped(), *resources.own()]
    of_these = resources.own_of(data) if data.truth is not None else []
    usual = [name for name in training_form.USUAL if name in known]
    chosen = st.multiselect(
        "Models",
        known,
        default=(of_these or usual)[:MOST_MODELS],
        key="models",
        accept_new_options=True,
        placeholder="A model, or a folder",
        help=words.MODELS,
        bind="query-params",
    )
    return list(dict.fromkeys(map(words.typed, chosen)))


def open_models(
    names: list[str], source: str, data: SequenceData
) -> tuple[SequenceData, dict[str, Shared]]:
    """The data as the models number items, and the models that fit them, by label.

    Shows what is wrong with the data or the others. Only `MOST_MODELS` are opened, of which those
    that cannot be read are none.
    """
    if "fallback" in data.provenance:
        st.warning(words.literal(uploads.told(data.provenance["fallback"])))
    loaded: dict[str, Shared] = {}
    surplus = []
    for name in names:
        if len(loaded) == MOST_MODELS:
            surplus.append(name)
            continue
        with errors_shown(name):
            loaded[name] = resources.model(name)
    if surplus:
        left = f"{words.literal(listing(surplus, 3))} {'is' if len(surplus) == 1 else 'are'}"
        st.warning(f"At most {MOST_MODELS} models are shown; {left} left out.")
    opened: dict[str, Shared] = {}
    doubted = 0
    numbering, read = common_numbering([one.model for one in loaded.values()], data), data
    for name, shared in loaded.items():
        with errors_shown(name):
            model, data, warning = matched_in(numbering, shared.model, read)
            if model is not shared.model:
                stamp = f"numbered as {source}; " + "; ".join(s.stamp for s in loaded.values())
                shared = Shared(shared.source, stamp, model)
            if warning:
                doubted += 1
                st.warning(words.literal(warning))
            label = str(shared.model.config.name)
            opened[label if label not in opened else f"{label} ({Path(name).name})"] = shared
    if not names and resources.shipped():
        st.info("No model is chosen; choose one in the sidebar.", icon=":material/info:")
    elif len(loaded) == len(names) - len(surplus) and doubted == len(opened):
        # all that are shown can be read, and none fits
        _offer(source, read, doubted=doubted > 0)
    return data, opened


def _offer(source: str, data: SequenceData, *, doubted: bool) -> None:
    """Ways on where no model fits the data, or each in doubt: one that does, or training."""
    shipped = resources.shipped_for(data)
    usual = [name for name in training_form.USUAL if name in shipped]
    fitting = (resources.own_of(data) or usual)[:MOST_MODELS]
    if fitting:
        know = "know" if len(fitting) > 1 else "knows"
        st.info(f"{words.literal(listing(fitting))} {know} these data.", icon=":material/info:")
        st.button("Use them", on_click=_use, args=[fitting], icon=":material/check:")
        return
    if doubted:
        with st.expander("Train a model on these data"):
            training_form.show_form(source, data)
        return
    said = "None of the models chosen knows these data" if resources.shipped() else "No model here"
    st.info(f"{said}; train one that does, or choose another.", icon=":material/info:")
    training_form.show_form(source, data)


def _use(names: list[str]) -> None:
    st.session_state["models"] = names
