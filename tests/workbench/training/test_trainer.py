"""Training: when it stops, what comes back, and whether a rule is learnt."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from tests.workbench.null_data import permute_sequences
from workbench import Evaluation, WorkbenchError, build_model, evaluate, load_model, train
from workbench.data import from_interactions, planted
from workbench.data.sequences import SequenceData
from workbench.data.splits import windows
from workbench.evaluation import KEPT, REMOVED
from workbench.model_folders import CARD, TOKENS, WEIGHTS
from workbench.registry import NAMES
from workbench.training import trainer as training

QUICK: dict[str, Any] = {"device": "cpu", "progress": False}
SIZES = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 6}


def small_data() -> SequenceData:
    return planted("distance", n_users=30, n_items=12, length=10, n_causes=4, lag=2).data


def test_patience_counts_from_the_best_epoch_whose_weights_come_back(monkeypatch, tmp_path):
    ndcg = [0.1, 0.3, 0.2, 0.3, 0.2, 0.9, 0.9]  # a tie is no improvement
    weights: list[dict[str, torch.Tensor]] = []  # at every validation

    def scripted(model, data, split="test", **_):
        metrics = {"ndcg@10": 0.5, "hit@10": 0.5}
        if split == "valid":  # hit@10 rises, and is not what is watched
            metrics = {"ndcg@10": ndcg[len(weights)], "hit@10": len(weights) / 10}
            weights.append({k: v.clone() for k, v in model.state_dict().items()})
        policies = {KEPT: metrics, REMOVED: {"ndcg@10": 0.5, "hit@10": 0.5}}
        return Evaluation(metrics, policies, np.array([1]), {}, np.array([0]), split, False)

    monkeypatch.setattr(training, "evaluate", scripted)
    data, out = small_data(), tmp_path / "out"
    model = build_model("SASRec", data, **SIZES)
    assert train(model, data, out, epochs=50, patience=3, **QUICK) is model
    assert len(weights) == 2 + 3 + 1  # the last is for the card
    assert not model.training
    stored = load_model(out).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[1][name])
        assert torch.equal(value, stored[name])
    assert not torch.equal(model.item_embedding.weight, weights[4]["item_embedding.weight"])
    card = json.loads((out / "card.json").read_text())
    assert card["best_epoch"] == 2
    assert sorted(path.name for path in out.iterdir()) == [CARD, WEIGHTS, TOKENS]


@pytest.mark.parametrize(("removed", "chosen"), [(False, 1), (True, 2)])
def test_the_epoch_is_chosen_by_the_rankings_that_were_asked_for(
    monkeypatch, tmp_path, removed, chosen
):
    kept_and_removed = [(0.3, 0.2), (0.2, 0.3), (0.1, 0.1), (0.1, 0.1)]
    weights: list[torch.Tensor] = []  # at every validation

    def scripted(model, data, split="test", *, remove_seen=False, **_):
        pair = kept_and_removed[min(len(weights), 3)]
        by_policy = {
            policy: {"ndcg@10": value, "hit@10": value}
            for policy, value in zip((KEPT, REMOVED), pair, strict=True)
        }
        weights.append(model.item_embedding.weight.detach().clone())
        metrics = by_policy[REMOVED if remove_seen else KEPT]
        return Evaluation(metrics, by_policy, np.array([1]), {}, np.array([0]), split, remove_seen)

    monkeypatch.setattr(training, "evaluate", scripted)
    data = small_data()
    model = build_model("SASRec", data, **SIZES)
    train(model, data, tmp_path, epochs=4, remove_seen=removed, **QUICK)
    assert torch.equal(model.item_embedding.weight, weights[chosen - 1])
    assert model.card["best_epoch"] == chosen
    assert model.card["training"]["remove_seen"] is removed
    with pytest.raises(WorkbenchError, match="not trained with these options"):
        train(model, data, tmp_path, epochs=4, remove_seen=not removed, **QUICK)


def test_the_card_tells_of_the_weights_beside_it(tmp_path):
    data = small_data()
    train(build_model("SASRec", data, **SIZES), data, tmp_path, epochs=2, command="this", **QUICK)
    model = load_model(tmp_path)
    for split in ("valid", "test"):
        found = evaluate(model, data, split).metrics
        assert model.card["metrics"][split] == pytest.approx(found)
        removed = evaluate(model, data, split, remove_seen=True).metrics
        assert model.card["metrics_seen_removed"][split] == pytest.approx(removed)
    assert model.card["data"]["checksum"] == data.checksum
    assert model.card["command"] == "this"
    assert model.card["training"]["epochs"] == 2


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
@pytest.mark.parametrize("rule", ["distance", "content"])
def test_a_planted_rule_is_learnt_to_the_bayes_rate(rule, objective):
    made = planted(
        rule, n_users=500, n_items=24, length=14, n_causes=8, lag=2, signal=0.9, noise=0.1
    )
    bayes = made.bayes_hit_rate(1)
    error = np.sqrt(bayes * (1 - bayes) / made.data.n_users)
    hit = hit_after_training(made.data, objective)
    assert 0.95 * bayes < hit < bayes + 4 * error


def test_planted_data_stand_where_positions_were_trained():
    """In windows as long as the sequences, and positions that count from the start."""
    how = {"n_users": 700, "n_items": 24, "n_causes": 8, "lag": 2, "signal": 0.9, "noise": 0.1}
    hits = {}
    for shortest in (6, 14):
        made = planted("distance", **how, length=14, shortest=shortest)
        training = windows(made.data, 50)
        last_trained = int((training.ends - training.starts).max()) - 1
        untrained = made.data.lengths - 2 > last_trained  # where the prediction stands in a test
        hits[shortest] = hit_after_training(made.data, "positions", max_length=50)
        if shortest == 14:
            assert untrained.all()
        else:
            assert 0 < untrained.mean() < 0.1
    bayes = made.bayes_hit_rate(1)
    assert hits[14] < 0.25 * bayes < 0.6 * bayes < hits[6]


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
def test_nothing_is_learnt_where_no_position_has_a_cause(objective):
    made = planted(
        "distance", n_users=500, n_items=24, length=14, n_causes=8, lag=2, signal=0.9, noise=0.1
    )
    hit = hit_after_training(permute_sequences(made.data), objective)
    assert hit < made.bayes_hit_rate(1, position=0)  # what popularity alone is worth


def hit_after_training(data: SequenceData, objective: str, max_length: int = 8) -> float:
    """Test Hit@1. Windows shorter than the training part leave no position untrained."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "inner_size": 32,
        "n_layers": 1,
        "n_heads": 1,
        "max_length": max_length,
    }
    model = build_model("SASRec", data, hidden_dropout=0.1, attention_dropout=0.1, **sizes)
    options: dict[str, Any] = {
        "objective": objective,
        "epochs": 12,
        "learning_rate": 1e-2,
        "batch_size": 128,
    }
    return evaluate(train(model, data, **options, **QUICK), data).metrics["hit@1"]


@pytest.mark.parametrize("objective", ["prefixes", "positions"])
def test_nobody_to_learn_from_is_told(tmp_path, objective):
    users, items = np.array(list("uuuvvv")), np.array(list("abcbca"))
    data = from_interactions(users, items, name="short")
    model = build_model("SASRec", data, **SIZES)
    with pytest.raises(WorkbenchError, match="short: no user has the four") as caught:
        train(model, data, tmp_path / "out", objective=objective, **QUICK)
    assert "\n" not in str(caught.value)
    assert "give data with longer histories, or leave out fewer rows" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_ends_training(tmp_path):
    data = small_data()
    model = build_model("SASRec", data, **SIZES)
    with torch.no_grad():
        model.item_embedding.weight[3] = torch.nan
    with pytest.raises(WorkbenchError, match="epoch 1: the loss is nan; lower the learning rate"):
        train(model, data, tmp_path / "out", epochs=3, **QUICK)
    assert not (tmp_path / "out" / "card.json").exists()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"device": "cuda:9"}, "device='cuda:9' is not known; choose from auto, cpu, cuda, mps"),
        ({"precision": "8-bit"}, "the precision 8-bit cannot be had on the device cpu"),
        ({"objective": "foo"}, "objective='foo' is not known; choose from prefixes, positions"),
    ],
)
def test_what_cannot_be_had_is_told(tmp_path, option, told):
    data = small_data()
    with pytest.raises(WorkbenchError, match=told) as caught:
        train(build_model("SASRec", data, **SIZES), data, tmp_path / "out", **(QUICK | option))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(training, "evaluate", None)  # which ends every epoch
    data = small_data()
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(WorkbenchError, match=f"{out} cannot be written to: .*choose another"):
            train(build_model("SASRec", data, **SIZES), data, out, **QUICK)


def test_a_finished_model_is_not_trained_again(tmp_path, monkeypatch, capsys):
    data, out = small_data(), tmp_path / "out"
    first = train(build_model("SASRec", data, **SIZES), data, out, epochs=1, **QUICK)
    before = {path: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(training, "evaluate", None)  # nothing is measured either
    again = build_model("SASRec", data, **SIZES)
    told = train(again, data, str(out), epochs=1, **(QUICK | {"progress": True}))
    assert told is again
    assert not again.training
    assert again.card["metrics"] == first.card["metrics"]
    torch.testing.assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert f"{out}: this model is there already" in capsys.readouterr().out
    others = [
        (build_model("SASRec", data, **SIZES), data, {"epochs": 2}),
        (build_model("SASRec", data, **SIZES), data, {"epochs": 1, "seed": 4}),
        (build_model("SASRec", data, **(SIZES | {"max_length": 5})), data, {"epochs": 1}),
        (build_model("SASRec", data, **SIZES), permute_sequences(data), {"epochs": 1}),
    ]
    for model, known, how in others:
        with pytest.raises(WorkbenchError, match="not trained with these options on these data"):
            train(model, known, out, **how, **QUICK)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    (out / "card.json").write_text("{")
    with pytest.raises(WorkbenchError, match="choose another folder, or delete it"):
        train(again, data, out, epochs=1, **QUICK)


def test_an_unknown_option_is_told():
    data = small_data()
    with pytest.raises(WorkbenchError, match="'learning_speed'") as caught:
        train(build_model("SASRec", data, **SIZES), data, learning_speed=1, **QUICK)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_trains(name):
    data = small_data()
    model = build_model(name, data, **SIZES)
    before = {k: v.clone() for k, v in model.named_parameters()}
    train(model, data, epochs=1, **QUICK)
    still = {k for k, v in model.named_parameters() if torch.equal(v, before[k])}
    unused = {"query", "key", "key_positions", "key_intervals"}
    unused = unused if name.endswith("uniform") else set()
    assert {k for k in still if not set(k.split(".")) & unused} == set()
