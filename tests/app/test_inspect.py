"""The first page, run without a browser: what it shows against what the library says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest

from workbench import attribute, evaluate, load_data, load_model, record_attention
from workbench.app import choices, resources
from workbench.batches import make_batch
from workbench.lookup import held_out_case

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def open_page(films, models, monkeypatch) -> Callable[..., AppTest]:
    """Open the page at an address; by default with the small data and both models."""
    # AppTest cannot run on from a value that is not among the options of its widget
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, str(films)))

    def open_at(**address) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in {"data": str(films), "models": models, **address}.items():
            page.query_params[key] = value
        return page.run()

    return open_at


def sentences(page: AppTest) -> list[str]:
    """The errors shown; that none of them is a traceback is checked."""
    assert not page.exception
    found = [error.value for error in page.error]
    assert not any("Traceback" in text or "\n" in text for text in found)
    return found


def metrics(page: AppTest, label: str) -> list[str]:
    return [metric.value for metric in page.metric if metric.label == label]


def captions(page: AppTest) -> list[str]:
    return [caption.value for caption in page.caption]


def test_both_models_with_the_rank_that_evaluation_gives(open_page, films, models):
    page = open_page(user="u3")
    assert sentences(page) == []
    data = load_data(films)
    user = int(np.flatnonzero(data.user_ids == "u3")[0])
    expected = [evaluate(load_model(model), data).ranks[user] for model in models]
    assert metrics(page, "Rank of the target") == [f"{rank:,}" for rank in expected]
    titles = [f"**{name}**: held-out item at rank {rank} of {data.n_items}"
              for name, rank in zip(("SASRec", "AC-SASRec"), expected, strict=True)]  # fmt: skip
    assert set(titles) <= {text.value for text in page.markdown}


def test_the_history_holds_attention_gradient_and_time(open_page, films, models):
    data = load_data(films)
    table = open_page(user="u0", view2="Layer 2, head 1", stage2="mask").dataframe[0].value
    assert table["", "#"].tolist() == list(range(24, 0, -1))
    assert table["", "Item"].tolist() == [data.title(int(i)) for i in data.history(0)[-2::-1]]
    assert table["", "Ago"].tolist() == [86_400.0 * day for day in range(1, 25)]
    for name, path in zip(("SASRec", "AC-SASRec"), models, strict=True):
        model = load_model(path)
        batch = make_batch(data, held_out_case(data, 0, 24))
        if name == "SASRec":
            row = record_attention(model, batch)["attention"].mean((1, 2))[0]
        else:
            row = record_attention(model, batch, stages=["mask"])["mask"][0, 1, 0]
        target = torch.tensor([int(data.history(0)[-1])])
        importance = attribute(model, batch, target, "saliency", detach_attention=True).values[0]
        shown = table[name]
        assert shown["Attention"].to_numpy() == pytest.approx(row.numpy()[::-1], rel=1e-5)
        assert shown["Gradient"].to_numpy() == pytest.approx(importance.numpy()[::-1], rel=1e-4)


def test_ten_best_items_and_the_held_out_one(open_page, films, models):
    page = open_page(user="u5")
    data, model = load_data(films), load_model(models[0])
    user = int(np.flatnonzero(data.user_ids == "u5")[0])
    scores = model.scores(make_batch(data, held_out_case(data, user, 24)))[0].detach()
    table: pd.DataFrame = page.dataframe[1].value
    best = scores.argsort(descending=True)[:10].tolist()
    assert table["Item"].tolist()[:10] == [data.title(item) for item in best]
    held_out = data.title(int(data.history(user)[-1]))
    assert table.loc[table["Note"].str.startswith("held-out"), "Item"].tolist() == [held_out]


def test_every_stage_of_ac_can_be_chosen(open_page, models):
    page = open_page()
    stages = load_model(models[1]).stages
    assert set(page.selectbox(key="stage2").options) == {s.replace("_", " ") for s in stages}
    seen = set()
    for stage in stages:
        page.selectbox(key="stage2").select(stage).run()
        assert sentences(page) == []
        seen.add(tuple(page.dataframe[0].value["AC-SASRec", "Attention"]))
    assert len(seen) >= 4  # attention is the calibrated stage of a two-level model


def test_the_address_holds_everything(open_page):
    address = {
        "user": "u7",
        "target": "Another item",
        "words": "Film 3",
        "view1": "Layer 2, mean of heads",
        "stage2": "before spatial",
        "gradient": "Input x gradient",
        "scale": "Fixed, 0 to 1",
        "items": "All",
    }
    page = open_page(**address)
    assert sentences(page) == []
    assert page.text_input(key="user").value == "u7"
    assert page.selectbox(key="view1").value == "Layer 2, mean of heads"
    first, second = captions(page)[:2]
    assert first.startswith(r"Target: Film 3 \(1999\). Attention: layer 2, mean of heads.")
    assert "before spatial" in second
    assert "vanishes in this model" in second
    assert metrics(page, "tau-b")[1] == "none"
    assert [page.button_group(key=key).value for key in ("target", "scale", "items")] == [
        address[key] for key in ("target", "scale", "items")
    ]


def test_the_models_top_item_is_each_models_own(open_page):
    page = open_page(target="Model's top item")
    assert metrics(page, "Rank of the target") == ["1", "1"]


def test_another_user_by_chance(open_page, films):
    page = open_page(user="u1")
    before = "u1"
    for _ in range(5):
        page.button[0].click().run()
        assert sentences(page) == []
        drawn = page.text_input(key="user").value
        assert drawn in load_data(films).user_ids
        assert drawn != before
        assert page.query_params["user"] == drawn
        assert any(text.value.startswith(f"User {drawn}:") for text in page.markdown)
        before = drawn


def test_agreement_is_told_in_words_with_its_caution(open_page):
    tau = metrics(open_page(), "tau-b")[0]
    share = f"about {50 * (1 + float(tau.replace(chr(0x2212), '-'))):.0f}"
    first = captions(open_page())[0]
    # tau is shown with two decimals, so the share may be one off
    assert any(f"about {int(share[6:]) + d}\N{NO-BREAK SPACE}%" in first for d in (-1, 0, 1))
    assert "agreement, not faithfulness" in first


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"user": "nobody"}, "films has no user 'nobody'"),
        ({"data": "nowhere"}, "'nowhere' is neither a file nor a known data set"),
        ({"models": ["nowhere"]}, "nowhere: no model here"),
        ({"data": "planted"}, "SASRec knows 30 items and planted has 200"),
        ({"target": "Another item", "words": "qqq"}, "no title of films holds 'qqq'"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(open_page, address, sentence):
    assert sentence in sentences(open_page(**address))[0]


def test_one_bad_model_leaves_the_other(open_page, models, tmp_path):
    (tmp_path / "card.json").write_text("{}")
    page = open_page(models=[str(tmp_path), models[1]])
    assert "not a model card" in sentences(page)[0]
    assert len(metrics(page, "tau-b")) == 1
    assert page.subheader[0].value == "AC-SASRec"


def test_no_model_says_what_to_do_next(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "PRETRAINED", tmp_path)
    page = open_page(models=[])
    assert sentences(page) == []
    assert "python -m workbench train --model SASRec" in page.info[0].value


def test_shipped_models_are_offered_and_two_of_them_chosen(films, models, monkeypatch):
    """A folder of shipped models: the default is SASRec beside AC-SASRec."""
    monkeypatch.setattr(resources, "shipped", lambda: ["SASRec", "SASRec-uniform", "AC-SASRec"])
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params["data"] = str(films)
    page.run()
    assert page.multiselect(key="models").value == ["SASRec", "AC-SASRec"]


def test_an_unexpected_failure_is_a_sentence_and_the_rest_goes_on(open_page, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom\nsecond line")

    monkeypatch.setattr("workbench.app.pages.inspect.show_ranking", fail)
    page = open_page(user="u2")
    assert sentences(page) == [
        "The top ten cannot be shown: RuntimeError, boom. The log of the server tells more."
    ]
    assert "Layers and heads" in [part.value for part in page.subheader]


def test_a_layer_the_next_model_lacks_is_no_failure(open_page, model_folder, models, monkeypatch):
    deep = model_folder("SASRec", n_layers=3)
    monkeypatch.setattr(resources, "shipped", lambda: [deep, *models])
    page = open_page(models=[deep], view1="Layer 3, head 2")
    assert page.selectbox(key="view1").value == "Layer 3, head 2"
    page.multiselect(key="models").set_value(models[:1]).run()
    assert sentences(page) == []
    assert page.selectbox(key="view1").value == "Mean of layers and heads"


def test_titles_cannot_write_markdown(open_page):
    page = open_page(target="Another item", words="bold")
    assert captions(page)[0].startswith(r"Target: \$x\$ \*bold\* \[link\]\(http\:")
