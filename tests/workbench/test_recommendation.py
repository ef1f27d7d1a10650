"""Lists of the best items, against scores sorted by hand, and the command that writes them."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from tests.models.variants import batch_of
from tests.workbench.tiny import data_of
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    adapt,
    build_model,
    explain_user,
    load_data,
    recommend,
    save_model,
)
from workbench.__main__ import app
from workbench.data import batches
from workbench.data.lookup import find_item

SIZES = {"hidden_size": 8, "inner_size": 8}


class Last(nn.Module):
    """Scores of the last item read, from a table; padding scores -inf."""

    needs_times = needs_users = False
    item_ids = None
    device = torch.device("cpu")

    def __init__(self, table, max_length=50):
        super().__init__()
        self.card = {}
        self.config = SimpleNamespace(name="Last", n_items=len(table), max_length=max_length)
        self.table = torch.tensor(
            [[-math.inf] * (1 + len(table)), *([-math.inf, *r] for r in table)]
        )
        self.widths, self.sizes = [], []

    def scores(self, batch):
        self.widths.append(batch.items.shape[1])
        self.sizes.append(len(batch.items))
        return self.table[batch.items.gather(1, batch.lengths[:, None] - 1)[:, 0]]


TABLE = [
    [9, 5, 7, 8, 6],
    [1, 2, 3, 4, 5],
    [5, 4, 3, 2, 1],
    [2, 8, math.nan, 6, 4],
    [3, 1, 2, 5, 4],
]
DATA = data_of([1, 2], [2, 5, 3], [4], n_items=5)


def lists(frame):
    return {user: part["item"].tolist() for user, part in frame.groupby("user", sort=False)}


def test_lists_by_hand():
    found = recommend(Last(TABLE), DATA, k=2)
    # after 2: 5 4 3 2 1 without 1 and 2; after 3: 1 2 3 4 5 without 2 5 3; after 4: 2 4 5 1 (3)
    assert lists(found) == {"u0": ["i5", "i4"], "u1": ["i1", "i4"], "u2": ["i2", "i5"]}
    assert found["rank"].tolist() == [1, 2] * 3
    assert found["score"].tolist() == [5, 4, 5, 2, 8, 4]
    assert list(found.columns) == ["user", "rank", "item", "score"]
    kept = recommend(Last(TABLE), DATA, ["u1", "u0", "u1"], 3, keep_seen=True)
    assert lists(kept) == {"u1": ["i1", "i2", "i3"], "u0": ["i5", "i4", "i3"]}


def test_fewer_come_where_there_are_no_more():
    found = recommend(Last(TABLE), DATA, k=99)
    assert lists(found) == {
        "u0": ["i5", "i4", "i3"],
        "u1": ["i1", "i4"],
        "u2": ["i2", "i5", "i1"],  # no number is no score
    }


def test_who_is_left_out_is_told():
    """Scores after item 1 are no numbers, and after item 2 all have been had."""
    table = [[math.nan] * 3, [1, 2, 3], [1, 2, 3]]
    data = data_of([2, 1], [3, 1], [1, 3, 2], [3], n_items=3)
    with pytest.warns(WorkbenchWarning) as warned:
        found = recommend(Last(table), data)
    assert list(lists(found)) == ["u3"]
    said = [str(warning.message) for warning in warned]
    assert any("(NaN) as any score after 2 histories, which are left out" in each for each in said)
    assert any("no item is left to recommend after 1 history, which is" in each for each in said)


def test_items_of_equal_scores_come_in_their_order_however_many_are_asked_for():
    """As counts have them, of which most are 0; the first is the one that is explained."""
    data = data_of(*([n, n + 1] for n in range(1, 40)), n_items=40)
    counts = (torch.rand(41, 41, generator=torch.Generator().manual_seed(0)) * 3).floor()
    model = adapt(lambda batch: counts[batch.items[:, 0]], n_items=40, max_length=1)
    complete = recommend(model, data, k=39)
    for _, found in complete.groupby("user"):
        pairs = list(zip(-found["score"], found["item"].str[1:].astype(int), strict=True))
        assert sorted(pairs) == pairs
    for k in (1, 2, 10):
        expected = complete[complete["rank"] <= k].reset_index(drop=True)
        pd.testing.assert_frame_equal(recommend(model, data, k=k), expected)
    for user, found in complete.groupby("user"):
        explained = explain_user(model, data, user, methods=["deletion"]).inspection
        assert [f"i{n}" for n in explained.top(10)] == found["item"].tolist()[:10]
        assert f"i{explained.target}" == found["item"].iloc[0]


@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_all_that_was_seen_is_removed_however_long_ago(batch_size):
    model = Last(TABLE, max_length=1)
    found = recommend(model, DATA, k=3, batch_size=batch_size)
    assert lists(found)["u1"] == ["i1", "i4"]
    assert set(model.widths) == {1}
    assert max(model.sizes) <= batch_size


def test_batches_are_as_small_as_the_catalogue_needs(monkeypatch):
    monkeypatch.setattr(batches, "MOST_SCORES", 13)  # two rows of six
    model = Last(TABLE)
    recommend(model, DATA)
    assert model.sizes == [2, 1]


@pytest.mark.parametrize("kind", ["SASRec", "BERT4Rec", "SSE-PT", "TiSASRec"])
def test_lists_are_those_of_sorting_every_item(kind):
    rng = np.random.default_rng(0)
    sequences = [rng.integers(1, 13, rng.integers(1, 15)).tolist() for _ in range(9)]
    times = np.concatenate([np.arange(len(s)) * 60 for s in sequences])
    data = data_of(*sequences, times=times)
    torch.manual_seed(0)
    model = build_model(kind, data, max_length=6, **SIZES).eval()
    found = lists(recommend(model, data, k=4, batch_size=4))
    for user, history in enumerate(sequences):
        batch = replace(
            batch_of(history[-6:]),
            times=torch.arange(len(history))[-6:][None] * 60,
            users=torch.tensor([user]),
        )
        with torch.no_grad():
            scores = model.scores(batch)[0].tolist()
        rivals = [item for item in range(1, 13) if item not in history]
        best = sorted(rivals, key=lambda item: -scores[item])[:4]
        assert found[f"u{user}"] == [f"i{item}" for item in best]


def test_a_history_that_is_made_up():
    titled = replace(DATA, titles=["[pad]", "Alien (1979)", "Aliens (1986)", "Dune", "Up", "Ran"])
    found = recommend(Last(TABLE), titled, items=["i5", "aliens", "alien (1979)"], k=2)
    assert list(found.columns) == ["rank", "item", "title", "score"]
    assert found["title"].tolist() == ["Up", "Dune"]  # after 1: 1 4 3 5 2
    assert recommend(Last(TABLE), titled, items="Dune", k=1)["title"].tolist() == ["Alien (1979)"]
    assert recommend(Last(TABLE), DATA, items=["i3"], k=1)["item"].tolist() == ["i1"]
    long = Last(TABLE, max_length=2)
    recommend(long, DATA, items=["i3"] * 5)
    assert long.widths == [2]


def test_items_by_id_or_title():
    titles = ["[pad]", "Alien (1979)", "Aliens (1986)", "Heat", "Heat", "i1"]
    data = replace(DATA, titles=titles)
    assert find_item(data, " i1 ") == 1  # an id goes before a title
    assert find_item(data, "ALIEN  (1979)") == 1
    assert find_item(data, "1986") == 2
    with pytest.raises(WorkbenchError, match=r"'alien' may be any of 2 items of tiny, such as Al"):
        find_item(data, "alien")
    with pytest.raises(WorkbenchError, match=r"Heat \(id i3\), Heat \(id i4\); give one of these"):
        find_item(data, "heat")
    for text in ("Solaris", "", "[pad]"):
        with pytest.raises(WorkbenchError, match="has no item of the id or title"):
            find_item(data, text)
    with pytest.raises(WorkbenchError, match="no item of the id 'x'; its items are such as i1, i2"):
        find_item(DATA, "x")


@pytest.fixture
def grown():
    """A model of the items i1 to i4, and data that have one more, of which it is not known."""
    model = build_model("SASRec", data_of([1, 2, 3, 4], n_items=4), **SIZES)
    data = data_of([1, 2, 3, 4], [3, 4, 5], n_items=5)
    return model, replace(data, titles=["[pad]", "Alien", "Dune", "Heat", "Up", "Alien 3"])


@pytest.mark.filterwarnings("ignore:.*does not know 1 of the 5 items")
def test_an_item_that_the_data_have_and_the_model_does_not_know_is_called_so(grown):
    model, data = grown
    for text in ("i5", " alien  3", "3"):
        with pytest.raises(WorkbenchError) as caught:
            recommend(model, data, items=["i1", text])
        assert str(caught.value) == (
            f"tiny has the item {text.strip()!r}, but SASRec does not know it; name another item, "
            "or train a model on these data (python -m workbench train)."
        )
    with pytest.raises(WorkbenchError, match="but SASRec does not know it"):
        explain_user(model, data, "u0", item="i5", methods=["recency"], hide_seen=False)
    with pytest.raises(WorkbenchError, match=r"'al' may be any of 2 items of tiny"):
        recommend(model, data, items=["al"])
    assert len(recommend(model, data, items=["alien", "heat"], k=1)) == 1
    with pytest.raises(WorkbenchError, match="tiny has no item of the id or title 'i6'"):
        recommend(model, data, items=["i6"])


def test_an_item_that_the_model_alone_knows_is_found(grown):
    model, _ = grown
    fewer = data_of([1, 2, 3], n_items=3)
    assert len(recommend(model, fewer, items=["i4"], k=1)) == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"k": 0}, "k=0; give a whole number, 1 or more"),
        ({"users": ["u0"], "items": ["i1"]}, "give one of them"),
        ({"users": ["x"]}, "has no user 'x'"),
        ({"users": []}, "no user is named"),
        ({"items": []}, "no item is named"),
        ({"items": ["i9"]}, "has no item of the id 'i9'"),
    ],
)
def test_what_cannot_be_recommended_is_told(how, said):
    with pytest.raises(WorkbenchError, match=said):
        recommend(Last(TABLE), DATA, **how)


def test_a_history_that_is_made_up_is_nobodys():
    """One of ours has a row for users that it does not know; one that was adapted may have none."""
    data = data_of([1, 2, 3], [2, 3, 1])
    ours = build_model("SSE-PT", data, hidden_size=8, max_length=4).eval()
    assert len(recommend(ours, data, items=["i1"], k=2)) == 2
    users = torch.nn.Embedding(2, 13)
    model = adapt(
        lambda batch: users(batch.users), n_items=12, max_length=4, needs_users=True, name="whose"
    )
    with pytest.raises(WorkbenchError, match="whose needs to know whose history it is"):
        recommend(model, data, items=["i1"])


def test_a_history_that_is_made_up_has_no_times():
    model = build_model("TiSASRec", data_of([1, 2], times=[0, 1]), max_length=6, **SIZES)
    with pytest.raises(WorkbenchError, match="needs the time of every item, and a history that is"):
        recommend(model, data_of([1, 2], times=[0, 1]), items=["i1"])


def test_users_lose_what_the_model_does_not_know_and_no_more():
    """Here the last item is none to be predicted, so that nobody is left out for it."""
    model = Last(TABLE)
    model.item_ids = np.array(["[pad]", "i1", "i2", "i3", "i4", "x"], dtype=object)
    data = data_of([1, 2, 5], [5], [3], [4], n_items=5)
    with pytest.warns(WorkbenchWarning, match="2 of 6 interactions.*1 of 4 users"):
        found = lists(recommend(model, data, k=2))
    assert found == {"u0": ["x", "i4"], "u2": ["i1", "i2"], "u3": ["i2", "x"]}
    with (
        pytest.warns(WorkbenchWarning),
        pytest.raises(WorkbenchError, match="user u1 of tiny has no item that Last knows"),
    ):
        recommend(model, data, ["u1"])


@pytest.fixture
def place(tmp_path):
    rows = [f"u{u},i{(u + t) % 7},{1_600_000_000 + t}" for u in range(5) for t in range(4)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    torch.manual_seed(0)
    model = build_model("SASRec", load_data(tmp_path / "log.csv"), **SIZES)
    save_model(model.eval(), tmp_path / "m")
    return tmp_path, model


def run(place, *more):
    given = ["recommend", "--model", str(place / "m"), "--data", str(place / "log.csv")]
    return CliRunner().invoke(app, [*given, *more])


READERS = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".json": lambda path: pd.DataFrame(json.loads(path.read_text())),
}


@pytest.mark.parametrize("ending", READERS)
def test_the_command_writes_lists(place, ending):
    place, model = place
    out = place / "new" / f"lists{ending}"
    done = run(place, "--users", "u3", "u1", "--k", "2", "--out", str(out), "--keep-seen")
    assert done.exit_code == 0, done.output
    assert "2 lists of up to 2 items" in done.stderr
    run(place, "--items", "i1", "--out", str(out))  # may take the place of earlier ones
    again = run(place, "--users", "u3", "u1", "--k", "2", "--out", str(out), "--keep-seen")
    assert again.exit_code == 0, again.output
    wanted = recommend(model, load_data(place / "log.csv"), ["u3", "u1"], 2, keep_seen=True)
    found = READERS[ending](out)
    assert found["user"].tolist() == ["u3", "u3", "u1", "u1"]
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_the_command_prints_a_table(place):
    place, model = place
    done = run(place)
    data = load_data(place / "log.csv")
    wanted = recommend(model, data)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["user", "rank", "item", "score"]
    assert [row[:3] for row in rows[1:]] == wanted[["user", "rank", "item"]].astype(
        str
    ).to_numpy().tolist()
    made_up = run(place, "--items", "i1", "i2", "--items=i3", "--k", "3")
    assert made_up.exit_code == 0, made_up.output
    wanted = recommend(model, data, items=["i1", "i2", "i3"], k=3)
    assert [line.split()[1] for line in made_up.stdout.splitlines()[1:]] == wanted["item"].tolist()


def test_the_command_refuses_an_unknown_ending_and_leaves_nothing(place):
    place, _ = place
    done = run(place, "--out", str(place / "new" / "lists.xlsx"))
    assert "lists are written as .csv, .parquet, .json" in str(done.exception)
    assert not (place / "new").exists()


def test_the_command_writes_over_nothing_that_it_reads(place):
    place, _ = place
    before = (place / "log.csv").read_bytes(), (place / "m" / "card.json").read_bytes()
    for out in (place / "log.csv", place / "m" / "card.json"):
        done = run(place, "--out", str(out))
        assert str(done.exception) == f"{out} holds something else; give a file of another name."
    (place / "movies.csv").write_text("movieId,title\n1,A\n")  # titles, for one
    done = run(place, "--out", str(place / "movies.csv"))
    assert "movies.csv holds something else; give a file of another name" in str(done.exception)
    assert (place / "movies.csv").read_text() == "movieId,title\n1,A\n"
    (place / "folder.csv").mkdir()
    done = run(place, "--out", str(place / "folder.csv"))
    assert str(done.exception) == f"{place / 'folder.csv'} is a folder; give a file."
    assert before == ((place / "log.csv").read_bytes(), (place / "m" / "card.json").read_bytes())


def test_the_table_shows_names_and_does_not_obey_them(place):
    place, _ = place
    text = (place / "log.csv").read_text()
    (place / "log.csv").write_text(text.replace("u3", "u\x9b3"))
    done = run(place, "--users", "u\x9b3")
    assert done.exit_code == 0, done.output
    assert r"u\x9b3" in done.stdout
    assert "\x9b" not in done.stdout
