"""Training from the app: models of data at hand, which then are chosen by their names."""

import json
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import streamlit as st

from workbench import RECIPES, SequenceData
from workbench.app import places, resources, uploads, words
from workbench.app.failures import errors_shown
from workbench.app.jobs import MOST_AT_ONCE, Job, jobs, show_jobs
from workbench.errors import WorkbenchError
from workbench.files import file_name
from workbench.phrases import listing
from workbench.registry import NAMES
from workbench.training.quick import QUICK, SMALL
from workbench.training.recipes import RecipeName
from workbench.training.settings import Training
from workbench.training.state import History, is_finished
from workbench.training.trainer import MONITOR

USUAL = ("SASRec", "AC-SASRec")
STARTED = "trainings"  # in the session: names of the jobs that it has started and awaits


class TrainingJob(Job):
    """One process of `python -m workbench train`."""

    def __init__(self, out: Path, arguments: Sequence[str], epochs: int) -> None:
        self.epochs = epochs
        super().__init__(out, "workbench", ["train", *arguments])

    def history(self) -> History:
        """What is known of the epochs that are done."""
        try:
            return list(json.loads(self.progress.read_bytes()))
        except FileNotFoundError:
            return []


def told(job: TrainingJob) -> tuple[float, str]:
    """How much of a training is done at most, and where it is, in a sentence."""
    history, name = job.history(), words.literal(job.out.name)
    if not history:
        return 0.0, f"{name}: reading the data, then the first epoch ..."
    last, best = history[-1], max(history, key=lambda epoch: epoch[MONITOR])
    return min(len(history) / job.epochs, 1.0), (
        f"{name}: epoch {last['epoch']:.0f} of {job.epochs} at most, loss {last['loss']:.3f}, "
        f"validation NDCG@10 {last[MONITOR]:.4f} (best {best[MONITOR]:.4f}, epoch "
        f"{best['epoch']:.0f})"
    )


def made(job: TrainingJob) -> str:
    """Where the model of a training that ended is found."""
    return f"{words.strong(job.out.name)} is trained, and among the models of every page."


def ended() -> list[str]:
    """Names of the models that this session has trained, once all have ended; told only once."""
    awaited = [
        job for job in jobs().of(TrainingJob) if job.name in st.session_state.get(STARTED, ())
    ]
    if not awaited or any(job.alive for job in awaited):
        return []
    del st.session_state[STARTED]
    return [job.out.name for job in awaited if job.failure() is None]


def show_form(source: str, data: SequenceData) -> None:
    """What to train on some data, and how far the trainings are."""
    planted = data.truth is not None
    # Enter in a field would start it
    with st.form(f"train {data.checksum}", border=True, enter_to_submit=False):
        st.markdown(f"**Train on {words.literal(data.name)}**")
        kinds = st.multiselect(
            "Kinds of model",
            list(NAMES),
            default=USUAL,
            max_selections=MOST_AT_ONCE,
            key="train_kinds",
            help=words.KINDS,
        )
        with st.container(horizontal=True):
            called = st.text_input(
                "Name",
                value=file_name(data.name),
                key="train_name",
                help=words.MODEL_NAME,
                width=220,
            )
            recipe = None
            if not planted:
                recipe = st.selectbox(
                    "Recipe",
                    list(get_args(RecipeName)),
                    index=None,
                    placeholder="RecBole's sizes",
                    key="train_recipe",
                    help=words.RECIPE,
                    width=220,
                )
            epochs = st.number_input(
                "Epochs at most",
                min_value=1,
                value=QUICK["epochs"] if planted else None,
                placeholder="by the recipe",
                key="train_epochs",
                help=words.EPOCHS,
                width=160,
            )
        pressed = st.form_submit_button("Train", icon=":material/play_arrow:")
        options = _options(planted)
        command = ["python", "-m", "workbench", "train", f"--model={USUAL[0]}", f"--data={source}"]
        st.caption("The same in a terminal, for one of them:")
        usual_epochs = [f"--epochs={QUICK['epochs']}"] if planted else []
        line = shlex.join([*command, *options, *usual_epochs, "--out=runs/sasrec"])
        st.code(words.plain(line), language="bash", wrap_lines=True)
    if pressed:
        if recipe is not None:
            options += [f"--recipe={recipe}"]
        usual = {} if recipe is None else RECIPES[recipe].training
        if epochs is None:
            most = usual.get("epochs", Training().epochs)
        else:
            most = int(epochs)
            options += [f"--epochs={most}"]
        with errors_shown("The training"):
            _start(source, kinds, words.typed(called), most, options)
    show_jobs(TrainingJob, told, made)


def _options(planted: bool) -> list[str]:
    """Options of `train`: those of small models for planted data, else none."""
    if not planted:
        return []
    how: dict[str, Any] = {key: value for key, value in QUICK.items() if key != "epochs"}
    given = [f"--{key.replace('_', '-')}={value}" for key, value in how.items()]
    return [*given, *(f"--option={key}={value}" for key, value in SMALL.items())]


def _start(source: str, kinds: list[str], called: str, epochs: int, options: list[str]) -> None:
    if not kinds:
        st.warning("Choose at least one kind of model.")
        return
    if not (name := file_name(called)):
        raise WorkbenchError(f"{called!r} is no name for a model; write letters and digits.")
    places.data(source)
    folders = {kind: uploads.new_model(f"{kind}-{name}") for kind in kinds}
    under_way = [job.out for job in jobs().of(TrainingJob) if job.alive]
    there = [
        folder.name
        for folder in folders.values()
        if is_finished(folder) or folder in under_way or folder.name in resources.shipped()
    ]
    if there:
        others = ", or leave that kind out" if len(there) < len(folders) else ""
        raise WorkbenchError(
            f"{listing(there)} {'is' if len(there) == 1 else 'are'} there already; write another "
            f"name{others}."
        )
    makes = (
        partial(TrainingJob, folder, [f"--model={kind}", f"--data={source}", *options], epochs)
        for kind, folder in folders.items()
    )
    st.session_state[STARTED] = [job.name for job in jobs().start(*makes)]
    st.rerun()
