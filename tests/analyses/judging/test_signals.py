"""What a report could say of a map, in numbers."""

import pytest
import torch
from scipy.stats import kendalltau

from analyses.judging.signals import CONTROLS, DECISIONS, NUMBERS, signals
from models import Batch, ModelConfig, make_model
from workbench import explain


def test_numbers_are_those_of_users_one_by_one():
    torch.manual_seed(0)
    model = make_model(
        ModelConfig("tiny", 20, 6, hidden_size=8, inner_size=8, initializer_range=0.5)
    ).eval()
    lengths = torch.tensor([6, 6, 5, 6, 4, 6, 6, 6])
    items = torch.randint(1, 21, (8, 6)) * (torch.arange(6) < lengths[:, None])
    batch, targets = Batch(items, lengths), torch.randint(1, 21, (8,))
    (row,) = signals(model, batch, targets, ["attention layer 1"]).to_dict("records")

    def of(method):
        return [
            values[:n].tolist()
            for values, n in zip(explain(model, batch, targets, method), lengths, strict=True)
        ]

    def same_first(method):
        pairs = zip(of(method), of("replacement"), strict=True)
        return sum(a.index(max(a)) == b.index(max(b)) for a, b in pairs) / 8

    same = same_first("attention layer 1")
    assert row[NUMBERS[0]] == same
    assert row[NUMBERS[1]] == pytest.approx(same - max(map(same_first, CONTROLS)))
    pairs = zip(of("attention layer 1"), of("saliency"), strict=True)
    expected = sum(kendalltau(a, b).statistic for a, b in pairs) / 8
    assert row["tau with saliency"] == pytest.approx(expected, abs=1e-6)


def test_uniform_attention_is_believed_by_nothing():
    torch.manual_seed(0)
    model = make_model(ModelConfig("tiny", 9, 4, hidden_size=8, inner_size=8, attention="uniform"))
    batch = Batch(torch.randint(1, 10, (12, 4)), torch.full((12,), 4))
    targets = torch.randint(1, 10, (12,))
    (row,) = signals(model.eval(), batch, targets, ["attention"]).to_dict("records")
    assert row[NUMBERS[0]] == pytest.approx(1 / 4)
    assert not any(row[decision] for decision in DECISIONS.values())
