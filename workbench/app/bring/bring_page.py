"""Bring your own: interactions and a model are recognised, then imported and opened."""

from pathlib import Path

import streamlit as st

from workbench import SequenceData
from workbench.app import places, resources, training_form, uploads, words
from workbench.app.bring import brought_data, brought_model
from workbench.app.bring.brought_model import BroughtModel
from workbench.app.choices import MOST_MODELS
from workbench.app.failures import errors_shown
from workbench.app.html_table import show_table
from workbench.app.links import INSPECT
from workbench.cards import HEADLINE, from_card
from workbench.explore.markup import Cell, Head
from workbench.matching import matched
from workbench.phrases import listing

LIMITS = f"""Files are read and never executed: a class or a call in a pickle is read as a
name only. An upload may have up to {uploads.UPLOAD_MB["interactions"]} MB of interactions or
{uploads.UPLOAD_MB["checkpoint"]} MB of a checkpoint; a file on this machine may have up to
{places.FILE_MB:,} MB when unpacked. Uploads are kept on the machine that serves this page, in
{{folder}}, under their checksum, so that a reload or a link to this page still has them. They stay
there until somebody deletes them."""
NOTHING = """Choose interactions and a model above. Their contents are shown first; nothing is \
imported until you press Import."""
NO_DATA = """Choose the interactions that the model was trained on as well: only they say which \
items the numbers in the model stand for."""
NO_MODEL = "No model is chosen: choose one above, or train one on these interactions."
HEADS = (Head("", kind="text"), *map(Head, HEADLINE.values()))


def page() -> None:
    """Choose interactions and a model, see what they hold, and open them in Inspect."""
    st.header("Bring your own data and model")
    st.caption(LIMITS.format(folder=words.literal(str(uploads.folder()))))
    left, right = st.columns(2, gap="large")
    interactions, brought = None, None
    with left:
        st.subheader("Interactions")
        with errors_shown("The interactions"):
            interactions = brought_data.choose()
    with right:
        st.subheader("Model")
        with errors_shown("The model"):
            brought = brought_model.choose()
    st.subheader("Together")
    with errors_shown("The model on these data"):
        if interactions is None:
            st.info(NOTHING if brought is None else NO_DATA, icon=":material/info:")
        elif brought is None:
            st.info(NO_MODEL, icon=":material/info:")
            training_form.show_form(*interactions)
        else:
            _together(*interactions, brought)


def _together(source: str, data: SequenceData, brought: BroughtModel) -> None:
    folder = brought_model.folder_of(brought, source, data)
    if not brought_model.is_ready(folder):
        if brought.recognized is not None:
            st.markdown(
                f"The model knows {brought.recognized.config.n_items:,} items, and the data have "
                f"{data.n_items:,}."
            )
        if not st.button("Import", type="primary", icon=":material/input:", help=words.IMPORT):
            return
        brought_model.import_brought(brought, source, folder)
        st.rerun()
    model = resources.model(str(folder)).model
    if warning := matched(model, data)[1]:
        st.warning(words.literal(warning))
    _quality(model.card, brought.recognized.notes if brought.recognized else [])
    if brought.recognized is not None:
        st.caption(
            f"It is called {words.literal(folder.name)} under **Models** on every page, and is in "
            f"{words.literal(str(folder))}, a folder like those that `train` writes."
        )
    names = [_called(folder)]
    together = st.session_state.get(brought_model.TOGETHER, [])
    if names[0] in together:
        names = together[:MOST_MODELS]
        if len(names) > 1:
            st.caption(f"Trained together: {words.literal(listing(names))}.")
    if st.button("Open in Inspect", type="primary", icon=":material/search:"):
        st.switch_page(INSPECT, query_params={"data": source, "models": names})


def _called(folder: Path) -> str:
    """The name of a model that was imported or trained here; the path of another."""
    return folder.name if folder.parent == uploads.models() else str(folder)


def _quality(card: dict, shown: list[str]) -> None:
    """Show the quality in a model's card, and the notes that were not `shown` before."""
    rows = [
        [Cell(f"{split}, {policy}"), *(Cell(f"{metrics[name]:.4f}") for name in HEADLINE)]
        for split, policy, metrics in from_card(card)
        if isinstance(metrics, dict) and all(name in metrics for name in HEADLINE)
    ]
    if rows:
        show_table("Quality", HEADS, rows)
        st.caption("Full ranking, with items already seen among those ranked, or without them.")
    for note in card.get("origin", {}).get("notes", []):
        if note not in shown:
            st.markdown(words.literal(str(note)))
