"""One user explained: the numbers of the functions it is made of, and a page that asks nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from tests.app.hostile import TEXT
from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import View, WorkbenchError, evaluate, explain, explain_user
from workbench.explore.explanation_text import lines
from workbench.faithfulness.counterfactual import smallest_change


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def data():
    return small_data()


def test_the_held_out_case_is_the_one_of_the_evaluation(data):
    model = small_model("SASRec", data)
    user = str(data.user_ids[2])
    held_out = int(data.history(2)[-1])
    found = explain_user(
        model,
        data,
        user,
        str(data.item_ids[held_out]),
        ["deletion"],
        held_out=True,
        hide_seen=False,
    )
    assert found.inspection.rank(held_out) == evaluate(model, data).ranks[2]
    batch = case_of(model, data, 2)
    expected = explain(model, batch, torch.tensor([held_out]), "deletion")[0]
    assert found.columns["deletion"] == expected.tolist()
    assert list(found.columns) == ["attention", "deletion"]
    assert found.inspection.items.tolist() == batch.items[0].tolist()
    assert not found.recommended


def test_by_default_all_is_read_and_what_was_seen_is_not_ranked(data):
    model = small_model("SASRec", data)
    found = explain_user(model, data, str(data.user_ids[1]), smallest=True)
    assert found.inspection.items.tolist() == data.history(1)[-9:].tolist()
    scores = model.scores(case_of(model, replace_last(data, 1), 1))[0].detach()
    scores[torch.from_numpy(data.history(1).astype(np.int64))] = -torch.inf
    assert found.inspection.target == int(scores.argmax())
    hidden = torch.tensor([sorted(set(data.history(1).tolist()))])
    change = smallest_change(model, case_of(model, replace_last(data, 1), 1), hidden=hidden)
    assert found.change is not None
    assert found.change.removed.tolist() == change.removed.tolist()


def replace_last(data, user):
    """The data with one item more for every user, so that all of a history is read."""
    items = [np.append(data.history(u), 1) for u in range(data.n_users)]
    return replace(
        data,
        items=np.concatenate(items).astype(data.items.dtype),
        times=None,
        offsets=np.cumsum([0, *map(len, items)]),
        truth=None,
    )


@pytest.mark.parametrize("name", ["SASRec", "AC-SASRec", "BERT4Rec"])
def test_the_page_holds_the_numbers_and_asks_nobody(data, name, tmp_path):
    titles = [TEXT] * (data.n_items + 1)
    hostile = replace(data, titles=titles, name=TEXT)
    model = small_model(name, hostile)
    found = explain_user(
        model, hostile, str(data.user_ids[0]), held_out=True, view=View("attention", 1, 0)
    )
    path = found.save(tmp_path / "page.html")
    text = path.read_text()
    page = Page(text)
    assert found._repr_html_() in text
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "a", "object", "form", "base")
        assert not [key for key in attributes if key.startswith("on")]
        assert tag != "img" or attributes["src"].startswith("data:image/png;base64,")
        assert not re.search(r"url\(", attributes.get("style") or "")
    policy = [a["content"] for tag, a in page.tags if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert "http://other.example/a" in page.text  # as text
    assert "\u202e" not in text
    row = found.inspection.row("attention", 1, 0)
    assert f"{float(row.max()):.2f}"[:3] in page.text
    assert "layer 2, head 1" in page.text


def test_a_page_that_cannot_be_written(data, tmp_path):
    (tmp_path / "file").write_text("")
    found = explain_user(small_model("SASRec", data), data, str(data.user_ids[0]))
    with pytest.raises(WorkbenchError, match="cannot be written to"):
        found.save(tmp_path / "file" / "page.html")


def test_who_cannot_be_explained(data):
    short = replace(
        data, items=data.items[:1], times=None, offsets=np.array([0, 1, *[1] * 5]), truth=None
    )
    model = small_model("SASRec", data)
    user = str(data.user_ids[0])
    with pytest.raises(WorkbenchError, match="before the one held out, so nothing to predict"):
        explain_user(model, short, user, held_out=True)
    assert explain_user(model, short, user).inspection.items.tolist() == data.items[:1].tolist()


def test_a_history_without_the_held_out_item_is_not_said_to_be_longer(data):
    """All of it is read; of the user's items one is held out."""
    found = explain_user(small_model("SASRec", data), data, str(data.user_ids[2]), held_out=True)
    n = len(data.history(2)) - 1
    assert f"What it owes to the history ({n} items, the latest first" in "\n".join(lines(found))


def test_an_explanation_is_a_line_where_no_notebook_shows_it(data):
    found = explain_user(small_model("SASRec", data), data, "1", methods=["recency"])
    item = data.title(found.inspection.target)
    about = f"SASRec of {item!r} for user '1' of {data.name}, by attention, recency"
    assert repr(found) == f"Explanation({about})"
