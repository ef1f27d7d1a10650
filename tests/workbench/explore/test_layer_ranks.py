"""Ranks after each layer, against states caught by hooks and the item table."""

import numpy as np
import pytest
import torch

from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import WorkbenchError, adapt
from workbench.explore.layer_ranks import rank_after_each_layer, scores_after_each_layer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SASRec", {"final_norm_eps": 1e-8, "norm": "pre"}),
        ("AC-SASRec", {}),
        ("BERT4Rec", {"output_head": True}),
        ("TiSASRec", {}),
        ("SSE-PT", {}),
        ("SASRec", {"left_padding": "zeros"}),
    ],
)
def test_the_last_layer_gives_the_models_own_scores(name, options):
    data = small_data()
    model = small_model(name, data, **options)
    case = case_of(model, data, 2)
    scores = scores_after_each_layer(model, case)
    assert scores.shape == (model.config.n_layers + 1, 1, data.n_items + 1)
    torch.testing.assert_close(scores[-1], model.scores(case).detach(), rtol=1e-4, atol=1e-5)


def test_the_layers_before_by_hooks_and_the_item_table():
    data = small_data()
    model = small_model("SASRec", data)
    case = case_of(model, data, 1)
    states = []
    hooks = [
        layer.register_forward_hook(lambda _, __, x: states.append(x[0, -1]))
        for layer in model.encoder.layers
    ]
    model.scores(case)
    for hook in hooks:
        hook.remove()
    n = int(case.lengths[0])
    embedded = (
        model.item_embedding.weight[case.items[0, -1]] + model.position_embedding.weight[n - 1]
    )
    states.insert(
        0, torch.nn.functional.layer_norm(embedded, (8,), model.norm.weight, model.norm.bias)
    )
    found = rank_after_each_layer(model, case, 7, hidden=frozenset({3}))
    assert found["layer"].tolist() == [0, 1, 2]
    for state, row in zip(states, found.itertuples(), strict=True):
        by_hand = (model.item_embedding.weight[1:] @ state).detach().numpy()
        by_hand[3 - 1] = -np.inf
        assert row.score == pytest.approx(by_hand[6], rel=1e-4, abs=1e-5)
        assert row.rank == 1 + (by_hand > by_hand[6]).sum()
        assert row.first == 1 + by_hand.argmax()


def test_a_model_whose_layers_are_not_known():
    model = adapt(
        lambda batch: torch.zeros(len(batch.items), 6), n_items=5, max_length=4, name="theirs"
    )
    with pytest.raises(WorkbenchError, match="theirs is none of this repository's models"):
        scores_after_each_layer(
            model, case_of(small_model("SASRec", small_data()), small_data(), 0)
        )
