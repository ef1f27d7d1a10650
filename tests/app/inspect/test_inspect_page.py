"""The page Inspect, run without a browser: what it shows against what the library says."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from tests.app.conftest import TITLES
from tests.app.shown import captions, htmls, metrics, press, read, sentences, tables
from workbench import (
    WorkbenchWarning,
    build_model,
    evaluate,
    explain,
    load_data,
    load_model,
    model_folders,
    record_attention,
    save_model,
)
from workbench.app import choices, resources, uploads, words
from workbench.app.inspect.smallest import ASK
from workbench.app.userlists import OF_A_MODEL
from workbench.data.batches import make_batch
from workbench.data.fetch import CACHE_VARIABLE
from workbench.data.splits import held_out_cases
from workbench.explore.explanation import made_of_data
from workbench.explore.markup import HIGHEST
from workbench.explore.survey import listed, survey
from workbench.faithfulness.counterfactual import smallest_change


@pytest.fixture
def open_page(opener) -> Callable[..., AppTest]:
    return opener("inspect.inspect_page")


def test_both_models_with_the_rank_that_evaluation_gives(open_page, films, models):
    page = open_page(user="u3", target="Held-out item", hide_seen="false")
    assert sentences(page) == []
    data = load_data(films)
    user = int(np.flatnonzero(data.user_ids == "u3")[0])
    expected = [evaluate(load_model(model), data).ranks[user] for model in models]
    assert metrics(page, "Rank of the target") == [f"{rank:,}" for rank in expected]
    titles = [f"**{name}**: held-out item at rank {rank} of {data.n_items}"
              for name, rank in zip(("SASRec", "AC-SASRec"), expected, strict=True)]  # fmt: skip
    assert set(titles) <= {read(text.value) for text in page.markdown}


def test_what_is_copied_from_a_message_is_understood(open_page, films, models):
    data, folders = (words.APART.join(path) for path in (f"{films}", models[0]))
    page = open_page(data=data, models=[folders, models[0]], user="u3")
    assert sentences(page) == []
    assert len(metrics(page, "Rank of the target")) == 1


@pytest.mark.parametrize("module", ["inspect.inspect_page", "what_if.what_if_page"])
def test_what_was_assumed_about_the_data_is_said_once(opener, tmp_path, module):
    times = "".join(f"a,i{n},{20190801 + n}\nb,i{n},{20190801 + n}\n" for n in range(5))
    dated, timeless = tmp_path / "dated.csv", tmp_path / "$x$ *b*.csv"
    dated.write_text("user,item,time\n" + times)
    timeless.write_text("user,item\n" + "a,x\na,y\nb,x\nb,y\n")
    for file in (dated, timeless):
        with pytest.warns(WorkbenchWarning):
            data = load_data(file)
        assumed = data.provenance["warnings"]
        assert made_of_data(data)[1:] == assumed  # in the file that is shared
        page = opener(module)(data=str(file), models=[])
        told = [read(caption.value) for caption in page.sidebar.caption]
        assert assumed
        assert [text for text in told if text in assumed] == assumed
        assert not any(text in read(each.value) for each in page.main.caption for text in assumed)
    assert words.literal(assumed[0]) in [caption.value for caption in page.sidebar.caption]


def test_the_history_holds_attention_importances_and_time(open_page, films, models):
    data = load_data(films)
    table = tables(
        open_page(user="u0", target="Held-out item", view2="Layer 2, head 1", stage2="mask")
    )[0]
    assert table.heads == ["#", "Item", "Ago", *["Attention", "Replacement", "Saliency"] * 2]
    assert table.column(0) == [str(n) for n in range(24, 0, -1)]
    assert table.column(1) == [data.title(int(i)) for i in data.history(0)[-2::-1]]
    assert table.column(2)[:3] == ["1 d", "2 d", "3 d"]
    for name, path, start in zip(("SASRec", "AC-SASRec"), models, (3, 6), strict=True):
        model = load_model(path)
        batch = make_batch(data, held_out_cases(data, 24, [0]))
        if name == "SASRec":
            row = record_attention(model, batch)["attention"].mean((1, 2))[0]
        else:
            row = record_attention(model, batch, stages=["mask"])["mask"][0, 1, 0]
        target = torch.tensor([int(data.history(0)[-1])])
        importance = explain(model, batch, target, "saliency")[0]
        for place, values in ((start, row), (start + 2, importance)):
            values_shown = [float(text.removeprefix(HIGHEST)) for text in table.column(place)]
            assert values_shown == pytest.approx(
                values.numpy()[::-1], abs=0.006 * float(values.abs().max())
            )
            marked = [text.startswith(HIGHEST) for text in table.column(place)]
            assert marked.index(True) == len(values) - 1 - int(values.argmax())
            assert sum(marked) == 1


def test_the_history_in_the_order_of_a_measure(open_page):
    table = tables(open_page(user="u0", order="Saliency, AC-SASRec"))[0]
    values = [float(text.removeprefix(HIGHEST)) for text in table.column(8)]
    assert values == sorted(values, reverse=True)
    assert table.column(8)[0].startswith(HIGHEST)
    assert table.column(0) != sorted(table.column(0), key=int, reverse=True)


def test_ten_best_items_and_the_held_out_one(open_page, films, models):
    page = open_page(user="u5", hide_seen="false")
    data, model = load_data(films), load_model(models[0])
    user = int(np.flatnonzero(data.user_ids == "u5")[0])
    scores = model.scores(make_batch(data, held_out_cases(data, 24, [user])))[0].detach()
    table = tables(page)[1]
    best = scores.argsort(descending=True)[:10].tolist()
    assert table.column(1)[:10] == [data.title(item) for item in best]
    held_out = data.title(int(data.history(user)[-1]))
    assert [row[1] for row in table.rows if row[3].startswith("held-out")] == [held_out]


@pytest.mark.parametrize("what", list(OF_A_MODEL))
def test_users_of_a_list_are_those_of_the_survey(open_page, films, models, what):
    listing = f"{what} · AC-SASRec"
    page = open_page(list=listing)
    data, source = load_data(films), str(films)
    resources.surveyed(resources.model(models[1]), source, hide_seen=True).table.result(60)
    page.run()
    assert sentences(page) == []
    expected = listed(survey(load_model(models[1]), data, hide_seen=True), OF_A_MODEL[what])["user"]
    if not len(expected):
        assert "users measured is in this list" in page.info[0].value
        return
    ids = [str(data.user_ids[user]) for user in expected]
    assert [text.split(" · ")[0] for text in page.selectbox(key="listed").options] == ids
    page.selectbox(key="listed").select_index(len(ids) - 1).run()
    assert any(text.value.startswith(f"User {ids[-1]}:") for text in page.markdown)
    press(page, "Next")
    assert page.query_params["user"] == ids[0]
    assert page.query_params["list"] == listing


def test_users_by_what_they_have(open_page, films):
    data = load_data(films)
    page = open_page(list="By items they have", watched="Film 27 (1999), Film 28 (1999)")
    assert sentences(page) == []

    def has(user: int, word: str) -> bool:
        held = data.history(user)
        return any(word in f"{data.title(int(i))} {data.item_ids[i]}" for i in held)

    having = {
        str(data.user_ids[user])
        for user in range(data.n_users)
        if has(user, "27") and has(user, "28")
    }
    assert {text.split(" · ")[0] for text in page.selectbox(key="listed").options} == having
    page.text_input(key="watched").set_value("no such film").run()
    assert "No title in films contains 'no such film'" in sentences(page)[0]


def test_longest_and_shortest_histories_need_no_survey(open_page):
    page = open_page(list="Longest history")
    assert sentences(page) == []
    assert all(text.endswith("24 items") for text in page.selectbox(key="listed").options)


def test_every_stage_of_ac_can_be_chosen(open_page, models):
    page = open_page()
    stages = load_model(models[1]).stages
    assert set(page.selectbox(key="stage2").options) == {s.replace("_", " ") for s in stages}
    seen = set()
    for stage in stages:
        page.selectbox(key="stage2").select(stage.replace("_", " ")).run()
        assert sentences(page) == []
        seen.add(tuple(tables(page)[0].column(6)))
    assert len(seen) >= 4  # attention is the calibrated stage of a two-level model


def test_the_address_holds_everything(open_page):
    address = {
        "user": "u7",
        "target": "Another item",
        "words": "Film 3",
        "view1": "Layer 2, mean of heads",
        "stage2": "before spatial",
        "importances": ["input x gradient, attention held", "recency"],
        "scale": "Fixed, 0 to 1",
        "items": "All",
    }
    page = open_page(**address)
    assert sentences(page) == []
    assert page.text_input(key="user").value == "u7"
    assert page.selectbox(key="view1").value == "Layer 2, mean of heads"
    first, second = (text for text in captions(page) if text.startswith("Target:"))
    assert first.startswith("Target: Film 3 (1999). Attention: layer 2, mean of heads.")
    assert tables(page)[0].heads[3:6] == [
        "Attention",
        "Input x gradient, attention held",
        "Recency",
    ]
    assert "before spatial" in second
    assert "is zero in this model" in second
    assert metrics(page, "tau-b with input x gradient, attention held")[1] == "none"
    assert [page.button_group(key=key).value for key in ("target", "scale", "items")] == [
        address[key] for key in ("target", "scale", "items")
    ]


def test_the_best_item_not_seen_is_explained_first(open_page, films, models):
    page = open_page(user="u4")
    data = load_data(films)
    user = int(np.flatnonzero(data.user_ids == "u4")[0])
    best = []
    for path in models:
        model = load_model(path)
        scores = model.scores(make_batch(data, held_out_cases(data, 24, [user])))[0].detach()
        scores[torch.from_numpy(data.history(user)[:-1])] = -torch.inf
        best.append(data.title(int(scores.argmax())))
    assert metrics(page, "Rank of the target") == ["1", "1"]
    verb = "was" if len(set(best)) == 1 else "were"
    named = " and ".join(f"*{title}*" for title in dict.fromkeys(best))
    assert read(page.header[0].value) == f"Why {verb} {named} recommended?"
    assert all("seen" not in row[3] for table in tables(page)[1:] for row in table.rows)
    assert read(open_page(target="Held-out item").header[0].value).startswith("What speaks for")


def test_what_was_seen_can_be_shown_again(open_page):
    page = open_page(user="u4")
    page.toggle(key="hide_seen").set_value(False).run()
    assert any("seen" in row[3] for table in tables(page)[1:] for row in table.rows)


def test_another_user_at_random(open_page, films):
    page = open_page(user="u1")
    before = "u1"
    for _ in range(5):
        press(page, "Random")
        assert sentences(page) == []
        drawn = page.text_input(key="user").value
        assert drawn in load_data(films).user_ids
        assert drawn != before
        assert page.query_params["user"] == drawn
        assert any(text.value.startswith(f"User {drawn}:") for text in page.markdown)
        before = drawn


def test_agreement_is_a_sentence_with_its_caution(open_page):
    page = open_page()
    tau = metrics(page, "tau-b with replacement")[0]
    share = f"about {50 * (1 + float(tau.replace(chr(0x2212), '-'))):.0f}"
    first = next(text for text in captions(page) if text.startswith("Target:"))
    # tau is shown with two decimals, so the share may be one off
    assert any(f"about {int(share[6:]) + d}\N{NO-BREAK SPACE}%" in first for d in (-1, 0, 1))
    assert "agreement, not faithfulness" in first


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"user": "nobody"}, "films has no user 'nobody'"),
        ({"data": "nowhere"}, "'nowhere' is neither a file nor a known data set"),
        ({"models": ["nowhere"]}, "nowhere: no model here"),
        ({"data": "planted"}, "SASRec knows 0 of the 200 items of planted"),
        ({"data": "planted:magic"}, "rule='magic' is not known; choose from content, distance"),
        ({"target": "Another item", "words": "qqq"}, "No title in films contains 'qqq'"),
    ],
)
def test_what_is_wrong_is_shown_in_a_sentence(open_page, address, sentence):
    assert sentence in sentences(open_page(**address))[0]


def test_the_planted_cause_is_marked(open_page, tmp_path, monkeypatch):
    source = "planted:distance?users=20&items=20&causes=4&length=12&noise=0&signal=1&lag=3"
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, source))
    data = load_data(source)
    folder = save_model(build_model("SASRec", data, hidden_size=8, inner_size=8), tmp_path / "m")
    page = open_page(data=source, models=[str(folder)], user="5")
    assert sentences(page) == []
    n = int(data.lengths[4]) - 1
    titles = [data.title(int(item)) for item in data.history(4)]
    assert any(
        f"the effect of item {n - 2} ({titles[n - 3]})" in read(t.value) for t in page.markdown
    )
    history = next(body for body in htmls(page) if "<table>" in body)
    assert re.findall(r'<tr class="(m?) ?p\d+">', history) == ["", "", "m", *[""] * (n - 3)]
    assert words.CAUSE in captions(page)


def test_models_that_know_the_data_are_offered_beside_numbers_in_doubt(
    open_page, tmp_path, monkeypatch
):
    """Two catalogues whose ids are the same numbers."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    source, larger = (f"planted:distance?users=20&items={n}&causes=4" for n in (20, 30))
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, source))

    def save(source: str, folder: Path) -> str:
        data = load_data(source)
        model = build_model("SASRec", data, hidden_size=8, inner_size=8)
        return str(save_model(model, folder, {"data": {"checksum": data.checksum}}))

    page = open_page(data=source, models=[save(larger, tmp_path / "other")])
    assert any("ids that are mere numbers" in warning.value for warning in page.warning)
    assert metrics(page, "Rank of the target") == ["1"]
    assert "Train a model on these data" in [part.label for part in page.expander]
    save(source, tmp_path / "shipped" / "SASRec")
    with monkeypatch.context() as patch:
        patch.setattr(model_folders, "PRETRAINED", tmp_path / "shipped")
        page.run()
    assert "SASRec knows these data." in [info.value for info in page.info]
    save(source, uploads.models() / "mine")
    page.run()
    press(page, "Use them")
    assert page.multiselect(key="models").value == ["mine"]
    assert not page.expander
    assert not any("mere numbers" in warning.value for warning in page.warning)


def test_one_bad_model_leaves_the_other(open_page, models, tmp_path):
    (tmp_path / "card.json").write_text("{}")
    page = open_page(models=[str(tmp_path), models[1]])
    assert "not a model card" in sentences(page)[0]
    assert len(metrics(page, "tau-b with replacement")) == 1
    assert read(page.subheader[0].value) == "AC-SASRec"


@pytest.mark.parametrize("module", ["inspect.inspect_page", "what_if.what_if_page"])
def test_one_bad_model_takes_no_place_and_a_third_is_told(opener, models, tmp_path, module):
    bad, third = str(tmp_path / "none"), str(tmp_path / "third")
    page = opener(module)(models=[models[0], bad, models[1]], user="u3")
    (sentence,) = sentences(page)
    assert sentence.startswith(f"{bad}: no model here")
    assert len(metrics(page, "Rank of the target")) == 2
    assert not page.warning
    save_model(load_model(models[0]), third)
    page = opener(module)(models=[*models, third], user="u3")
    assert sentences(page) == []
    assert len(metrics(page, "Rank of the target")) == 2
    told = [read(warning.value) for warning in page.warning]
    assert told == [f"At most 2 models are shown; {third} is left out."]


def test_no_model_says_what_to_do_next(open_page, monkeypatch, tmp_path):
    monkeypatch.setattr(model_folders, "PRETRAINED", tmp_path)
    page = open_page(models=[])
    assert sentences(page) == []
    assert "python -m workbench train --model=SASRec" in page.code[0].value


def test_shipped_models_are_offered_and_two_of_them_chosen(open_page, monkeypatch):
    """A folder of shipped models: the default is SASRec beside AC-SASRec."""
    monkeypatch.setattr(resources, "shipped", lambda: ["SASRec", "SASRec-uniform", "AC-SASRec"])
    page = open_page(models=[])
    assert page.multiselect(key="models").value == ["SASRec", "AC-SASRec"]


def test_an_unexpected_failure_is_a_sentence_and_the_rest_goes_on(open_page, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom\nsecond line")

    monkeypatch.setattr("workbench.app.inspect.inspect_page.show_ranking", fail)
    page = open_page(user="u2")
    assert sentences(page) == [
        "The top ten cannot be shown: RuntimeError, boom. Details are in the log of the server."
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


def test_a_list_that_is_chosen_shows_its_first_user(open_page, films):
    """One in the address stays with the user of the address."""
    assert open_page(user="u7", list="Longest history").text_input(key="user").value == "u7"
    page = open_page(user="nobody")
    assert "has no user" in sentences(page)[0]
    page.selectbox(key="list").select("Longest history").run()
    assert sentences(page) == []
    assert page.text_input(key="user").value == "u0"


def test_a_target_that_is_left_takes_its_item_from_the_address(open_page):
    page = open_page(target="Held-out item", words="Film 3", item="Film 3 (1999) · i4")
    assert not {"words", "item"} & set(page.query_params)


def test_titles_cannot_write_markdown(open_page):
    page = open_page(target="Another item", words="bold")
    shown = [caption.value for caption in page.caption]
    assert any(t.startswith(f"Target: {words.literal(TITLES[0])}, seen") for t in shown)
    assert page.header[0].value == f"What speaks for *{words.literal(TITLES[0])}*?"


def test_the_smallest_change_is_told_where_it_is_asked_for(open_page, films, models):
    page = open_page(user="u4", models=models[:1])
    assert not any("would come first" in text.value for text in page.markdown)
    press(page, ASK)
    assert sentences(page) == []
    (said,) = (read(t.value) for t in page.markdown if "of the model)" in t.value)
    data, model = load_data(films), load_model(models[0])
    user = int(np.flatnonzero(data.user_ids == "u4")[0])
    batch = make_batch(data, held_out_cases(data, 24, [user]))
    seen = torch.from_numpy(np.unique(data.history(user)[:-1]))
    change = smallest_change(model, batch, hidden=seen[None].long())
    gone = batch.items[change.removed].tolist()
    if gone:
        assert [data.title(item) for item in gone] == [
            title for title in re.findall(r"\*\*(.*?)\*\*", said) if title in said
        ][:-2]
        assert f"**{data.title(int(change.successor))}** would come first in place of" in said
    else:
        assert "** still comes first" in said
    page.text_input(key="user").set_value("u5").run()
    assert not any("of the model)" in text.value for text in page.markdown)  # of another user
    page = open_page(user="u4", target="Held-out item", models=models[:1])
    assert ASK not in [button.label for button in page.button]


def test_what_was_seen_and_is_hidden_has_no_rank_and_was_not_recommended(open_page, films, models):
    data, model = load_data(films), load_model(models[0])
    scores = model.scores(make_batch(data, held_out_cases(data, 24))).detach()
    best = (scores[:, 1:].argmax(1) + 1).tolist()  # it would come first again where it was seen
    user = next(u for u in range(data.n_users) if best[u] in data.history(u)[:-1])
    title = data.title(best[user])
    asked = {"target": "Another item", "words": title, "closer": "Rank after each layer"}
    page = open_page(user=str(data.user_ids[user]), models=models[:1], **asked)
    assert sentences(page) == []
    assert metrics(page, "Rank of the target") == ["none"]
    told = f"Target: {title}, seen, so not ranked (would be 1 of 7). "
    assert any(said.startswith(told) for said in captions(page))
    assert ASK not in [button.label for button in page.button]
    assert any("these are the ranks it would have" in text.value for text in page.markdown)
    page.toggle(key="hide_seen").set_value(False).run()
    assert metrics(page, "Rank of the target") == ["1"]
    assert ASK in [button.label for button in page.button]
