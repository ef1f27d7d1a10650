"""Start: what this is, what the latest report says of attention, and three ways on."""

import streamlit as st

from workbench.app import words
from workbench.app.bring import bring_page
from workbench.app.dataset import dataset_page, starting, stored_results
from workbench.app.dataset.verdict_cards import show_example, show_verdict_table
from workbench.app.failures import errors_shown
from workbench.app.inspect.view_choices import of_reduction
from workbench.app.links import INSPECT

DATASET = st.Page(dataset_page.page, title="Whole data set", url_path="dataset")
BRING = st.Page(bring_page.page, title="Bring your own", url_path="bring")
WHAT = (
    "A recommender that reads a history with attention gives each item of it a weight, and it is "
    "tempting to show the items of large weight as the reason for a recommendation. This workbench "
    "measures whether that is true: it takes items and weights away, runs the model again, and "
    "compares what changes with what controls change that know nothing of the model."
)
NO_VERDICT = (
    "No report with a verdict is stored yet. This button makes one of the shipped models on "
    f"{starting.FEW} users of ml-100k, in some minutes; `python -m analyses.run_all` makes one of "
    "everybody."
)
WAYS = {
    "One user": (INSPECT, "Why was this item recommended, and what happens without another?"),
    "The whole data set": (DATASET, "What holds over all users, with intervals and controls."),
    "Your own": (BRING, "Interactions and a checkpoint; nothing in them is run."),
}


def page() -> None:
    """What this is, the verdicts of a report that has any, and links."""
    st.header("Can attention be shown as a reason?")
    st.markdown(WHAT)
    with errors_shown("The verdict"):
        _verdict()
    columns = st.columns(len(WAYS))
    for column, (name, (page, what)) in zip(columns, WAYS.items(), strict=True):
        with column.container(border=True):
            st.markdown(f"**{name}.** {what}")
            st.page_link(page, icon=":material/arrow_forward:")


def _verdict() -> None:
    run = stored_results.first_verdicts()
    if run is None:
        starting.offer_verdict("Judge the shipped models", why=NO_VERDICT)
        return
    starting.show_progress()
    name = str(run.manifest["data"].get("name"))
    st.caption(words.literal(f"{name}, {stored_results.stands_on(run)}."))
    show_verdict_table(stored_results.verdicts_of(run))
    example = run.example()
    if example is not None:
        show_example(example)
        source = stored_results.source_of_model(run, example.model)
        if source is None:
            return
        st.page_link(
            INSPECT,
            label="Look at this user",
            icon=":material/person_search:",
            query_params={
                "data": stored_results.source_of(run),
                "models": [source],
                "user": example.user,
                "view1": of_reduction(example.reduction),
            },
        )
