"""Starting a report from the app, watching it, and stopping it."""

from datetime import datetime
from pathlib import Path

import streamlit as st

from analyses.diagnostic import discover
from analyses.running.inputs import shipped as usual
from analyses.verdict import ASKED
from workbench.app import places, resources, words
from workbench.app.dataset.runs import Run, Runs
from workbench.app.failures import errors_shown
from workbench.data.address import planting
from workbench.data.catalogue import BUILT_IN
from workbench.files import REPORTS

FEW = 100  # users of a report that is soon there
BEGUN = "begun"  # in the session, until the page knows that a run was started
STARTED = "started"  # in the address and the session: the run that is watched


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The runs of this server."""
    return Runs()


def watched() -> Run | None:
    """The run this session started, or the one its address names."""
    return runs().get(st.session_state.get(STARTED) or st.query_params.get(STARTED))


def show_form() -> None:
    """What to run; nothing is run in this thread."""
    diagnostics = discover()
    running = watched()
    busy = running is not None and running.alive
    known = resources.shipped()
    with st.form("start", border=False):
        source = st.selectbox(
            "Data of the run",
            list(BUILT_IN),
            accept_new_options=True,
            key="start_data",
            help=words.DATA,
        )
        models = st.multiselect(
            "Models of the run",
            known,
            default=[name for name in usual() if name in known],
            accept_new_options=True,
            key="start_models",
            help="Shipped models, or folders that `python -m workbench train` wrote.",
        )
        users = st.number_input(
            "Users",
            min_value=1,
            value=FEW,
            step=50,
            key="start_users",
            help="So many, drawn at random; all where there are fewer. All 943 of ml-100k take "
            "about a minute and a half with four models on two cores.",
        )
        chosen = st.multiselect(
            "Diagnostics",
            list(diagnostics),
            default=list(diagnostics),
            format_func=lambda name: diagnostics[name].title,
            key="start_only",
        )
        pressed = st.form_submit_button("Start", icon=":material/play_arrow:", disabled=busy)
    if busy:
        st.caption("One run at a time: wait for yours to end, or cancel it.")
    elif pressed:
        with errors_shown("The run"):
            _start(str(source), models, int(users), chosen)


def start_verdict() -> None:
    """Start a report of the shipped models on few users: what a verdict asks, and no more."""
    known = resources.shipped()
    models = [name for name in usual() if name in known]
    _start("ml-100k", models, FEW, [asked.DIAGNOSTIC.name for asked in ASKED])


def _start(source: str, models: list[str], users: int, only: list[str]) -> None:
    is_planted = planting(source) is not None
    if is_planted:  # which the shipped models do not know: without others, it brings small ones
        models = [model for model in models if model not in resources.shipped()]
    if not only or not (models or is_planted):
        st.warning("Choose at least one model and one diagnostic.")
        return
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in Path(source).name).strip(".")
    out = REPORTS / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    chosen = [name for name in discover() if name in only]
    arguments = [f"--data={source}", f"--users={users}"]
    if models:
        arguments += ["--models", *models]
    places.data(source)
    for model in models:
        places.model(model)
    runs().start(out, arguments, chosen)
    st.session_state[STARTED] = st.query_params[STARTED] = out.name
    st.session_state[BEGUN] = True
    st.rerun()


def show_progress(run: Run) -> None:
    """How far a run is, with a button that ends it; or why it ended without a report."""
    if not run.alive:
        failure = run.failure()
        if failure is not None:
            (st.info if run.cancelled else st.error)(words.literal(failure))
        return
    _watch(run.out.name)


@st.fragment(run_every=1.0)
def _watch(name: str) -> None:
    run = runs().get(name)
    if run is None or not run.alive:
        st.rerun()
    now, share = run.position()
    if now.stage == "reading":
        text = "Reading the data and the models ..."
    elif now.stage == "measuring":
        title = discover()[now.diagnostic].title
        place = f"{run.diagnostics.index(now.diagnostic) + 1} of {len(run.diagnostics)}"
        text = f"{title} ({place}): {now.done:,} of {now.total:,} users, counted for each model"
    else:
        text = "Drawing figures and writing the report ..."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, text=text)
        if st.button("Cancel", icon=":material/stop:", key="cancel_run"):
            run.cancel()
            st.rerun()
