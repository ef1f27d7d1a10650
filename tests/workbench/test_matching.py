"""Items and users are matched by token: any order of rows, more or fewer of them."""

import json
import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.run_all import main
from analyses.running.inputs import read_inputs
from models import ModelConfig, Recommender
from tests.workbench.tiny import data_of
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    adapt,
    build_model,
    evaluate,
    explain,
    held_out,
    import_checkpoint,
    load_data,
    load_model,
    recommend,
    save_model,
    train,
)
from workbench.data import find_user, from_interactions
from workbench.explore.prediction import predict
from workbench.explore.scenario import Scenario
from workbench.explore.survey import survey
from workbench.matching import Numbering, common_numbering, matched, one_numbering, renumbered
from workbench.model import weights_hash

CASES = Path(__file__).parents[3] / "shared" / "cases"
SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 8}
ROWS = [
    (f"u{u}", f"i{item}", 1_600_000_000 + 100 * t)
    for u in range(12)
    for t, item in enumerate(np.random.default_rng(u).permutation(9)[:7])
]


def log(rows, **how):
    users, items, times = zip(*rows, strict=True)
    return from_interactions(list(users), list(items), list(times), name="log", **how)


@pytest.fixture(scope="module", params=["SASRec", "BERT4Rec", "SSE-PT", "TiSASRec"])
def model(request):
    torch.manual_seed(0)
    return build_model(request.param, log(ROWS), **SIZES).eval()


def ranks_by_user(found, data):
    return dict(zip(data.user_ids[found.users], found.ranks.tolist(), strict=True))


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error", WorkbenchWarning)
        yield


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("split", ["valid", "test"])
def test_rows_in_another_order_rank_the_same(model, split):
    data = log(ROWS)
    wanted = ranks_by_user(evaluate(model, data, split, remove_seen=True), data)
    other = log(sorted(ROWS, reverse=True))
    assert other.item_ids.tolist() != data.item_ids.tolist()
    assert other.user_ids.tolist() != data.user_ids.tolist()
    assert ranks_by_user(evaluate(model, other, split, remove_seen=True), other) == wanted


@pytest.mark.usefixtures("quiet")
def test_held_out_histories_have_the_numbers_of_the_model(model):
    data, other = log(ROWS), log(sorted(ROWS, reverse=True))
    users = ["u0", "u7"]
    batch, targets = held_out(model, data, [find_user(data, user) for user in users])
    again, same = held_out(model, other, [find_user(other, user) for user in users])
    assert again.items.tolist() == batch.items.tolist()
    if model.needs_users:
        assert again.users.tolist() == batch.users.tolist()
    history = [item for user, item, _ in ROWS if user == "u0"]
    assert model.item_ids[again.items[0]].tolist() == history[:-1]
    assert model.item_ids[same[0]] == history[-1]
    assert torch.equal(explain(model, again, same), explain(model, batch, targets))


def test_a_scenario_of_other_numbers_is_refused(model):
    other = log(sorted(ROWS, reverse=True))
    said = "the scenario has the numbers of log, and .* numbers items or users otherwise; make it"
    with pytest.raises(WorkbenchError, match=said):
        predict(model, Scenario.of(other, 0))
    fit, _ = matched(model, other)
    batch, _ = held_out(model, other, [0])
    found = predict(model, Scenario.of(fit, 0)).scores
    assert torch.allclose(found, model.scores(batch)[0], atol=1e-6)
    # users alone
    reordered = replace(log(ROWS), user_ids=other.user_ids)
    if model.needs_users:
        with pytest.raises(WorkbenchError, match=said):
            predict(model, Scenario.of(reordered, 0))
    else:
        predict(model, Scenario.of(reordered, 0))


def test_held_out_says_what_did_not_match():
    model = build_model("SASRec", data_of([1, 2], n_items=2), **SIZES)
    with pytest.warns(WorkbenchWarning, match="3 of 6 interactions"):
        batch, targets = held_out(model, data_of([3, 1, 2], [3, 3, 1], n_items=3), [0])
    assert (batch.items.tolist(), targets.tolist()) == ([[1]], [2])


@pytest.mark.usefixtures("quiet")
def test_users_more_or_fewer_change_nothing_for_the_others(model):
    data = log(ROWS)
    wanted = ranks_by_user(evaluate(model, data), data)
    fewer = log([row for row in ROWS if row[0] not in ("u0", "u5")])
    assert ranks_by_user(evaluate(model, fewer), fewer) == {
        user: rank for user, rank in wanted.items() if user not in ("u0", "u5")
    }
    more = log([("new", item, time) for user, item, time in ROWS if user == "u3"] + ROWS)
    told = pytest.warns(WorkbenchWarning, match="not know 1 of the 13 users of log, for whom")
    with told if model.needs_users else nullcontext():
        found = ranks_by_user(evaluate(model, more), more)
    new = found.pop("new")
    assert found == wanted
    if not model.needs_users:
        assert new == wanted["u3"]


def test_users_a_model_does_not_know_have_the_zero_vector():
    torch.manual_seed(0)
    model = build_model("SSE-PT", log(ROWS), **SIZES).eval()
    data = log([("new", item, time) for user, item, time in ROWS if user == "u3"] + ROWS)
    data, said = matched(model, data)
    assert said == (
        "SSE-PT does not know 1 of the 13 users of log, for whom it goes by their items alone; "
        "train a model on these data to be sure."
    )
    batch, _ = held_out(model, data, [0, 4])
    assert data.user_ids[[0, 4]].tolist() == ["new", "u3"]
    assert batch.users.tolist() == [12, 3]
    scores = model.scores(batch)
    assert not torch.allclose(scores[0, 1:], scores[1, 1:])
    with torch.no_grad():
        model.user_embedding.weight[4] = 0
    assert torch.allclose(model.scores(batch)[1], scores[0])
    for user, row in ((0, 0), (4, 1)):
        alone = predict(model, Scenario.of(data, user)).scores
        assert torch.allclose(alone, model.scores(batch)[row], atol=1e-6)


def test_users_a_model_does_not_know_are_told_wherever_it_is_asked():
    """Also where it was renumbered to stand beside others, and so has rows for all users."""
    model = build_model("SSE-PT", log(ROWS), **SIZES).eval()
    renamed = log([(f"new{user}", *rest) for user, *rest in ROWS[::-1]])
    told = "SSE-PT does not know 12 of the 12 users of log"
    for ask in (evaluate, survey, lambda *both: recommend(*both, users=["newu1"])):
        with pytest.warns(WorkbenchWarning, match=told) as caught:
            ask(model, renamed)
        assert len(caught) == 1
    (said,) = one_numbering({"SSE-PT": model}, renamed)[2]
    assert said.startswith(told)
    more = log([*ROWS, ("u0", "another", 1_700_000_000), ("v", "i1", 0), ("v", "i2", 1)])
    said = matched(model, more)[1]
    assert said.startswith("SSE-PT does not know 1 of the 13 users of log, for whom")
    assert "; SSE-PT does not know 1 of the 10 items of log: " in said
    assert said.count(".") == 1


def test_items_unknown_are_dropped_and_users_left_out_as_counted():
    model = build_model("SASRec", data_of([1, 2, 3], n_items=4), **SIZES)
    tokens = ["[pad]", "i4", "other", "i1", "i2", "i3"]
    titles = ["[pad]", "Four", "Other", "One", "Two", "Three"]
    data = replace(
        data_of([3, 2, 4, 1], [4, 3, 2], [5, 2, 1], [2], [3, 4], n_items=5, times=range(13)),
        item_ids=np.array(tokens, dtype=object),
        titles=titles,
        rows=np.arange(13)[::-1].copy(),
    )
    found, said = matched(model, data)
    assert found.offsets.tolist() == [0, 3, 3, 5, 5, 7]
    assert [found.history(u).tolist() for u in range(5)] == [[1, 2, 4], [], [3, 4], [], [1, 2]]
    assert found.times.tolist() == [0, 2, 3, 7, 9, 11, 12]
    assert found.rows.tolist() == [12, 10, 9, 5, 3, 1, 0]
    assert found.titles == ["[pad]", "One", "Two", "Three", "Four"]
    assert found.user_ids is data.user_ids
    assert said == (
        "SASRec does not know 1 of the 5 items of tiny: 4 of 13 interactions with them were left "
        "out, and altogether 2 of 5 users, of whom what is to be predicted, or all, is unknown; "
        "train a model on these data to be sure."
    )
    with pytest.warns(WorkbenchWarning, match="does not know 1 of the 5 items"):
        assert evaluate(model, data).users.tolist() == [0, 2, 4]
    # valid: also whose last but one is unknown
    with pytest.warns(WorkbenchWarning, match="and altogether 3 of 5 users"):
        assert evaluate(model, data, "valid").users.tolist() == [0]
    with pytest.warns(WorkbenchWarning, match="does not know 1 of the 5 items"):
        assert survey(model, data)["user"].tolist() == [0, 2, 4]
    assert found.identity()["checksum"] == data.checksum != found.checksum


def test_more_than_half_unknown_is_refused():
    model = build_model("SASRec", data_of([1, 2], n_items=2), **SIZES)
    with pytest.warns(WorkbenchWarning, match="3 of 6 interactions"):
        assert len(evaluate(model, data_of([3, 1, 2], [3, 3, 1], n_items=3)).users) == 1
    with pytest.raises(WorkbenchError, match="knows 2 of the 3 items of tiny, and 4 of its 6 int"):
        evaluate(model, data_of([3, 1, 2], [3, 3, 3], n_items=3))


@pytest.mark.usefixtures("quiet")
def test_items_the_data_lack_are_ranked_like_the_others():
    model = build_model("SASRec", data_of([1, 2], n_items=7), **SIZES)
    data = data_of([1, 2, 3], n_items=3)
    found, said = matched(model, data)
    assert said is None
    assert found.n_items == 7
    batch, _ = held_out(model, found, [0])
    with torch.no_grad():
        model.eval().item_embedding.weight[4:] = model(batch)[0]  # what the prediction points to
    scores = model.scores(batch)[0]
    rank = evaluate(model, data).ranks[0]
    assert rank == 1 + int((scores > scores[3]).sum())
    assert rank >= 5


def test_ids_that_are_mere_numbers_are_doubted_where_items_differ():
    def numbers(n):
        data = data_of([1, 2, 3], n_items=n)
        return replace(data, item_ids=np.array(["[pad]", *map(str, range(1, n + 1))], dtype=object))

    model = build_model("SASRec", numbers(3), **SIZES)
    assert matched(model, numbers(3))[1] is None
    assert "under ids that are mere numbers" in matched(model, numbers(4))[1]
    assert "have different items" in matched(model, numbers(4))[1]
    larger = build_model("SASRec", numbers(5), **SIZES)
    fewer = matched(larger, numbers(3))[1]
    assert "SASRec knows all 3 items of tiny and others, by ids that are mere numbers" in fewer
    assert "nothing is wrong where these data are a part of what it learned from" in fewer
    larger.card = {"data": {"checksum": numbers(3).checksum}}
    assert matched(larger, numbers(3))[1] is None
    swapped = replace(numbers(3), item_ids=np.array(["[pad]", "3", "1", "2"], dtype=object))
    assert matched(model, swapped)[1] is None


def test_tokens_of_a_wrong_count_are_refused():
    model = adapt(lambda batch: torch.zeros(len(batch.items), 4), n_items=3, max_length=5)
    model.item_ids = np.array(["[pad]", "a"], dtype=object)
    with pytest.raises(WorkbenchError, match="has 3 items and 1 tokens"):
        matched(model, data_of([1, 2, 3], n_items=3))


def test_tokens_without_padding_first_are_refused(tmp_path):
    data = log(ROWS)
    model, other = build_model("SASRec", data, **SIZES), build_model("SASRec", data, **SIZES)
    model.item_ids = np.roll(model.item_ids, 1)
    for asked in (
        lambda: evaluate(model, data),
        lambda: one_numbering({"other": other, "rolled": model}, data),
        lambda: save_model(model, tmp_path / "m"),
    ):
        with pytest.raises(WorkbenchError, match=r"begin with '.*' and not with \"\[pad\]\""):
            asked()


@pytest.mark.parametrize("card", [None, "trained on shop.csv"])
def test_a_card_that_is_no_dict_is_told(card, tmp_path):
    data = log(ROWS)
    model = build_model("SASRec", data, **SIZES)
    model.card = card
    for asked in (lambda: evaluate(model, data), lambda: save_model(model, tmp_path / "m")):
        with pytest.raises(WorkbenchError, match=f"the card of SASRec is {card!r}; give a dict"):
            asked()


def test_training_takes_the_numbering_of_the_model(tmp_path):
    data, other = log(ROWS), log(sorted(ROWS, reverse=True))
    torch.manual_seed(0)
    model = build_model("SASRec", data, **SIZES)
    train(model, other, tmp_path / "m", epochs=1, progress=False)
    assert model.item_ids.tolist() == data.item_ids.tolist()
    assert model.card["data"]["checksum"] == other.checksum
    again = build_model("SASRec", data, **SIZES)
    train(again, other, tmp_path / "m", epochs=1, progress=False)  # is there already
    assert torch.equal(again.item_embedding.weight, model.item_embedding.weight)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("kind", ["SASRec", "BERT4Rec", "SSE-PT"])
def test_models_of_different_numbering_stand_side_by_side(kind, tmp_path):
    data, other = log(ROWS), log(sorted(ROWS, reverse=True))
    torch.manual_seed(0)
    models = {"a": build_model(kind, data, **SIZES), "b": build_model(kind, other, **SIZES)}
    wanted = {name: ranks_by_user(evaluate(model, data), data) for name, model in models.items()}
    csv = tmp_path / "log.csv"
    pd.DataFrame(ROWS, columns=["user", "item", "time"]).to_csv(csv, index=False)
    folders = [str(save_model(model.eval(), tmp_path / name)) for name, model in models.items()]
    for order in (folders, folders[::-1]):
        inputs = read_inputs(str(csv), order, None, 0, tmp_path / "cache")
        assert not inputs.notices
        assert len(inputs.models) == 2
        for name, source in inputs.sources.items():
            model = inputs.models[name]
            assert model.item_ids.tolist() == inputs.data.item_ids.tolist()
            ranks = ranks_by_user(evaluate(model, inputs.data), inputs.data)
            assert ranks == wanted[source[-1]]
            batch, _ = held_out(model, inputs.data, [0])
            alone = models[source[-1]]
            expected = alone.scores(held_out(alone, data, [0])[0])[0]
            order_of = dict(zip(alone.item_ids[1:], expected[1:], strict=True))
            scores = model.scores(batch)[0, 1:]
            aligned = torch.stack([order_of[token] for token in model.item_ids[1:]])
            assert torch.allclose(scores, aligned)


def test_models_of_different_catalogues_are_not_compared(tmp_path):
    data = log(ROWS)
    fewer = log([row for row in ROWS if row[1] != "i3"])
    models = [build_model("SASRec", one, **SIZES) for one in (data, fewer)]
    numbering = common_numbering(models, data)
    assert numbering.item_ids is data.item_ids
    assert renumbered(models[0], numbering) is models[0]
    with pytest.raises(WorkbenchError, match="Mine knows other items than the model or the data"):
        renumbered(models[1], numbering, "Mine")
    with pytest.raises(WorkbenchError, match="knows other items"):
        renumbered(models[0], common_numbering(models[::-1], data))
    models[1].item_ids = None  # takes the data as they are
    assert common_numbering(models[::-1], fewer).item_ids is fewer.item_ids


def test_a_report_names_the_data_as_they_were_read(tmp_path):
    """The app compares the checksum of a run with that of the file."""
    data, other = log(ROWS), log(sorted(ROWS, reverse=True))
    pd.DataFrame(sorted(ROWS, reverse=True), columns=["user", "item", "time"]).to_csv(
        tmp_path / "log.csv", index=False
    )
    torch.manual_seed(0)
    folder = save_model(build_model("SASRec", data, **SIZES).eval(), tmp_path / "m")
    options = ["--data", str(tmp_path / "log.csv"), "--models", str(folder)]
    options += ["--out", str(tmp_path / "out"), "--only", "attention_maps"]
    out = main(options, cache=tmp_path / "cache")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["checksum"] == other.checksum
    assert manifest["notices"] == []


def test_a_report_names_the_weights_as_they_are_in_their_folders(tmp_path):
    """The app finds the verdict of a model by them; the second is renumbered as the first."""
    rows = {"a": ROWS, "b": sorted(ROWS, reverse=True)}
    folders = []
    for seed, (name, each) in enumerate(rows.items()):
        torch.manual_seed(seed)
        folders.append(save_model(build_model("SASRec", log(each), **SIZES), tmp_path / name))
    pd.DataFrame(ROWS, columns=["user", "item", "time"]).to_csv(tmp_path / "log.csv", index=False)
    options = ["--data", str(tmp_path / "log.csv"), "--models", *map(str, folders)]
    options += ["--out", str(tmp_path / "out"), "--only", "order", "--processes", "1"]
    out = main(options, cache=tmp_path / "cache")
    told = json.loads((out / "manifest.json").read_text())["models"].values()
    assert [each["weights"] for each in told] == [weights_hash(load_model(f)) for f in folders]


@pytest.mark.usefixtures("quiet")
@pytest.mark.skipif(not CASES.exists(), reason="../shared is not here")
def test_files_of_one_shop(tmp_path):
    """The same rows by user; ten users more; three fewer: each user ranks as in the first file."""
    folder = CASES / "07-same-data-other-order"
    data = load_data(folder / "log.csv")
    built = build_model("SASRec", data, n_layers=1, n_heads=1, **SIZES)
    train(built, data, tmp_path / "m", epochs=3, learning_rate=1e-2, progress=False)
    model = load_model(tmp_path / "m")
    wanted = ranks_by_user(evaluate(model, data), data)
    for name in ("log-by-user", "log-10-more-users", "log-without-3-users"):
        other = load_data(folder / f"{name}.csv")
        found = ranks_by_user(evaluate(model, other), other)
        common = found.keys() & wanted.keys()
        assert len(common) == min(len(found), len(wanted))
        assert {user: found[user] for user in common} == {user: wanted[user] for user in common}


@pytest.mark.usefixtures("quiet")
@pytest.mark.skipif(not CASES.exists(), reason="../shared is not here")
@pytest.mark.parametrize("more", [0, 3])
def test_a_recbole_model_with_items_that_nobody_bought(more, tmp_path):
    folder = CASES / "23-recbole-item-file-with-extra-items"
    file = folder / f"SASRec-extra{more}-gelu.pth"
    import_checkpoint(file, tmp_path / "m", data=folder / "shop")
    model, data = load_model(tmp_path / "m"), load_data(folder / "shop")
    assert model.item_ids.tolist() == data.item_ids.tolist()
    assert evaluate(model, data).metrics["hit@10"] == model.card["metrics"]["test"]["hit@10"] == 1
    notes = [
        note for note in model.card["origin"]["notes"] if f"{more} of its items do not" in note
    ]
    assert len(notes) == min(more, 1)


class Liked(Recommender):
    """A model of somebody's own: it adds how much an item is liked, and whom it likes."""

    name = "Liked"
    needs_users = True
    options = ("n_users",)

    def add_embeddings(self):
        super().add_embeddings()
        self.likes = torch.nn.Parameter(torch.randn(self.config.n_items + 1))
        self.readers = torch.nn.Embedding(self.config.n_users + 1, self.config.hidden_size)

    def inputs(self, tokens, x):
        return super().inputs(tokens, x) + self.readers(tokens.users + 1)[:, None]

    def score(self, hidden, items=None):
        likes = self.likes if items is None else self.likes[items]
        return super().score(hidden, items) + likes


@pytest.mark.usefixtures("quiet")
def test_all_that_a_class_of_ones_own_holds_of_items_and_users_is_renumbered():
    data, other = log(ROWS), log(sorted(ROWS, reverse=True))
    torch.manual_seed(0)
    config = ModelConfig("Liked", data.n_items, n_users=data.n_users, **SIZES)
    model = Liked(config).eval()
    model.item_ids, model.user_ids = data.item_ids, data.user_ids
    moved = renumbered(model, Numbering(other.item_ids, other.user_ids))
    assert type(moved) is Liked
    assert moved.item_ids is other.item_ids
    wanted = ranks_by_user(evaluate(model, data), data)
    assert ranks_by_user(evaluate(moved, other), other) == wanted
