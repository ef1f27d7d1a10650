"""Bring your own: interactions and a model, recognised first, then imported and opened."""

import streamlit as st

from workbench import SequenceData
from workbench.app import choices, places, resources, uploads, words
from workbench.app.bring import own_data, own_model
from workbench.app.bring.own_model import Own
from workbench.app.failures import told
from workbench.app.links import INSPECT
from workbench.app.table import Cell, Head, show_table
from workbench.data.fit import check_fit

LIMITS = f"""Files are read and never executed: in a pickle, a class or a call is only a name here.
An upload may have {uploads.UPLOAD_MB["interactions"]} MB of interactions or
{uploads.UPLOAD_MB["checkpoint"]} MB of a checkpoint; a file on this machine may have
{places.FILE_MB:,} MB, unpacked. Uploads are kept on the machine that serves this page, in
{{folder}}, named by their checksum, so that a reload or a link to this page finds them; they stay
until they are deleted there."""
NOTHING = """Choose interactions and a model above. What they hold is shown first; nothing is \
imported before you say so."""
NO_DATA = """Choose the interactions the model was trained on as well: its items mean something \
only together with them."""
NO_MODEL = "No model is chosen; choose one above."
MEASURES = ("hit@10", "ndcg@10", "mrr@10")
HEADS = (Head("", kind="text"), *(Head(name.upper()) for name in MEASURES))


def page() -> None:
    """What is brought, what it was recognised as, and the way to Inspect."""
    st.header("Bring your own data and model")
    st.caption(LIMITS.format(folder=words.literal(str(uploads.folder()))))
    left, right = st.columns(2, gap="large")
    found, own = None, None
    with left:
        st.subheader("Interactions")
        with told("The interactions"):
            found = own_data.choose()
    with right:
        st.subheader("Model")
        with told("The model"):
            own = own_model.choose()
    st.subheader("Together")
    with told("The model on these data"):
        if found is None:
            st.info(NOTHING if own is None else NO_DATA, icon=":material/info:")
        elif own is None:
            st.info(NO_MODEL, icon=":material/info:")
            choices.show_training(found[0])
        else:
            _together(*found, own)


def _together(source: str, data: SequenceData, own: Own) -> None:
    folder = own_model.folder_of(own, source, data)
    if not own_model.is_ready(folder):
        if own.recognized is not None:
            st.markdown(
                f"The model knows {own.recognized.config.n_items:,} items, and the data have "
                f"{data.n_items:,}."
            )
        if not st.button("Import", type="primary", icon=":material/input:", help=words.IMPORT):
            return
        own_model.take_over(own, source, folder)
        st.rerun()
    model = resources.model(str(folder)).model
    if warning := check_fit(model, data):
        st.warning(words.literal(warning))
    _quality(model.card, own.recognized.notes if own.recognized else [])
    if own.recognized is not None:
        st.caption(
            f"The imported model is in {words.literal(str(folder))}, as any folder that `train` "
            "wrote."
        )
    if st.button("Open in Inspect", type="primary", icon=":material/search:"):
        st.switch_page(INSPECT, query_params={"data": source, "models": [str(folder)]})


def _quality(card: dict, said: list[str]) -> None:
    """What its card says of its quality, and the notes not yet said."""
    rows = [
        [Cell(split), *(Cell(f"{metrics[name]:.4f}") for name in MEASURES)]
        for split, metrics in card.get("metrics", {}).items()
        if isinstance(metrics, dict) and all(name in metrics for name in MEASURES)
    ]
    if rows:
        show_table("Quality", HEADS, rows)
        seen = "removed" if card.get("seen_items_removed") else "not removed"
        st.caption(f"Full ranking, items already seen {seen}.")
    for note in card.get("origin", {}).get("notes", []):
        if note not in said:
            st.markdown(words.literal(str(note)))
