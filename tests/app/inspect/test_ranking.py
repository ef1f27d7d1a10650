"""Notes on what a model ranks first: a model sees the last items, a user has seen them all."""

from dataclasses import replace

import pandas as pd
import torch

from tests.app.shown import Table
from workbench import SequenceData
from workbench.app.what_if.what_if_page import moves_frame
from workbench.data import from_interactions
from workbench.explore.inspection import Inspection
from workbench.explore.prediction import Prediction
from workbench.explore.ranking_table import ranking_frame, ranking_html
from workbench.explore.scenario import Change, Scenario, apply_all
from workbench.explore.shown import Shown, View

# user a has seen 1 to 5 before the held-out 6; a model takes two of them, and ranks 8 to 1
SCORES = torch.tensor([-torch.inf, 1, 2, 3, 4, 5, 6, 7, 8])
WINDOW = torch.tensor([4, 5])


def history() -> SequenceData:
    items = [f"i{item}" for item in range(1, 9)]
    return from_interactions([*"aaaaaabb"], items, None, name="hand")


def ranked(*hidden: int) -> pd.DataFrame:
    """The table of a model that does not rank the hidden items."""
    inspection = Inspection(
        items=WINDOW,
        times=None,
        target=6,
        weights={},
        importance={},
        effects=torch.zeros(2),
        scores=SCORES,
        hidden=frozenset(hidden),
    )
    return ranking_frame(history(), Shown("m", View("attention"), inspection), 0)


def test_seen_is_the_whole_history():
    frame = ranked()
    assert frame["Item"].tolist() == [f"i{item}" for item in (8, 7, 6, 5, 4, 3, 2, 1)]
    assert frame["Note"].tolist() == ["", "", "held-out", *["seen"] * 5]


def test_what_was_seen_is_not_ranked_where_it_is_hidden():
    frame = ranked(1, 2, 3, 4, 5)
    assert frame["Item"].tolist() == ["i8", "i7", "i6"]
    assert frame["Rank"].tolist() == [1, 2, 3]
    repeated = ranked(1, 2, 3, 4, 5, 6)  # the held-out item again
    assert repeated["Item"].tolist() == ["i8", "i7", "i6"]
    assert repeated["Rank"].tolist() == [1, 2, pd.NA]
    assert Table(ranking_html(repeated, "m")).column(0) == ["1", "2", "none"]


def test_seen_is_the_whole_edited_history():
    data = history()
    scenario = apply_all(
        Scenario.of(data, 0), [Change("remove", 1), Change("replace", 1, 8), Change("insert", 1, 6)]
    )
    prediction = Prediction(WINDOW, torch.zeros(1, 1, 2), scores=SCORES)
    frame = moves_frame(data, scenario, prediction, prediction, 7)
    assert frame["item"].tolist() == [f"i{item}" for item in (8, 7, 6, 5, 4, 3, 2, 1)]
    hidden = replace(prediction, hidden=frozenset({8, 6}))  # by what they hold after the edits
    frame_hidden = moves_frame(data, scenario, prediction, hidden, 7)
    assert frame_hidden["item"].tolist() == [f"i{item}" for item in (7, 5, 4, 3, 2, 1, 8, 6)]
    assert frame_hidden["rank_after"].tolist() == [1, 2, 3, 4, 5, 6, pd.NA, pd.NA]
    assert frame_hidden["rank_before"].tolist() == [2, 4, 5, 6, 7, 8, 1, 3]
    notes = ["seen", "target", "held-out, seen", "seen", "seen", "seen", "", ""]
    assert frame["note"].tolist() == notes
