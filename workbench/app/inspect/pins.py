"""What a shared link was made of: checksums of data and weights, and the report of the verdict."""

from collections.abc import Mapping

import streamlit as st

from workbench import SequenceData
from workbench.app import page_address, resources, words
from workbench.app.dataset.stored_results import verdict_on
from workbench.app.resources import Shared
from workbench.phrases import listing

PINS, RUN = "pins", "verdict"  # in the address
LETTERS = 12  # of a checksum
DATA = "data"


def pins_of(read: SequenceData, models: Mapping[str, Shared]) -> dict[str, list[str]]:
    """What a link adds to the address: the start of each checksum, and the run of the verdict."""
    pinned = {PINS: [f"{key}:{start}" for key, start in _checksums(read, models).items()]}
    found = [verdict_on(shared, read, asked_run()) for shared in models.values()]
    runs = [run.folder.name for _, run in filter(None, found)]
    return pinned | ({RUN: runs[:1]} if runs else {})


def _checksums(read: SequenceData, models: Mapping[str, Shared]) -> dict[str, str]:
    parts = {DATA: read.checksum} | {m: resources.weights(s) for m, s in models.items()}
    return {key: checksum[:LETTERS] for key, checksum in parts.items()}


def asked_run() -> str | None:
    """The report that the address names, from which the verdict is to be."""
    return next(iter(page_address.read(RUN)), None)


def show_changed(read: SequenceData, models: Mapping[str, Shared]) -> None:
    """Say what is no longer as it was where a link was made."""
    asked = dict(pin.rpartition(":")[::2] for pin in page_address.read(PINS))
    now = _checksums(read, models)
    changed = [name for name in asked.keys() & now.keys() if asked[name] != now[name]]
    if changed:
        names = listing(sorted(words.literal(name) for name in changed))
        verb = "is" if len(changed) == 1 else "are"
        st.warning(
            f"Not what the link was made of: {names} {verb} another by now, with another checksum. "
            "What is shown here is not what was shared.",
            icon=":material/history:",
        )
    run = asked_run()
    found = [verdict_on(shared, read, run) for shared in models.values()] if run else []
    if run and not any(one is not None and one[1].folder.name == run for one in found):
        st.warning(
            f"The report {words.literal(run)}, from which the verdict was, does not judge these "
            "models here: the verdict shown is that of another report, or there is none.",
            icon=":material/history:",
        )
