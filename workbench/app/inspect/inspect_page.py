"""Inspect: one user, one or two models, and why an item was recommended."""

import streamlit as st

from workbench import SequenceData
from workbench.app import case_choices, choices, resources, words
from workbench.app.failures import errors_shown
from workbench.app.inspect import closer, share, view_choices
from workbench.app.inspect.answer import About, judged_of, offer_verdict, show_answer
from workbench.app.inspect.history import show_history
from workbench.app.inspect.map_section import show_maps
from workbench.app.inspect.pins import show_changed
from workbench.app.inspect.ranking import show_ranking
from workbench.app.inspect.seen import Seen
from workbench.app.inspect.smallest import show_smallest
from workbench.app.resources import Shared
from workbench.data.lookup import find_user
from workbench.explore.history_table import helps, history_frame
from workbench.explore.shown import Shown
from workbench.explore.user_sentences import question


def page() -> None:
    """Choices, then the answer, the history, the top ten, closer looks and the maps.

    Each part can fail alone.
    """
    heading = st.empty()
    heading.header("Why was this recommended?")
    with st.sidebar:
        source, data = choices.choose_data()
        names = choices.choose_models(data)
    read = data
    data, models = choices.open_models(names, source, data)
    judged: dict[str, About] = {}
    with errors_shown("The verdict"):
        judged = judged_of(read, models)
    with st.sidebar:
        instead = [each.beside for each in judged.values()]
        methods = view_choices.choose_importances(models.values(), instead) if models else []
    case = case_choices.choose_case(data, source, models)
    user = find_user(data, case.user)
    target = case_choices.choose_item(data, user, case.kind)
    described = st.container(horizontal=True, vertical_alignment="center")
    described.markdown(case_choices.describe_user(data, user, models))

    with errors_shown("The link"):
        show_changed(read, models)
    across = max(1, len(models))
    answers, offered, table = st.columns(across, gap="large"), st.container(), st.container()
    below = st.columns(across, gap="large")
    shown: dict[str, Shown] = {}
    unjudged: list[Shared] = []
    seen = Seen(source, read, data, user, case, methods, models, shown)
    for slot, (label, shared) in enumerate(models.items(), 1):
        with answers[slot - 1], errors_shown(label):
            st.subheader(words.literal(label))
            inspection = resources.inspection(
                shared, source, user, target, hide_seen=case.hide_seen, methods=methods
            )
            with below[slot - 1]:  # so that the answer and the history come first
                st.markdown(f"**{words.literal(label)}**")
                part = judged[label].part if label in judged else view_choices.MEAN
                view = view_choices.choose_view(shared, slot, part)
            shown[label] = Shown(label, view, inspection)
            if not show_answer(shared, read, data, shown[label], slot, judged.get(label)):
                unjudged.append(shared)
            with below[slot - 1]:
                _numbers(data, shown[label])
                show_smallest(seen, label)
    if not shown:
        return
    if unjudged:
        with offered:
            offer_verdict(source, unjudged)
    recommended = case.kind == case_choices.TOP
    targets = dict.fromkeys(data.title(one.inspection.target) for one in shown.values())
    heading.header(question(list(targets), _italic, recommended=recommended))
    with table, errors_shown("The history"):
        st.subheader("History", help="A click on an item explains it.")
        texts = helps(list(shown.values()), [models[label].model for label in shown])
        frame = history_frame(data, user, list(shown.values()))
        show_history(data, user, frame, texts)
    with errors_shown("The top ten"):
        st.subheader("Top 10", help=words.TOP_TEN)
        columns = st.columns(len(shown), gap="large")
        for column, one in zip(columns, shown.values(), strict=True):
            with column:
                show_ranking(data, one, user)
    with errors_shown("The closer look"):
        closer.show_closer(seen)
    with errors_shown("The maps"):
        st.subheader("Layers and heads")
        slots = {slot: shown[label] for slot, label in enumerate(models, 1) if label in shown}
        show_maps(data, user, slots)
    with described, errors_shown("Sharing"):  # last, since the link holds what was chosen above
        share.show_share(seen)


def _italic(text: str) -> str:
    return f"*{words.literal(text)}*"


def _numbers(data: SequenceData, shown: Shown) -> None:
    """Show the target's rank and score, and the agreement with the first importance."""
    inspection = shown.inspection
    first = next(iter(inspection.importance), None)
    with st.container(horizontal=True):
        st.metric("Rank of the target", words.rank(inspection.place(inspection.target)))
        st.metric("Its score", words.decimal(float(inspection.scores[inspection.target])))
        said = (
            f"Target: {words.target(inspection.target, data.title(inspection.target), inspection)}."
        )
        said += f" Attention: {shown.view.name}."
        if first is not None:
            agreement = inspection.agreement(shown.row, first)
            value = words.decimal(agreement.tau, sign=True) or "none"
            st.metric(f"tau-b with {first}", value, help=words.TAU)
            vanishes = inspection.vanishes(first)
            name = first[0].upper() + first[1:]
            meaning = words.VANISHES.format(name) if vanishes else words.agreement(agreement, first)
            said += f" {meaning}"
    st.caption(said)
