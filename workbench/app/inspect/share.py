"""The same view elsewhere: a link, Python, and one HTML file."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from workbench.app import downloads, page_address, words
from workbench.app.dataset.stored_results import stands_on, verdict_on
from workbench.app.inspect import smallest
from workbench.app.inspect.pins import RUN, asked_run, pins_of
from workbench.app.inspect.seen import Seen
from workbench.app.inspect.view_choices import part_named
from workbench.app.resources import Shared
from workbench.explore import user_page
from workbench.explore.as_code import code
from workbench.explore.explanation import made_of_data, made_of_model
from workbench.explore.history_table import helps
from workbench.model_folders import PRETRAINED


def show_share(seen: Seen) -> None:
    """Show a button that opens a link, the code, and a button that saves the page."""
    with st.popover("Share", icon=":material/share:"):
        st.markdown("**Link.** It tells if the data, a model or the verdict has changed since.")
        st.code(link(seen), language=None, wrap_lines=True)
        st.markdown("**As code.** The same numbers from Python; a notebook shows the page.")
        st.code(as_code(seen), language="python", wrap_lines=True)
        st.markdown("**As a file.** One HTML file, which opens offline and asks for nothing.")
        save = partial(html, seen, beside(seen))  # a download runs outside of the page's session
        downloads.button("Save this user", save, "-".join(seen.shown), seen.user_id, "html")


def link(seen: Seen) -> str:
    """The address of the page with what it is made of.

    What a verdict chose is in it, too, since another report may be the latest where it is opened.
    """
    now, pins = page_address.shown(), pins_of(seen.read, seen.models)
    now.setdefault("user", [seen.user_id])
    if RUN in pins:
        now.setdefault("importances", seen.methods)
        for slot, label in enumerate(seen.models, 1):
            if label in seen.shown:
                view = seen.shown[label].view
                now.setdefault(f"view{slot}", [part_named(view.layer, view.head)])
    return f"{st.context.url or ''}?{urlencode(now | pins, doseq=True)}"


def as_code(seen: Seen) -> str:
    """Python that makes what the page shows."""
    targets = np.unique([one.inspection.target for one in seen.shown.values()])
    item = None if seen.recommended else str(seen.data.item_ids[targets[0]])
    return code(
        seen.source,
        [_named(seen.models[label]) for label in seen.shown],
        seen.user_id,
        item,
        seen.methods,
        [one.view for one in seen.shown.values()],
        hide_seen=seen.case.hide_seen,
    )


def _named(shared: Shared) -> str:
    """How a model is named: by the folder, unless it is shipped."""
    folder = Path(shared.source)
    return folder.name if folder.parent == PRETRAINED else shared.source


def beside(seen: Seen) -> dict[str, user_page.Beside]:
    """What the page says of each model beside what it is asked: verdict, and smallest change."""
    found = {}
    for label in seen.shown:
        judged, said = verdict_on(seen.models[label], seen.read, asked_run()), ""
        if judged is not None:
            verdict, run = judged
            told = f"{verdict.headline} {verdict.why} {verdict.shown_instead}"
            said = f"{told} ({stands_on(run)})"
        found[label] = user_page.Beside(said, smallest.answered(seen, label))
    return found


def html(seen: Seen, said: Mapping[str, user_page.Beside]) -> str:
    """The page as one file, with what `beside` found."""
    shown = list(seen.shown.values())
    content = user_page.body(
        seen.data,
        seen.user,
        shown,
        helps(shown, [seen.models[label].model for label in seen.shown]),
        held_out=True,
        recommended=seen.recommended,
        beside=said,
        told=[
            *made_of_data(seen.read),
            *(made_of_model(label, seen.models[label].model) for label in seen.shown),
        ],
        code=as_code(seen),
    )
    title = f"User {seen.user_id} of {seen.data.name}"
    return user_page.page(words.plain(title), content)
