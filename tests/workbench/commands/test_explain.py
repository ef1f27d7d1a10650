"""What `explain` prints, against the functions of the library and a re-run without an item."""

import json
import re

import pytest
import torch
from typer.testing import CliRunner

from tests.workbench.explaining.without import scores_without
from workbench import (
    WorkbenchError,
    WorkbenchWarning,
    build_model,
    explain,
    load_data,
    recommend,
    save_model,
)
from workbench.__main__ import app
from workbench.announcing import say
from workbench.data.batches import make_batch
from workbench.data.splits import Cases

SIZES = {"hidden_size": 8, "inner_size": 8, "max_length": 4}


@pytest.fixture
def place(tmp_path):
    """Five users, of whom u3 has had 6 of 9 items and the model reads the last 4."""
    rows = [f"u{u},i{(u + t) % 9},{1_600_000_000 + t}" for u in range(5) for t in range(6)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    data = load_data(tmp_path / "log.csv")
    torch.manual_seed(4)  # whose first item for u3 goes with one of the history
    model = build_model("SASRec", data, **SIZES).eval()
    save_model(model, tmp_path / "m")
    return tmp_path, model, data


def run(place, *more):
    given = ["explain", "--model", str(place / "m"), "--data", str(place / "log.csv")]
    done = CliRunner().invoke(app, [*given, "--user", "u3", *more])
    if done.exception:
        raise done.exception
    return done.stdout


def histories_of(data, user):
    index = data.user_ids.tolist().index(user)
    first, last = data.offsets[index], data.offsets[index + 1]
    one = torch.tensor([index]).numpy()
    cases = Cases(one, torch.tensor([last - 4]).numpy(), torch.tensor([last]).numpy(), 0 * one)
    return make_batch(data, cases), data.items[first:last].tolist()


def test_json_holds_what_the_functions_give(place):
    folder, model, data = place
    said = json.loads(run(folder, "--json", "--method", "saliency", "--method", "deletion"))
    (best,) = recommend(model, data, ["u3"], 1).to_dict("records")
    assert said["item"] == {"item": best["item"]}
    assert said["score"] == pytest.approx(best["score"])
    assert (said["rank"], said["items_ranked"], said["history_length"]) == (1, 3, 6)
    batch, _ = histories_of(data, "u3")
    target = torch.tensor([data.item_ids.tolist().index(best["item"])])
    assert [row["item"] for row in said["history"]] == data.item_ids[batch.items[0]].tolist()
    for name in ("attention", "saliency", "deletion"):
        values = [row["importance"][name] for row in said["history"]]
        assert values == pytest.approx(explain(model, batch, target, name)[0].tolist())
    assert list(said["history"][0]["importance"]) == ["attention", "saliency", "deletion"]


def test_another_item_comes_first_without_what_it_names_and_not_without_less(place):
    folder, model, data = place
    said = json.loads(run(folder, "--json"))["smallest_change"]
    batch, seen = histories_of(data, "u3")

    def first(*gone):
        removed = torch.tensor([[int(item) in gone for item in batch.items[0]]])
        scores = scores_without(model, batch, removed, operator=said["operator"])[0]
        return data.item_ids[scores.index_fill(0, torch.tensor(seen), -torch.inf).argmax()]

    items = batch.items[0].tolist()
    named = [data.item_ids.tolist().index(one["item"]) for one in said["without"]]
    assert first() == said["first"]["item"]
    assert first(*named) == said["then"]["item"] != said["first"]["item"]
    if len(named) > 1:
        assert {first(item) for item in items} == {first()}


def test_it_is_told_in_sentences(place):
    folder, _, data = place
    lines = run(folder, "--item", "i0").splitlines()
    assert re.fullmatch(
        r"SASRec ranks i0 (first|at place \d) for user u3 of log, among 3 items not seen\.",
        lines[0],
    )
    assert "the last 4 of 6 items" in lines[1]
    rows = [line.split() for line in lines[2:7]]
    assert rows[0] == ["ago", "item", "attention", "replacement"]
    assert [row[1] for row in rows[1:]] == data.item_ids[data.history(3)[:-5:-1]].tolist()
    for column in (2, 3):
        values = [float(row[column].rstrip("*")) for row in rows[1:]]
        (marked,) = (at for at, row in enumerate(rows[1:]) if row[column].endswith("*"))
        assert values[marked] == max(values)


def test_an_item_that_was_seen_is_not_ranked(place):
    first, *_ = run(place[0], "--item", "i3").splitlines()
    said = r"SASRec does not rank i3 for user u3 of log, who has had it; it would come "
    assert re.fullmatch(said + r"(first|at place \d) among 4 items\.", first)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--item", "i77"), "no item of the id 'i77'"),
        (("--method", "magic"), "no importance is called 'magic'"),
    ],
)
def test_what_cannot_be_explained_is_said(place, more, said):
    with pytest.raises(ValueError, match=said):
        run(place[0], *more)


def test_who_has_had_every_item_is_told_so(tmp_path):
    rows = [f"u{u},i{(u + t) % 6},{1_600_000_000 + t}" for u in range(5) for t in range(6)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    save_model(build_model("SASRec", load_data(tmp_path / "log.csv"), **SIZES), tmp_path / "m")
    with pytest.raises(WorkbenchError, match="has had every item, so that none is left") as caught:
        run(tmp_path)
    assert "--keep-seen on a command line" in str(caught.value)
    assert "among 6 items.\n" in run(tmp_path, "--keep-seen")
    given = ["--model", str(tmp_path / "m"), "--data", str(tmp_path / "log.csv")]
    done = CliRunner().invoke(app, ["recommend", *given])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is left to recommend" in done.stderr
    assert "u3" in CliRunner().invoke(app, ["recommend", *given, "--keep-seen"]).stdout


def test_a_line_end_in_a_title_breaks_no_table(tmp_path):
    rows = [f'u{u},i{(u + t) % 9},"I\n{(u + t) % 9}"' for u in range(5) for t in range(6)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,title", *rows]) + "\n")
    with pytest.warns(WorkbenchWarning):
        data = load_data(tmp_path / "log.csv")
    assert data.titles[1] == "I\n0"
    save_model(build_model("SASRec", data, **SIZES), tmp_path / "m")
    said = run(tmp_path).splitlines()
    table = [line for line in said if re.match(" +[0-9]+ +I", line)]
    assert [re.findall(r" I\\n[0-9] ", line) != [] for line in table] == [True] * 4
    assert len({len(line.rstrip("*")) for line in table}) == 1
    assert not any(line.startswith(tuple("012345678")) for line in said)
    assert "I\\n" in said[0]


def test_a_line_is_one_line(capsys):
    say("a\nb", "c\td", err=True)
    assert capsys.readouterr().err == "a\\nb\nc\\td\n"


def test_equal_weights_have_no_largest(place):
    folder, _, data = place
    save_model(build_model("SASRec-uniform", data, **SIZES), folder / "m")
    rows = [line.split() for line in run(folder).splitlines() if re.match(" +[0-9] ", line)]
    assert [row[2] for row in rows] == ["0.2500"] * 4
