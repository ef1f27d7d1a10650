"""Training by sampled items: which are drawn, which rows move and how far, and what is learnt."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from models.negatives import GBCE, SampledSoftmax
from tests.workbench.tiny import data_of
from tests.workbench.training.test_trainer import SIZES, small_data
from workbench import WorkbenchError, build_model, evaluate, load_model, planted, train
from workbench.data.sequences import SequenceData
from workbench.model_folders import CARD
from workbench.training import sampling
from workbench.training.optimizers import decayed, optimizers
from workbench.training.sampling import Sampler, check_loss, training_items

QUICK: dict[str, Any] = {"device": "cpu", "progress": False, "epochs": 1}
LIKE = torch.zeros(0, dtype=torch.float64)


def test_items_that_are_held_out_are_not_counted():
    data = data_of([1, 2, 3, 4], [5, 6], [7], [8, 9, 10])
    assert training_items(data).tolist() == [1, 2, 8]


def test_chances_are_those_of_the_draws():
    data = data_of(
        [1, 1, 2, 3, 9, 9], [1, 4, 9, 9], n_items=9
    )  # items 1 1 2 3 and 1 4 are trained on
    sampler = Sampler("sampled", data, 7, 0.75, LIKE)  # three by their counts, four uniformly
    q = sampler.log_q.exp().numpy()
    wanted = (
        np.array([0, 3, 1, 1, 1, 0, 0, 0, 0, 0]) / 6 * 3 / 7 + np.array([0] + [1 / 9] * 9) * 4 / 7
    )
    np.testing.assert_allclose(q, wanted)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([sampler.draw(rng).items.numpy() for _ in range(4_000)])
    assert len(drawn) == 28_000
    shares = np.bincount(drawn, minlength=10) / len(drawn)
    assert np.abs(shares - q).max() < 5 * np.sqrt(0.25 / len(drawn))
    assert shares[0] == 0


def test_items_of_gbce_are_distinct_and_uniform():
    sampler = Sampler("gbce", data_of([1, 2, 3, 4], n_items=12), 3, 0.75, LIKE)
    rng = np.random.default_rng(0)
    draws = [sampler.draw(rng) for _ in range(4_000)]
    assert all(isinstance(draw, GBCE) and len(set(draw.items.tolist())) == 3 for draw in draws)
    rate = 3 / 11
    assert draws[0].beta == pytest.approx(rate * (0.75 * (1 - 1 / rate) + 1 / rate))
    shares = np.bincount(np.concatenate([draw.items for draw in draws]), minlength=13) / 12_000
    assert shares[0] == 0
    assert np.abs(shares[1:] - 1 / 12).max() < 5 * np.sqrt(1 / 12 / 12_000)
    everything = Sampler("gbce", data_of([1, 2, 3, 4], n_items=12), 256, 0.75, LIKE)
    assert len(everything.draw(rng).items) == 11


def test_the_loss_is_chosen_by_the_size_of_the_catalogue():
    most = sampling.EXACT_UP_TO
    assert check_loss(None, 256, 0.75, most) == "exact"
    assert check_loss(None, 256, 0.75, most + 1) == "sampled"
    for loss in ("exact", "sampled", "gbce"):
        assert check_loss(loss, 256, 0.75, most + 1) == check_loss(loss, 256, 0.75, 2) == loss


def test_what_was_chosen_is_told_and_stands_in_the_card(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sampling, "EXACT_UP_TO", 11)
    data = small_data()  # of 12 items
    how = {**QUICK, "progress": True}
    train(build_model("SASRec", data, **SIZES), data, tmp_path / "a", **how)
    assert "12 items are many: each step compares its targets with 256 sampled ones (--loss" in (
        capsys.readouterr().out
    )
    card = json.loads((tmp_path / "a" / CARD).read_text())
    assert (card["training"]["loss"], card["training"]["negatives"]) == ("sampled", 256)
    train(build_model("SASRec", data, **SIZES), data, tmp_path / "b", loss="exact", **how)
    assert "items are many" not in capsys.readouterr().out
    assert json.loads((tmp_path / "b" / CARD).read_text())["training"]["loss"] == "exact"
    with pytest.raises(WorkbenchError, match="not trained with these options"):
        train(build_model("SASRec", data, **SIZES), data, tmp_path / "b", loss="gbce", **how)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"loss": "bpr"}, "loss='bpr' is not known; choose from exact, sampled, gbce"),
        ({"negatives": 0}, "negatives is 0; give 1 or more, or the loss exact"),
        ({"gbce_t": 1.5}, "gbce_t is 1.5; give 0 to 1"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(option, told):
    data = small_data()
    with pytest.raises(WorkbenchError, match=told):
        train(build_model("SASRec", data, **SIZES), data, **QUICK, **option)


def test_lazy_adam_by_hand():
    """A row moves as by Adam at the steps that it has a gradient in, and stays at the others."""
    data = small_data()
    model = build_model("SASRec", data, **SIZES)
    table, rate, decay = model.item_embedding.weight, 0.01, 0.1
    dense, lazy = optimizers(model, rate, decay, by_row=True)
    assert isinstance(dense, torch.optim.Adam)
    assert [p for group in lazy.param_groups for p in group["params"]] == [table]
    wanted = table.detach().clone()
    first, second = torch.zeros_like(wanted), torch.zeros_like(wanted)
    generator = torch.Generator().manual_seed(0)
    for step, rows in enumerate(([3, 5, 3], [5, 1], [3, 1]), start=1):
        values = torch.randn(len(rows), wanted.shape[1], generator=generator)
        at = torch.tensor([rows])
        grad = torch.sparse_coo_tensor(at, values, wanted.shape, check_invariants=True)
        table.grad = decayed(grad, table, decay)
        lazy.step()
        whole = torch.zeros_like(wanted).index_add(0, torch.tensor(rows), values)
        for row in set(rows):
            g = whole[row] + decay * wanted[row]
            first[row] = 0.9 * first[row] + 0.1 * g
            second[row] = 0.999 * second[row] + 0.001 * g**2
            size = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            wanted[row] -= size * first[row] / (second[row].sqrt() + 1e-8)
    torch.testing.assert_close(table.detach(), wanted)


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_a_step_moves_the_rows_that_it_has_and_no_others(loss):
    """Against dense gradients of the whole step, and the first step of Adam."""
    data = data_of(*[[1 + u % 3, 2, 4, 5, 6, 7] for u in range(4)], n_items=400)
    torch.manual_seed(0)
    model = build_model(
        "SASRec", data, **SIZES, hidden_dropout=0.0, attention_dropout=0.0, initializer_range=0.5
    ).double()
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    twin = build_model("SASRec", data, **SIZES, hidden_dropout=0.0, attention_dropout=0.0).double()
    twin.load_state_dict(model.state_dict())
    drawn: list[Any] = []
    genuine = Sampler.draw

    def draw(self, rng):
        drawn.append(genuine(self, rng))
        return drawn[-1]

    batches: list[Any] = []
    genuine_losses = type(model).losses

    def losses(self, *arguments):
        batches.append(arguments[:2])
        return genuine_losses(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sampler, "draw", draw)
        patch.setattr(type(model), "losses", losses)
        train(model, data, loss=loss, negatives=5, batch_size=1_000, **QUICK)
    (negatives,), (batch,) = drawn, batches
    assert isinstance(negatives, SampledSoftmax if loss == "sampled" else GBCE)
    assert len(negatives.items) == 5
    grads = torch.autograd.grad(
        twin.losses(*batch, negatives).recommendation, list(twin.parameters())
    )
    for (name, parameter), grad in zip(model.named_parameters(), grads, strict=True):
        assert not grad.is_sparse
        wanted = before[name] - 1e-3 * grad / (grad.abs() + 1e-8)
        settled = grad.abs() > 1e-9
        np.testing.assert_allclose(
            parameter.detach()[settled], wanted[settled], rtol=0, atol=1e-6, err_msg=name
        )
    moved = (model.item_embedding.weight != before["item_embedding.weight"]).any(1)
    read = {1, 2, 3, 4, 5}  # the last two of six are held out, 5 is a target
    assert set(moved.nonzero()[:, 0].tolist()) <= read | set(negatives.items.tolist())
    assert not model.item_embedding.sparse


def test_all_targets_of_an_epoch_meet_the_same_draws_in_every_run():
    data, met = small_data(), []
    genuine = Sampler.draw

    def draw(self, rng):
        met[-1].append(genuine(self, rng).items.tolist())
        return genuine(self, np.random.default_rng(0))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sampler, "draw", draw)
        for seed in (1, 1, 2):
            met.append([])
            how = {**QUICK, "epochs": 2, "seed": seed}
            train(build_model("SASRec", data, **SIZES), data, loss="gbce", negatives=4, **how)
    assert met[0] == met[1] != met[2]
    half = len(met[0]) // 2
    assert met[0][:half] != met[0][half:]


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
@pytest.mark.parametrize(
    ("name", "options", "how"),
    [
        ("SASRec", {"output_embedding": True}, {"objective": "prefixes"}),
        ("AC-SASRec", {}, {"weight_decay": 0.01}),
        ("SASRec-uniform", {}, {}),
        ("AC-BERT4Rec", {"output_head": True}, {"objective": "masking"}),
        ("BERT4Rec", {}, {"objective": "prefixes"}),
        ("AC-SSE-PT", {}, {}),
        ("TiSASRec", {}, {}),
        ("SASRec", {}, {"avoid": "cause"}),
        ("SASRec", {}, {"precision": "bf16-mixed"}),
    ],
)
def test_every_kind_of_model_trains(tmp_path, loss, name, options, how):
    data = small_data()
    model = build_model(name, data, **SIZES, **options)
    before = {k: v.clone() for k, v in model.named_parameters()}
    train(model, data, tmp_path, loss=loss, **QUICK, **how)
    still = {k for k, v in model.named_parameters() if torch.equal(v, before[k])}
    unused = {"query", "key", "key_positions", "key_intervals"}
    unused = unused if name.endswith("uniform") else set()
    assert {k for k in still if not set(k.split(".")) & unused} == set()
    assert load_model(tmp_path).card["training"]["loss"] == loss


@pytest.mark.parametrize("loss", ["sampled", "gbce"])
def test_a_planted_rule_is_learnt_from_a_few_items(loss):
    made = planted(
        "distance", n_users=300, n_items=24, length=14, n_causes=8, lag=2, signal=0.9, noise=0.1
    )
    torch.manual_seed(0)
    options = {"hidden_size": 32, "inner_size": 32, "n_layers": 1, "max_length": 8}
    options |= {"hidden_dropout": 0.1, "attention_dropout": 0.1}
    model = build_model("SASRec", made.data, **options)
    how = {"epochs": 20, "batch_size": 128, "learning_rate": 1e-2, "device": "cpu"}
    train(model, made.data, loss=loss, negatives=8, progress=False, **how)
    assert evaluate(model, made.data).metrics["hit@1"] > 0.9 * made.bayes_hit_rate(1)


def test_only_rows_are_handed_to_the_optimizer():
    """What a step costs does not grow with the table: no gradient as large as it is made."""
    data: SequenceData = data_of(*[[1, 2, 4, 5, 6, 7]] * 4, n_items=5_000)
    model, kinds = build_model("SASRec", data, **SIZES), []
    handle = register_optimizer_step_pre_hook(
        lambda optimizer, *_: kinds.extend(
            (p.shape[0], p.grad.is_sparse, p.grad._nnz() if p.grad.is_sparse else p.grad.numel())
            for group in optimizer.param_groups
            for p in group["params"]
        )
    )
    try:
        train(model, data, loss="sampled", negatives=9, **QUICK)
    finally:
        handle.remove()
    tables = [kind for kind in kinds if kind[0] > 5_000]
    assert [sparse for _, sparse, _ in tables] == [True]
    assert all(held < 5_000 for _, _, held in kinds)
