"""Starting a report from the app, watching it, and stopping it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import streamlit as st

from analyses.diagnostic import discover
from analyses.report.stored import StoredRun
from analyses.running.inputs import shipped as usual
from analyses.verdict import ASKED
from workbench.app import places, resources, uploads, words
from workbench.app.dataset import stored_results
from workbench.app.dataset.runs import Run
from workbench.app.failures import errors_shown
from workbench.app.jobs import jobs, show_jobs
from workbench.app.selection import keep_usual
from workbench.data.address import planting
from workbench.data.catalogue import BUILT_IN
from workbench.files import REPORTS, file_name

FEW = 100  # users of a report that is soon there
BEGUN = "begun"  # in the session, until the page knows that a run was started
STARTED = "started"  # in the session, until it has ended: the name of the run it has started


def ended() -> Run | None:
    """The run that this session started, once it has ended well; then it is forgotten."""
    for run in jobs().of(Run):
        if run.name == st.session_state.get(STARTED) and not run.alive:
            del st.session_state[STARTED]
            return None if run.failure() else run
    return None


def show_form(like: StoredRun | None = None) -> None:
    """What to run; nothing is run in this thread.

    Parameters
    ----------
    like : the run whose data and models are proposed; ml-100k and what is shipped where None.
    """
    diagnostics = discover()
    shipped = [name for name in usual() if name in resources.shipped()]
    data = BUILT_IN[0] if like is None else stored_results.source_of(like)
    of_run = [] if like is None else stored_results.sources_of_models(like)
    sources = list(dict.fromkeys((*BUILT_IN, data)))
    known = list(dict.fromkeys((*resources.shipped(), *resources.own(), *of_run)))
    with st.form("start", border=False, enter_to_submit=False):  # Enter in a field would start it
        source = st.selectbox(
            "Data of the run",
            sources,
            index=sources.index(keep_usual("start_data", data)),
            accept_new_options=True,
            key="start_data",
            help=words.DATA,
        )
        models = st.multiselect(
            "Models of the run",
            known,
            default=keep_usual("start_models", of_run or shipped),
            accept_new_options=True,
            key="start_models",
            help=words.MODELS,
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
        everybody = st.toggle("All users", key="start_all")
        chosen = st.multiselect(
            "Diagnostics",
            list(diagnostics),
            default=list(diagnostics),
            format_func=lambda name: diagnostics[name].title,
            key="start_only",
        )
        pressed = st.form_submit_button("Start", icon=":material/play_arrow:")
    if pressed:
        with errors_shown("The run"):
            number = None if everybody else int(users)
            _start(words.typed(source), [*map(words.typed, models)], number, chosen)


def offer_verdict(
    label: str, source: str = "ml-100k", models: Sequence[str] | None = None, *, why: str = ""
) -> None:
    """A button for a report on few users of what a verdict asks; while one is made, how far it is.

    Parameters
    ----------
    label : of the button.
    source : the data.
    models : names or folders; the usual ones that are shipped where None.
    why : what is said before it.
    """
    show_progress()
    if any(job.alive for job in jobs().of(Run)):
        return
    if why:
        st.info(why, icon=":material/info:")
    if not st.button(label, icon=":material/play_arrow:"):
        return
    if models is None:
        known = resources.shipped()
        models = [name for name in usual() if name in known]
    with errors_shown("The run"):
        _start(source, list(models), FEW, [asked.DIAGNOSTIC.name for asked in ASKED])


def _start(source: str, models: list[str], users: int | None, only: list[str]) -> None:
    is_planted = planting(source) is not None
    if is_planted:  # which the shipped models do not know: without others, it brings small ones
        models = [model for model in models if model not in resources.shipped()]
    if not only or not (models or is_planted):
        st.warning("Choose at least one model and one diagnostic.")
        return
    file = Path(source.partition("?")[0]).name  # without how to read it
    out = REPORTS / f"{file_name(file)}-{datetime.now():%Y%m%d-%H%M%S}"
    chosen = [name for name in discover() if name in only]
    # with the names in one word, since what begins with a hyphen would be taken for an option
    arguments = [f"--data={source}", *(f"--models={_named(m)}" for m in models)]
    if users is not None:
        arguments.append(f"--users={users}")
    places.data(source)
    for model in models:
        places.model(model)
    (run,) = jobs().start(lambda: Run(out, arguments, chosen))
    st.session_state[STARTED] = run.name
    st.session_state[BEGUN] = True
    st.rerun()


def _named(model: str) -> str:
    """A model as the command knows it: one imported or trained here by its folder."""
    return str(uploads.models() / model) if model in resources.own() else model


def show_progress() -> None:
    """Every run under way, whoever started it; and why one ended without a report."""
    show_jobs(Run, told)


def told(run: Run) -> tuple[float, str]:
    """How much of what a run is doing is done, and a sentence."""
    now, share = run.position()
    name = words.literal(run.out.name)
    if now.stage == "reading":
        return share, f"{name}: reading the data and the models ..."
    if now.stage == "training":
        model = words.literal(now.message)
        return share, f"{name}: training {model} on these data, {now.done} of {now.total} epochs"
    if now.stage in ("measuring", "drawing"):
        title = discover()[now.diagnostic].title
        if now.stage == "drawing":
            return share, f"{name}: drawing {title} ({now.done + 1} of {now.total})"
        place = f"{run.diagnostics.index(now.diagnostic) + 1} of {len(run.diagnostics)}"
        users = f"{now.done:,} of {now.total:,} users, counted for each model"
        return share, f"{name}: measuring {title} ({place}), {users}"
    return 1.0, f"{name}: writing the page ..."
