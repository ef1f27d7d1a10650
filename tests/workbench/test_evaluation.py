"""Metrics from ranks by hand, and ranks against sorting every item."""

import json
import math
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

from tests.models.variants import MAX_LENGTH, batch_of, build
from tests.workbench.tiny import data_of
from workbench import build_model, load_data, load_model, save_model
from workbench.__main__ import app
from workbench.data import batches
from workbench.data.splits import cases
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.evaluation import KEPT, NOT_COMPARABLE, REMOVED, draw_negatives, evaluate
from workbench.metrics import (
    CUTOFFS,
    best_items,
    metrics_of,
    rank_of,
    ranks_kept_and_removed,
    target_ranks,
)


class Table(nn.Module):
    """Scores of a user are read from a table; padding scores -inf."""

    needs_times = needs_users = False
    device = torch.device("cpu")

    def __init__(self, *rows, n_items=5, max_length=50):
        super().__init__()
        self.card, self.item_ids = {}, None
        self.config = SimpleNamespace(name="Table", n_items=n_items, max_length=max_length)
        self.table = nn.Parameter(torch.tensor([[-math.inf, *row] for row in rows]))
        self.modes = []

    def scores(self, batch):
        self.modes.append(self.training)
        return self.table[batch.users]


@pytest.mark.parametrize(
    ("scores", "rank", "without_seen"),
    [
        ([5, 4, 3, 2, 1], 3, 2),  # the target is 3, the history 2 and 4
        ([1, 2, 9, 3, 4], 1, 1),
        ([5, 6, 1, 7, 8], 5, 3),
        ([1, 3, 3, 1, 1], 2, 1),  # one tie: half of it, rounded up
        ([3, 3, 3, 1, 1], 2, 2),  # two ties: one of them
        ([3, 3, 3, 3, 3], 3, 2),  # everything is the same: the middle
        ([4, 3, 3, 3, 3], 4, 3),
        ([-9, -9, -math.inf, -9, -9], 6, 4),  # a tie with padding alone
    ],
)
def test_ranks_by_hand(scores, rank, without_seen):
    table = torch.tensor([[-math.inf, *scores]])
    before, target, seen = table.clone(), torch.tensor([3]), torch.tensor([[2, 4, 0]])
    assert target_ranks(table, target).tolist() == [rank]
    if scores[2] != -math.inf:
        kept, removed = ranks_kept_and_removed(table, target, seen)
        assert (kept.tolist(), removed.tolist()) == ([rank], [without_seen])
    assert torch.equal(table, before)


def test_the_best_item_is_the_first_of_equals():
    scores = torch.tensor([[-math.inf, 1, 5, 5, 2], [-math.inf, 7, -2, 7, 7]])
    assert best_items(scores).tolist() == [2, 1]
    assert best_items(scores.requires_grad_()).dtype == torch.long


def test_a_target_that_was_seen_stays():
    table = torch.tensor([[-math.inf, 5.0, 9, 4, 8, 1]])
    seen = torch.tensor([[2, 4, 2, 4, 0]])  # as often as a history has them
    assert [r.tolist() for r in ranks_kept_and_removed(table, torch.tensor([4]), seen)] == [
        [2],
        [1],
    ]


def test_metrics_by_hand():
    found = metrics_of(np.array([1, 3, 4, 11, 60]))
    assert found.keys() == {f"{m}@{k}" for m in ("hit", "ndcg", "mrr") for k in CUTOFFS}
    wanted = {
        "hit@1": 1 / 5,
        "hit@3": 2 / 5,
        "hit@10": 3 / 5,
        "hit@50": 4 / 5,
        "ndcg@1": 1 / 5,
        "ndcg@3": (1 + 1 / 2) / 5,  # log2(3 + 1) = 2
        "ndcg@10": (1 + 1 / 2 + 1 / math.log2(5)) / 5,
        "ndcg@50": (1 + 1 / 2 + 1 / math.log2(5) + 1 / math.log2(12)) / 5,
        "mrr@5": (1 + 1 / 3 + 1 / 4) / 5,
        "mrr@20": (1 + 1 / 3 + 1 / 4 + 1 / 11) / 5,
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_an_evaluation_by_hand():
    data = data_of([1, 2, 3], [4, 5], [1], [5, 4, 3, 2], n_items=5)
    model = Table([1, 5, 3, 4, 2], [5, 4, 3, 2, 1], [0] * 5, [5, 1, 4, 3, 2]).train()
    found = evaluate(model, data)
    # 3 is beaten by 2 and 4; 5 by all; user 2 has no case; 2 by all
    assert found.users.tolist() == [0, 1, 3]
    assert found.ranks.tolist() == [3, 5, 5]
    assert found.metrics["hit@3"] == pytest.approx(1 / 3)
    assert (found.split, found.seen_removed) == ("test", False)
    without = evaluate(model, data, remove_seen=True)
    assert without.ranks.tolist() == [2, 4, 2]  # the seen are 1 2, 4, and 5 4 3
    assert without.seen_removed
    valid = evaluate(model, data, "valid")
    assert valid.users.tolist() == [0, 3]
    assert valid.ranks.tolist() == [1, 2]  # 2 of user 0, 3 of user 3
    for one in (found, without):
        assert one.by_policy == {KEPT: found.metrics, REMOVED: without.metrics}
    assert model.modes == [False] * 3
    assert model.training


def sequences(n_users=23):
    """Some longer than what the model reads."""
    rng = np.random.default_rng(0)
    return [rng.integers(1, 13, rng.integers(2, 19)).tolist() for _ in range(n_users)]


def test_all_that_was_seen_is_removed_however_long_ago():
    """The model reads one item, and was shown up to four."""
    data = data_of([1, 2, 5, 3, 4], [4, 5], [2, 5, 1], n_items=5)
    model = Table([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [5, 4, 3, 2, 1], max_length=1)
    assert evaluate(model, data).ranks.tolist() == [4, 1, 1]
    found = evaluate(model, data, remove_seen=True)
    assert found.ranks.tolist() == [1, 1, 1]  # before item 4 came 1, 2, 5 and 3
    valid = evaluate(model, data, "valid", remove_seen=True)
    assert valid.users.tolist() == [0, 2]
    assert valid.ranks.tolist() == [1, 4]  # 3 after 1, 2 and 5; 5 after 2 alone
    for batch_size in (1, 2):
        again = evaluate(model, data, remove_seen=True, batch_size=batch_size)
        assert again.ranks.tolist() == found.ranks.tolist()


@torch.no_grad()
@pytest.mark.parametrize("remove_seen", [False, True])
@pytest.mark.parametrize("variant", ["SASRec", "AC-fixed-two-softmax-od"])
def test_ranks_are_those_of_sorting_every_item(variant, remove_seen):
    model, wanted = build(variant), []
    for *history, target in sequences():
        batch = batch_of(history[-MAX_LENGTH:])
        scores = (model(batch)[0] @ model.item_embedding.weight.T).tolist()
        rivals = set(range(1, 13)) - (set(history) if remove_seen else set()) | {target}
        ranked = sorted(rivals, key=lambda item: -scores[item])
        wanted.append(ranked.index(target) + 1)
    data = data_of(*sequences())
    for batch_size in (1, 7, 256):
        found = evaluate(model, data, remove_seen=remove_seen, batch_size=batch_size)
        assert found.ranks.tolist() == wanted
        assert found.metrics == metrics_of(np.array(wanted))
    assert not model.training


@pytest.mark.parametrize(("most", "widest"), [(13 * 4, 4), (13, 1), (5, 1)])
def test_a_large_catalogue_is_met_by_fewer_histories(monkeypatch, most, widest):
    """Scores of 13 rows of the table, as many at a time as may be held; one history at least."""
    data, model = data_of(*sequences()), build("SASRec")
    wanted, score, shapes = evaluate(model, data), model.scores, []

    def watched(batch, *args):
        shapes.append(score(batch, *args).shape)
        return score(batch, *args)

    monkeypatch.setattr(batches, "MOST_SCORES", most)
    monkeypatch.setattr(model, "scores", watched)
    found = evaluate(model, data)
    assert max(rows for rows, _ in shapes) == widest
    assert {width for _, width in shapes} == {13}
    assert found.ranks.tolist() == wanted.ranks.tolist()
    assert found.by_policy == wanted.by_policy


def test_a_model_that_raises_is_left_in_its_mode():
    model = Table([0.0] * 5, [0.0] * 5).train()
    with pytest.raises(IndexError):  # the table knows two users
        evaluate(model, data_of([1, 2], [3, 4], [1, 5], n_items=5))
    assert model.training


def test_what_cannot_be_evaluated_is_told():
    model = Table([0.0] * 5)
    with pytest.raises(WorkbenchError, match="knows 5 items and tiny has 7; give the data"):
        evaluate(model, data_of([1, 2, 3], n_items=7))
    with pytest.raises(WorkbenchError, match="no user has enough interactions for a valid case"):
        evaluate(model, data_of([1, 2], n_items=5), "valid")


def test_a_score_that_is_no_number_loses_against_all_others():
    scores = torch.tensor([[-torch.inf, torch.nan, 2.0, 1.0], [-torch.inf, 3.0, torch.nan, 1.0]])
    ranks = target_ranks(scores, torch.tensor([1, 1]))
    assert ranks[0] > 3  # below every number
    assert ranks[1] == 2  # one that is none may be anything
    assert rank_of(scores[0], 1) > 3


def test_users_whose_item_has_no_score_are_told():
    data = data_of([1, 2, 3], [4, 5], [1, 2], n_items=5)
    none = math.nan
    model = Table([1, 5, none, 4, 2], [5, 4, 3, 2, 1], [none, 5, none, none, none])
    with pytest.warns(
        WorkbenchWarning, match=r"no number \(NaN\) .* of 1 user, who count as missed"
    ):
        assert evaluate(model, data).ranks[0] > 5


def timed():
    """Split at 10: user 0 is asked for 3, user 2 for 5; 1 has no later item, 3 no earlier one."""
    times = [1, 5, 10, 11, 1, 2, 2, 3, 4, 12, 10, 11]
    return data_of([1, 2, 3, 4], [4, 5], [4, 3, 1, 5], [1, 2], n_items=5, times=times)


def test_a_global_time_split_by_hand():
    model = Table([1, 5, 3, 4, 2], [0] * 5, [5, 4, 3, 2, 1], [0] * 5, max_length=1)
    found = evaluate(model, timed(), split_time=10)
    assert found.users.tolist() == [0, 2]
    assert found.left_out == 2
    assert found.ranks.tolist() == [3, 5]  # 3 is beaten by 2 and 4, 5 by all
    assert found.split == "global time split at 1970-01-01T00:00:10Z"
    for batch_size in (1, 256):
        without = evaluate(model, timed(), split_time="10", remove_seen=True, batch_size=batch_size)
        assert without.ranks.tolist() == [2, 2]  # before came 1 and 2, and 4, 3 and 1


class Reader(Table):
    """A table that also keeps what it was shown."""

    def scores(self, batch):
        rows = zip(batch.items.tolist(), batch.lengths.tolist(), strict=True)
        self.shown = [items[:length] for items, length in rows]
        return super().scores(batch)


@pytest.mark.parametrize(("max_length", "shown"), [(2, [[1, 2], [3, 1]]), (9, [[1, 2], [4, 3, 1]])])
def test_nothing_from_the_time_on_is_read(max_length, shown):
    model = Reader(*[[0] * 5] * 4, max_length=max_length)
    evaluate(model, timed(), split_time=10)
    assert model.shown == shown


def test_a_target_at_the_time_that_the_model_does_not_know_is_not_replaced():
    model = Table(*[[5, 4, 3, 2, 1]] * 4)
    model.item_ids = np.array(["[pad]", "i1", "i2", "other", "i4", "i5"], dtype=object)
    with pytest.warns(WorkbenchWarning, match="1 of 2 users of the time split are left out"):
        found = evaluate(model, timed(), split_time=10)
    assert (found.users.tolist(), found.ranks.tolist(), found.left_out) == ([2], [5], 3)
    model.item_ids = np.array(["[pad]", "i1", "i2", "i4", "other", "another"], dtype=object)
    with pytest.raises(WorkbenchError, match="of no user does Table know the item to be predicted"):
        evaluate(model, timed(), split_time=10)


@pytest.mark.parametrize(("time", "learned"), [(5, 1), (10, 0), (12, 0)])
def test_a_model_that_learned_from_what_is_asked_is_warned_of(time, learned):
    """At 5 user 0 is asked for the second of four items; what else is asked was held out."""
    model = Table(*[[5, 4, 3, 2, 1]] * 4)
    model.card = {"data": {"checksum": timed().checksum}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asked = len(evaluate(model, timed(), split_time=time).users)
    said = f"Table learned from {learned} of the {asked} items to be predicted at 1970-01-01T00:00:"
    assert [said in str(warning.message) for warning in caught] == [True] * learned


@pytest.mark.parametrize(
    ("learned_from", "said"),
    [
        ({"span": [1, 9]}, None),
        (
            {"span": [1, 10]},
            "may have learned from the items to be predicted at 1970-01-01T00:00:10",
        ),
        ({"span": None}, "does not say when the data that it learned from end"),
        ({}, "does not say when the data that it learned from end"),
        (timed().identity() | {"checksum": "of the rows in another order"}, "for the data that it"),
        (None, "does not say when the data that it learned from end"),
    ],
)
def test_and_one_that_may_have_done_so(learned_from, said):
    model = Table(*[[5, 4, 3, 2, 1]] * 4)
    model.card = {"training": {}} | ({} if learned_from is None else {"data": learned_from})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluate(model, timed(), split_time=10)
    told = [str(warning.message) for warning in caught if "flatters" in str(warning.message)]
    assert len(told) == (said is not None)
    assert all(said in message and message.startswith("Table may have") for message in told)


@pytest.mark.parametrize("unit", ["s", "ms", "date"])
def test_and_is_told_how_to_read_the_part_before(tmp_path, unit):
    days = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
    zeros = {"s": "", "ms": "000"}
    written = [day if unit == "date" else f"{date_seconds(day)}{zeros[unit]}" for day in days]
    rows = [f"{user},{item},{time}" for user in "uv" for item, time in enumerate(written)]
    file = tmp_path / "log.csv"
    file.write_text("\n".join(["user,item,at", *rows]))
    data = load_data(f"{file}?time=at")
    model = build_model("SASRec", data, hidden_size=8, inner_size=8)
    model.card = {"data": data.identity()}
    with pytest.warns(WorkbenchWarning, match="which flatters it") as caught:
        evaluate(model, data, split_time=days[1])
    (condition,) = re.findall(r"\((\?\S+) behind the path", str(caught[0].message))
    query = condition.replace("TIME", days[1])
    assert ("TIME" in condition) == (unit == "date")
    before = load_data(f"{file}{query}&time=at&min_user=1")
    assert before.times is not None
    assert before.times.max() < date_seconds(days[1])
    assert before.n_interactions == 2


def date_seconds(day: str) -> int:
    return int(np.datetime64(day, "s").astype(int))


def test_a_time_that_splits_nothing_is_refused():
    model = Table(*[[0.0] * 5] * 4)
    with pytest.raises(WorkbenchError, match="choose a time within those of the data, 1970-01-01T"):
        evaluate(model, timed(), split_time="2020-01-01")
    with pytest.raises(WorkbenchError, match="tiny has no times to split at"):
        evaluate(model, data_of([1, 2, 3], n_items=5), split_time="2020-01-01")
    with pytest.raises(WorkbenchError, match="a global time split has no valid part"):
        evaluate(model, timed(), "valid", split_time=10)


def test_ranks_among_all_that_can_be_drawn_by_hand():
    """All unseen items are drawn, so that the ranks are those of full ranking without the seen."""
    data = data_of([1, 2, 3], [4, 1, 5], n_items=5)
    model = Table([1, 5, 3, 4, 2], [5, 3, 3, 2, 3])
    found = evaluate(model, data, sampled_negatives=2, seed=3)
    assert found.ranks.tolist() == [2, 2]  # 3 of 3, 4, 5; 5 of 2, 3, 5, which tie: the middle
    assert found.metrics["hit@1 of 3 sampled"] == 0
    assert found.metrics["mrr@3 of 3 sampled"] == pytest.approx(1 / 2)
    assert all(name.endswith(" of 3 sampled") for name in found.metrics)
    assert (found.sampled_negatives, found.seen_removed) == (2, True)
    at_a_time = evaluate(model.eval(), timed_pair(), split_time=10, sampled_negatives=2)
    assert at_a_time.ranks.tolist() == [2, 2]


def timed_pair():
    """The users of the test above, each with an item more after the target."""
    return data_of([1, 2, 3, 5], [4, 1, 5, 2], n_items=5, times=[1, 2, 10, 11] * 2)


@given(
    st.lists(st.lists(st.integers(1, 12), min_size=2, max_size=8), min_size=1, max_size=4),
    st.integers(0, 5),
)
def test_negatives_are_distinct_and_new_to_the_user(sequences, seed):
    data = data_of(*sequences)
    whole = cases(data, "test", 99)
    fewest = min(12 - len(set(sequence)) for sequence in sequences)
    drawn = draw_negatives(data, whole, fewest, seed)
    for sequence, negatives in zip(sequences, drawn.tolist(), strict=True):
        assert len(set(negatives)) == fewest
        assert set(negatives) <= set(range(1, 13)) - set(sequence)
    backwards = np.arange(len(whole))[::-1]
    again = draw_negatives(data, whole.take(backwards), fewest, seed)
    assert np.array_equal(again[::-1], drawn)


def test_negatives_are_drawn_uniformly():
    data = data_of(*[[2, 5, 2, 9]] * 6000)
    drawn = draw_negatives(data, cases(data, "test", 99), 3, seed=0)
    counts = np.bincount(drawn.ravel(), minlength=13)
    assert counts[[0, 2, 5, 9]].tolist() == [0] * 4
    rivals = np.delete(counts, [0, 2, 5, 9])
    # each is drawn with chance 1/3, with a standard deviation of 37
    assert np.abs(rivals - 2000).max() < 5 * 37


def test_sampled_ranks_depend_on_the_seed_alone():
    model, data = build("SASRec"), data_of(*sequences())
    count = 12 - max(len(set(sequence)) for sequence in sequences())
    assert count > 0
    wanted = evaluate(model, data, sampled_negatives=count, seed=1)
    for batch_size in (1, 7):
        again = evaluate(model, data, sampled_negatives=count, seed=1, batch_size=batch_size)
        assert again.ranks.tolist() == wanted.ranks.tolist()
    assert wanted.ranks.max() <= count + 1
    full = evaluate(model, data, remove_seen=True).ranks
    assert (wanted.ranks <= full).all()
    others = [evaluate(model, data, sampled_negatives=count, seed=s).ranks for s in range(2, 9)]
    assert any((other != wanted.ranks).any() for other in others)


def test_negatives_that_cannot_be_drawn_are_refused():
    model = Table(*[[0.0] * 5] * 4)
    with pytest.raises(
        WorkbenchError, match=r"user u1 lacks only 1 of 5 items.*give at most 1 sam"
    ):
        evaluate(model, data_of([1, 2], [1, 2, 3, 4], n_items=5), sampled_negatives=2)
    with pytest.raises(WorkbenchError, match="leave sampled negatives out, which ranks all"):
        evaluate(model, data_of([1, 2, 3, 4, 5], n_items=5), sampled_negatives=2)
    with pytest.raises(WorkbenchError, match="sampled_negatives=0; give a whole number, 1 or"):
        evaluate(model, timed(), sampled_negatives=0)
    with pytest.raises(WorkbenchError, match="seed=-1; give a whole number, 0 or more"):
        evaluate(model, timed(), sampled_negatives=2, seed=-1)


def test_the_command_says_the_split_the_users_and_the_sample(tmp_path):
    rows = [f"u{u},i{(u + t) % 7},{1577836800 + t}" for u in range(4) for t in range(-2, 2)]
    file = tmp_path / "x.csv"
    file.write_text("\n".join(["user,item,time", *rows, "v,i1,1", "v,i2,2"]) + "\n")
    data = load_data(file)
    folder = str(save_model(build_model("SASRec", data, hidden_size=8), tmp_path / "model"))
    command = ["evaluate", "--model", folder, "--data", str(file), "--split-time", "2020-01-01"]
    at = "global time split at 2020-01-01T00:00:00Z"

    lines = CliRunner().invoke(app, command).stdout.splitlines()
    assert lines[0] == f"4 users (1 left out), {at}, full ranking, seen items not removed"
    assert lines[1].startswith("hit@1 ")
    assert lines[4] == "seen items removed"
    removed = CliRunner().invoke(app, [*command, "--remove-seen"]).stdout.splitlines()
    assert removed[1:4] == lines[5:8]
    assert removed[4:] == ["seen items not removed", *lines[1:4]]
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert (found["split"], found["users"], found["users_left_out"]) == (at, 4, 1)
    assert "note" not in found
    assert (
        found["hit@1"]
        == evaluate(load_model(folder), data, split_time="2020-01-01").metrics["hit@1"]
    )

    for policy, metrics in found["by_policy"].items():
        asked = [*command, "--json", *["--remove-seen"] * (policy == REMOVED)]
        again = json.loads(CliRunner().invoke(app, asked).stdout)
        assert {name: again[name] for name in metrics} == metrics

    sampled = [*command, "--sampled-negatives", "3", "--seed", "5"]
    lines = CliRunner().invoke(app, sampled).stdout.splitlines()
    assert lines[0] == (
        f"4 users (1 left out), {at}, 3 sampled negatives (seed 5), seen items removed"
    )
    assert lines[1] == NOT_COMPARABLE
    assert "not comparable" in NOT_COMPARABLE
    assert lines[2].startswith("hit@1 of 4 sampled ")
    found = json.loads(CliRunner().invoke(app, [*sampled, "--json"]).stdout)
    assert (found["sampled_negatives"], found["seed"], found["note"]) == (3, 5, NOT_COMPARABLE)
    assert found["hit@10 of 4 sampled"] == 1
    assert "hit@10" not in found
    assert found["by_policy"].keys() == {REMOVED}


def test_an_evaluation_is_a_line():
    model = Table([3.0, 2, 1, 0, 0], [0.0, 0, 1, 2, 3], n_items=5)
    found = evaluate(model, data_of([1, 2, 3], [3, 5, 4], n_items=5))
    line = repr(found)
    assert line.startswith("Evaluation(test, 2 users; seen kept: hit@10 1.0000, ndcg@10 0.5655, ")
    assert "; seen removed: hit@10 1.0000, ndcg@10 1.0000, mrr@10 1.0000)" in line
    assert "\n" not in line
    sampled = evaluate(model, data_of([1, 2, 3], [3, 5, 4], n_items=5), sampled_negatives=1)
    assert " of 2 sampled 1.0000" in repr(sampled)


def test_no_part_but_those_held_out_is_evaluated():
    """A training part has a case for each prefix, so that users would be counted many times."""
    for split in ("train", "dev"):
        with pytest.raises(WorkbenchError, match=f"no split '{split}' to evaluate; choose valid"):
            evaluate(Table([1.0] * 5), data_of([1, 2, 3, 4, 5], n_items=5), split)
