"""How attention is looked at. The address holds each choice, as in `choices`.

Where nothing is chosen and the address names nothing, a model that has a verdict is shown as this
speaks of it: the part of attention that was judged, and beside it what is to be shown instead. That
follows the models; what was chosen stays until it is changed.
"""

from collections.abc import Iterable

import streamlit as st

from workbench.app import words
from workbench.app.resources import Shared
from workbench.app.selection import keep_usual, select
from workbench.explaining.attention_weights import AttentionPart
from workbench.explaining.importance import Importance
from workbench.explaining.methods import default_erasure, importances
from workbench.explore.shown import LAST, View

GRADIENT = "saliency"
MEAN = AttentionPart().name.capitalize()
PANEL, COMMON, FIXED = "Per panel", "Common", "Fixed, 0 to 1"


def choose_importances(models: Iterable[Shared], instead: Iterable[str] = ()) -> list[str]:
    """The importances that stand beside attention.

    By default an erasure and what verdicts say to show instead; a gradient where they say nothing
    more.

    Parameters
    ----------
    models : all on the page.
    instead : what is to be shown instead of their attention, methods of `explain`.
    """
    known: dict[str, Importance] = {}
    erasures: dict[str, None] = {}
    for shared in models:
        known |= importances(shared.model)
        erasures[default_erasure(shared.model)] = None
    wanted = [name for name in dict.fromkeys(instead) if name not in erasures]
    usual = [name for name in (*erasures, *(wanted or [GRADIENT])) if name in known]
    return st.multiselect(
        "Importances beside attention",
        list(known),
        default=keep_usual("importances", usual),
        key="importances",
        placeholder="None",
        help=words.IMPORTANCES,
        bind="query-params",
    )


def part_named(layer: int | None, head: int | None) -> str:
    """What a part of attention is called in the box that chooses it; None for the mean over all."""
    return AttentionPart(layer=layer, head=head).name.capitalize()


def of_reduction(reduction: str) -> str:
    """What the part is called there that a method of `explain` shows, as "attention layer 1"."""
    part = AttentionPart.of(reduction)
    assert part is not None
    return part_named(part.layer, part.head)


def choose_view(shared: Shared, slot: int, usual: str = MEAN) -> View:
    """The stage, layer and head to show.

    Parameters
    ----------
    shared : the model.
    slot : its number on the page.
    usual : the part of attention shown by default, as `part_named` calls it.
    """
    model = shared.model
    heads: list[int | None] = [None, *range(model.config.n_heads)]
    views = {part_named(None, None): (None, None)} | {
        part_named(layer, head): (layer, head)
        for layer in range(model.config.n_layers)
        for head in heads
    }
    with st.container(horizontal=True):
        part = select(
            "Layer and head",
            views,
            key=f"view{slot}",
            index=list(views).index(keep_usual(f"view{slot}", usual)),
            help="Layers are counted from the input up.",
            bind="query-params",
            width=205,
        )
        stage = None
        if len(model.stages) > 1:
            stages = [*model.stages[-1:], *model.stages[:-1]]
            stage = select(
                "Stage",
                {stage.replace("_", " "): stage for stage in stages},
                key=f"stage{slot}",
                help="Which weights are shown: those before or after the spatial calibrator, the "
                "adversary's mask, the weights after the correction (calibrated), or those that "
                "finally multiply the values (attention).",
                bind="query-params",
                width=150,
            )
    return View(stage or "attention", *(part or (None, None)))


def choose_scale(longest: int) -> tuple[str, int]:
    """Which colour scale maps have, and how many items the opened map shows.

    Parameters
    ----------
    longest : the number of items in the longest map.
    """
    with st.container(horizontal=True):
        scale = st.segmented_control(
            "Colour scale",
            [PANEL, COMMON, FIXED],
            default=PANEL,
            required=True,
            key="scale",
            help=words.SCALE,
            bind="query-params",
        )
        items = f"Last {LAST}"
        if longest > LAST:
            items = st.segmented_control(
                "Items of the opened map",
                [f"Last {LAST}", "All"],
                default=f"Last {LAST}",
                required=True,
                key="items",
                bind="query-params",
            )
    return str(scale), longest if items == "All" else LAST
