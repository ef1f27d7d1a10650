"""One case looked at, against the library's other ways to the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from analyses.diagnostics.gradient_agreement.agreement_measures import measure
from analyses.running.held_out import held_out_batches
from models import Batch
from tests.analyses.handmade import Handmade, data_of, rank_by_hand
from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import evaluate, explain, record_attention
from workbench.data.batches import make_batch
from workbench.data.sequences import SequenceData
from workbench.data.splits import held_out_cases
from workbench.errors import WorkbenchError
from workbench.explore.inspection import METHODS, Inspection, inspect_case

SALIENCY, PRODUCT = METHODS


@pytest.fixture(scope="module")
def data() -> SequenceData:
    return small_data()


@pytest.mark.parametrize("name", ["SASRec", "AC-SASRec", "AC-SASRec-light"])
def test_agreement_is_that_of_the_report(data, name):
    """The same taus and p values as the diagnostic's, for every layer and head."""
    model = small_model(name, data)
    for user in range(2):
        batch = case_of(model, data, user)
        target = int(data.history(user)[-1])
        found = inspect_case(model, batch, target)
        (cases,) = held_out_batches(model, data, np.array([user]))
        report = measure(model, cases, seed=0)
        report = report[report["control"] == "trained"]
        report = report[(report["target"] == "held-out item") & (report["method"] == "saliency")]
        assert len(report) == 7  # two layers of two heads, with their means
        for row in report.itertuples():
            layer, head = (None if w == "mean" else int(w) - 1 for w in (row.layer, row.head))
            weights = found.matrix("attention", layer, head)[-1]
            agreement = found.agreement(weights, SALIENCY)
            assert agreement.tau == pytest.approx(row.tau, abs=1e-12)
            assert agreement.p_value == pytest.approx(row.p_value, abs=1e-12)
            assert agreement.tau == pytest.approx(
                kendalltau(weights.numpy(), found.importance[SALIENCY].abs().numpy()).statistic
            )


def test_ranks_and_scores_are_those_of_the_evaluation(data):
    model = small_model("SASRec", data)
    ranks = evaluate(model, data).ranks
    for user in range(data.n_users):
        held_out = int(data.history(user)[-1])
        found = inspect_case(model, case_of(model, data, user), "top")
        assert found.rank(held_out) == ranks[user]
        best = np.argsort(-found.scores[1:].numpy(), kind="stable")[:10] + 1
        assert found.top(10) == best.tolist()
        assert found.target == best[0]
        assert found.rank(found.target) == 1


def test_what_is_hidden_is_not_ranked(data):
    model = small_model("SASRec", data)
    case, seen = case_of(model, data, 0), set(data.history(0)[:-1].tolist())
    every, some = inspect_case(model, case, "top"), inspect_case(model, case, "top", hidden=seen)
    left = [item for item in every.top(data.n_items) if item not in seen]
    assert some.top(data.n_items) == left
    assert some.n_ranked == len(left)
    assert some.target == left[0]
    assert [some.rank(item) for item in left] == list(range(1, len(left) + 1))
    best_seen = max(seen, key=lambda item: float(every.scores[item]))
    better = [item for item in left if every.scores[item] > every.scores[best_seen]]
    assert some.rank(best_seen) == 1 + len(better)  # among the others
    assert some.ranked_with(best_seen) == len(left) + 1
    assert some.ranked_with(left[0]) == len(left)
    assert (some.place(left[0]), some.place(best_seen)) == (1, None)
    assert some.told(left[0]) == f"at rank 1 of {len(left)}"
    would = f"{1 + len(better)} of {len(left) + 1}"
    assert some.told(best_seen) == f"seen, so not ranked (would be {would})"
    only = replace(some, hidden=frozenset(range(1, data.n_items + 1)) - {left[0]})
    assert (only.rank(left[-1]), only.ranked_with(left[-1])) == (2, 2)  # not 2 of 1
    with pytest.raises(WorkbenchError, match="every item that can be ranked was seen"):
        inspect_case(model, case, "top", hidden=range(1, data.n_items + 1))


def test_weights_of_every_stage_fill_the_triangle(data):
    model = small_model("AC-SASRec", data)
    found = inspect_case(model, case_of(model, data, 0), "top")
    assert tuple(found.weights) == model.stages
    past = torch.ones(9, 9, dtype=torch.bool).tril()
    for stage, weights in found.weights.items():
        assert weights.shape == (2, 2, 9, 9)
        assert (weights.isnan() == ~past).all()
        assert weights.nansum(-1) == pytest.approx(np.ones((2, 2, 9)), abs=1e-5), stage
        picked = weights[1, 0].nan_to_num()
        assert (found.matrix(stage, 1, 0).nan_to_num() == picked).all()


@pytest.mark.parametrize("name", ["BERT4Rec", "AC-BERT4Rec"])
def test_a_mask_token_is_a_key_and_no_item_of_the_history(data, name):
    model = small_model(name, data)
    batch = case_of(model, data, 0)
    n = len(batch.items[0])
    found = inspect_case(model, batch, "top")
    assert found.items.tolist() == batch.items[0].tolist()
    assert model.mask_token not in found.items
    whole = found.matrix("attention")
    assert whole.shape == (n + 1, n + 1)
    assert whole.sum(-1) == pytest.approx(np.ones(n + 1), abs=1e-5)
    row = found.row("attention")
    assert row.tolist() == whole[-1, :n].tolist()
    assert row.sum() < 0.99  # the token keeps the rest
    assert found.effects.shape == (n,)
    assert found.effects.isfinite().all()
    for method, importance in found.importance.items():
        assert importance.shape == (n,)
        assert found.agreement(row, method).n == n
    assert len(found.scores) == data.n_items + 1
    assert model.mask_token not in found.top(data.n_items)


def test_numbers_known_by_hand():
    """Salience 1, 2, 1 over items 1, 2, 3: weights by hand, saliency = weight x |effect column|."""
    data = data_of([1, 2, 3, 4])
    model = Handmade([1.0, 2.0, 1.0, 1.0, 1.0])
    batch = make_batch(data, held_out_cases(data, 50, [0]))
    found = inspect_case(model, batch, 4)
    assert found.matrix("attention")[-1].tolist() == [0.25, 0.5, 0.25]
    length = np.linalg.norm([9, 2, 1])  # the column of item 4
    assert found.importance[SALIENCY].tolist() == pytest.approx(
        [0.25 * length, 0.5 * length, 0.25 * length]
    )
    # one-hot inputs times gradient: the weight times the effect of that very item
    assert found.importance[PRODUCT].abs().tolist() == pytest.approx([0.25 * 9, 0, 0])
    assert found.rank(4) == rank_by_hand({1: 1, 2: 2, 3: 1}, 4)


def test_input_x_gradient_that_is_only_rounding_is_zero(data):
    """A LayerNorm of bare embeddings undoes their length: doubling one changes no score."""
    model = small_model("AC-SASRec", data)
    batch = case_of(model, data, 0)
    longer = model.embed(batch).clone()
    longer[0, 3] *= 2
    torch.testing.assert_close(model.scores(batch, embeddings=longer), model.scores(batch))

    found = inspect_case(model, batch, "top")
    assert found.vanishes(PRODUCT)
    assert not found.vanishes(SALIENCY)
    assert np.isnan(found.agreement(found.matrix("attention")[-1], PRODUCT).tau)
    placed = small_model("AC-SASRec", data, position_embedding=True)
    assert not inspect_case(placed, batch, "top").vanishes(PRODUCT)


def test_pointing_is_told_from_moving():
    """By hand: weights and effects of five items."""
    weights = torch.tensor([0.1, 0.4, 0.2, 0.25, 0.05])
    found = Inspection(
        items=torch.arange(1, 6),
        times=None,
        target=1,
        weights={},
        importance={},
        effects=torch.tensor([3.0, 0.5, 1.0, -1.0, 2.0]),
        scores=torch.zeros(6),
    )
    # of five, two are compared; first by weight: 1, 3; by effect: 0, 4
    assert found.pointing(weights) == (1, 0, 4, 0, 2, 2)
    assert found.pointing(found.effects) == (0, 0, 1, 2, 2, 2)
    one_falls = replace(found, effects=torch.tensor([-1.0, 0.5, 0.0, -1.0, -2.0]))
    assert one_falls.pointing(weights) == (1, 1, 1, 1, 2, 1)
    assert found.pointing(torch.full((5,), 0.2)) is None
    rounded = torch.full((5,), 0.2) + torch.tensor([0, 1.5e-8, 0, -1.5e-8, 0])
    assert len(rounded.unique()) > 1
    assert found.pointing(rounded) is None
    assert found.pointing(torch.tensor([0.2, 0.2001, 0.2, 0.1999, 0.2])) is not None
    emptied = replace(found, effects=torch.full((5,), torch.nan))
    assert emptied.pointing(weights) is None


def test_importances_are_those_asked_for(data):
    model = small_model("SASRec", data)
    batch = case_of(model, data, 0)
    found = inspect_case(model, batch, 7, methods=["recency", "deletion"])
    assert list(found.importance) == ["recency", "deletion"]
    torch.testing.assert_close(
        found.importance["deletion"], explain(model, batch, torch.tensor([7]), "deletion")[0]
    )


def test_no_tau_for_short_histories_or_constant_attention(data):
    model = small_model("SASRec-uniform", data)
    found = inspect_case(model, case_of(model, data, 0), "top")
    assert np.isnan(found.agreement(found.matrix("attention")[-1], SALIENCY).tau)
    two = Batch(torch.tensor([[3, 5]]), torch.tensor([2]))
    short = inspect_case(small_model("SASRec", data), two, "top")
    tau, p_value, n = short.agreement(short.matrix("attention")[-1], SALIENCY)
    assert np.isnan(tau)
    assert np.isnan(p_value)
    assert n == 2


def test_what_cannot_be_inspected(data):
    model = small_model("SASRec", data)
    batch = case_of(model, data, 0)
    with pytest.raises(WorkbenchError, match=r"SASRec knows no item 41; choose from 1 to 40\."):
        inspect_case(model, batch, 41)
    two = Batch(torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 2]))
    with pytest.raises(WorkbenchError, match="takes one history, and was given 2"):
        inspect_case(model, two, "top")


def test_padding_that_is_attended_to_is_in_no_map(data):
    model = small_model("SASRec", data, left_padding="zeros")
    batch = Batch(torch.tensor([[3, 1, 4, 1]]), torch.tensor([4]))
    found = inspect_case(model, batch, 5)
    weights = record_attention(model, batch)["attention"][0]
    assert found.weights["attention"].shape == (2, 2, 4, 4)
    torch.testing.assert_close(found.row("attention", 1, 0), weights[1, 0])
    assert found.row("attention").sum() < 1
