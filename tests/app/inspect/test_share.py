"""Sharing: the code gives the numbers of the page, and a link tells what has changed."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import torch

from tests.app.inspect.test_inspect_page import open_page  # noqa: F401, a fixture
from tests.app.shown import metrics, press, read, sentences
from workbench import Explanation, View, load_model, save_model
from workbench.app.dataset import stored_results
from workbench.app.inspect import share
from workbench.app.inspect.smallest import ASK


def codes(page) -> tuple[str, str]:
    link, program = (code.value for code in page.code)
    return link, program


@pytest.mark.parametrize("target", ["Model's top item", "Held-out item"])
def test_the_code_gives_the_numbers_of_the_page(open_page, target, capsys):  # noqa: F811
    address = {"view2": "Layer 2, head 1", "stage2": "mask", "hide_seen": "false"}
    page = open_page(user="u5", target=target, importances=["deletion"], **address)
    assert sentences(page) == []
    names: dict = {}
    exec(compile(codes(page)[1], "shared", "exec"), names)
    made = [names["explanation_1"], names["explanation_2"]]
    assert all(isinstance(one, Explanation) for one in made)
    ranks = [one.inspection.rank(one.inspection.target) for one in made]
    assert metrics(page, "Rank of the target") == [f"{rank:,}" for rank in ranks]
    scores = [float(one.inspection.scores[one.inspection.target]) for one in made]
    shown = [float(text.replace("\N{MINUS SIGN}", "-")) for text in metrics(page, "Its score")]
    assert shown == pytest.approx(scores, abs=0.006)
    assert made[1].view == View("mask", 1, 0)
    assert list(made[0].columns) == ["attention", "deletion"]
    assert "deletion" in capsys.readouterr().out


def test_a_link_tells_which_model_has_changed(open_page, models, tmp_path):  # noqa: F811
    folder = save_model(load_model(models[0]), tmp_path / "mine")
    pair = [str(folder), models[1]]
    link, _ = codes(open_page(models=pair, user="u5"))
    query = parse_qs(urlsplit(link).query)
    assert query["user"] == ["u5"]
    assert query["models"] == pair
    again = open_page(models=pair, user="u5", pins=query["pins"])
    assert not [text for text in again.warning if "not what was shared" in text.value]
    changed = load_model(folder)
    with torch.no_grad():
        next(changed.parameters()).add_(1)
    save_model(changed, folder)
    told = [
        read(text.value) for text in open_page(models=pair, user="u5", pins=query["pins"]).warning
    ]
    assert len(told) == 1
    assert told[0].startswith("Not what the link was made of: SASRec is another by now")


def test_a_verdict_that_is_gone_is_told(open_page):  # noqa: F811
    told = [read(text.value) for text in open_page(user="u5", verdict="no-such-run").warning]
    assert any("The report no-such-run, from which the verdict was" in text for text in told)


def test_the_file_says_what_the_page_says(open_page, models, stored_run, monkeypatch):  # noqa: F811
    """It is made when it is asked for, outside of the page's session and address."""
    made = {}
    monkeypatch.setattr(stored_results, "REPORTS", stored_run.parent)
    monkeypatch.setattr(
        share.downloads, "button", lambda label, content, *_: made.update({label: content})
    )
    page = open_page(user="u4", verdict=stored_run.name, models=models[:1])
    press(page, ASK)
    assert sentences(page) == []
    (told,) = (read(text.value) for text in page.markdown if "of the model)" in text.value)
    monkeypatch.setattr(share, "verdict_on", None)  # the page has asked already
    text = html.unescape(re.sub("<[^>]*>", "", made["Save this user"]()))
    assert f"(12 of 12 users; report {stored_run.name} of " in text
    assert plainly(told.replace("**", "")) in plainly(text)


def plainly(text: str) -> str:
    return " ".join(text.split())
