"""Deletion curves, against a pass for each set of items that is left."""

import pytest
import torch

from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import explain
from workbench.explore.deletion import deletion_curves


def test_every_point_is_a_pass_without_the_first_items_of_an_order():
    data = small_data()
    model = small_model("SASRec", data)
    case = case_of(model, data, 2)
    target = torch.tensor([6])
    orders = {name: explain(model, case, target, name)[0] for name in ("recency", "similarity")}
    curves = deletion_curves(model, case, 6, orders, most=4)
    assert curves["importance"].unique().tolist() == ["random", "recency", "similarity"]
    mean = model.item_embedding.weight[1 : data.n_items + 1].mean(0)

    def left(gone: list[int]) -> tuple[float, int]:
        embeddings = model.embed(case).clone()
        embeddings[0, gone] = mean
        scores = model.scores(case, embeddings=embeddings)[0]
        return float(scores.log_softmax(0)[6]), 1 + int((scores > scores[6]).sum())

    for name, values in orders.items():
        by_hand = values.argsort(descending=True).tolist()
        for row in curves[curves["importance"] == name].itertuples():
            nats, rank = left(by_hand[: row.removed])
            assert row.nats == pytest.approx(nats, rel=1e-4)
            assert row.rank == rank
    first = curves[curves["removed"] == 0]["nats"]
    assert first.tolist() == pytest.approx([first.iloc[0]] * 3)


def test_random_orders_go_as_far_as_one_item_is_left():
    data = small_data()
    model = small_model("SASRec", data)
    case = case_of(model, data, 0)
    curves = deletion_curves(model, case, 6, {}, most=100)
    assert curves["removed"].tolist() == list(range(int(case.lengths[0])))
    single = deletion_curves(model, case.take(torch.tensor([0])), 6, {}, most=1)
    without = [
        explain(model, case, torch.tensor([6]), "random", seed=seed)[0].argmax()
        for seed in range(10)
    ]
    expected = []
    for place in without:
        embeddings = model.embed(case).clone()
        embeddings[0, place] = model.item_embedding.weight[1 : data.n_items + 1].mean(0)
        expected.append(float(model.scores(case, embeddings=embeddings)[0].log_softmax(0)[6]))
    assert single["nats"].iloc[1] == pytest.approx(sum(expected) / 10, rel=1e-4)
