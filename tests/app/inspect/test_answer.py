"""What answers the question of the page: the stored verdict, and what holds for this user."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import torch

from analyses.conclusions import NOT
from analyses.report.folder import MANIFEST
from analyses.report.stored import StoredRun, open_run
from analyses.running.comparison import Comparison
from analyses.verdict import Verdict
from tests.app.shown import captions, read
from workbench import load_data, load_model, save_model
from workbench.app import resources
from workbench.app.dataset import starting, stored_results
from workbench.app.inspect import answer, pins
from workbench.app.inspect.view_choices import MEAN, of_reduction
from workbench.app.words import strong
from workbench.explore.inspection import Inspection
from workbench.explore.shown import Shown, View
from workbench.explore.user_sentences import for_this_user

TITLES = ["A *x*", "B", "C", "D", "E"]


def shown(weights: list[float], effects: list[float]) -> Shown:
    n = len(weights)
    inspection = Inspection(
        items=torch.arange(1, n + 1),
        times=None,
        target=1,
        weights={"attention": torch.tensor(weights).expand(1, 1, n, n)},
        importance={},
        effects=torch.tensor(effects),
        scores=torch.zeros(6),
    )
    return Shown("m", View("attention"), inspection)


def test_what_attention_points_at_and_what_the_score_falls_without():
    said = for_this_user(shown([0.1, 0.4, 0.2, 0.25, 0.05], [3.0, -0.5, 1, -1, 2]), TITLES, strong)
    assert "points at **B** (40\N{NO-BREAK SPACE}% of the weight, where 20" in said
    assert r"falls most without **A \*x\***" in said
    assert "taking it away lowers the score by 3.0, " in said
    assert "former raises the score by 0.50 (number 4 of 5)." in said
    assert said.endswith("0 are among the 2 without which it falls most (0.80 by chance).")


@pytest.mark.parametrize(("named", "told"), [(-0.5, "raises the score by 0.50"), (0.0, "leaves")])
def test_where_the_score_falls_without_no_item_none_is_said_to_matter(named, told):
    """Another item may raise it by more than any lowers it; that is not what is asked."""
    said = for_this_user(shown([0.1, 0.7, 0.2], [-3.0, named, -0.2]), TITLES, strong)
    assert f"The score falls without no item: taking this away {told}" in said
    assert "most" not in said


def test_where_both_are_one_item_it_is_said_once():
    said = read(for_this_user(shown([0.6, 0.4], [0.012, 0.001]), TITLES, strong))
    assert "**A *x*** (60" in said
    assert "falls most, too: taking it away lowers the score by 0.012." in said


def test_of_a_short_history_no_more_is_said_to_be_shared_than_there_is():
    said = for_this_user(shown([0.1, 0.7, 0.2], [3.0, 2.0, 1.0]), TITLES, strong)
    assert said.endswith("(number 2 of 3).")
    said = for_this_user(shown([0.1, 0.6, 0.2, 0.1], [-3.0, 2.0, -0.1, -1.0]), TITLES, strong)
    assert said.endswith("Of its first 2 items, 1 is among the 1 without which it falls most "
                         "(0.50 by chance).")  # fmt: skip


@pytest.mark.parametrize(("weights", "what"), [([0.25] * 4, "4 items"), ([1.0], "1 item,")])
def test_even_weights_point_at_nothing(weights, what):
    said = for_this_user(shown(weights, [1.0] * len(weights)), TITLES, strong)
    assert "points at nothing" in said
    assert what in said


def test_the_verdict_is_found_by_data_and_weights(stored_run, films, models, monkeypatch, tmp_path):
    monkeypatch.setattr(stored_results, "REPORTS", stored_run.parent)
    shared, data = resources.model(models[0]), load_data(films)
    (told, _) = open_run(stored_run).verdicts()
    assert stored_results.verdict_on(shared, data) == (told, open_run(stored_run))
    assert stored_results.verdict_on(shared, data, "no such run") == (told, open_run(stored_run))
    other = replace(data, titles=None, items=data.items[::-1].copy())
    assert stored_results.verdict_on(shared, other) is None
    changed = load_model(models[0])
    with torch.no_grad():
        next(changed.parameters()).add_(1)
    folder = save_model(changed, tmp_path / "changed")
    assert stored_results.verdict_on(resources.model(str(folder)), data) is None


def test_a_later_trial_of_few_users_does_not_replace_a_verdict(
    opener, stored_run, films, models, monkeypatch, tmp_path
):
    """Reports of 12 users, of 12 again, and of 8; the middle one is the latest of most users."""
    monkeypatch.setattr(stored_results, "REPORTS", tmp_path)
    for made, (name, users) in enumerate({"first": 12, "whole": 12, "trial": 8}.items()):
        shutil.copytree(stored_run, tmp_path / name)
        path = tmp_path / name / MANIFEST
        manifest = json.loads(path.read_text())
        manifest["users"]["measured"] = users
        path.write_text(json.dumps(manifest))
        os.utime(path, (made, made))
    assert [run.folder.name for run in stored_results.judged_runs()] == ["trial", "whole", "first"]
    shared, data = resources.model(models[0]), load_data(films)
    for pinned, name in ((None, "whole"), ("trial", "trial")):
        _, run = stored_results.verdict_on(shared, data, pinned)
        assert run.folder.name == name
    chosen = stored_results.first_verdicts()
    assert chosen is not None
    assert chosen.folder.name == "whole"
    page = opener("inspect.inspect_page")(user="u3")
    made = open_run(stored_run).manifest["created"]
    told = f"Judged on 12 of 12 users; report whole of {made}."
    assert captions(page).count(told) == 2


def test_models_without_a_verdict_are_judged_at_a_click(
    opener, films, models, monkeypatch, tmp_path
):
    monkeypatch.setattr(stored_results, "REPORTS", tmp_path)
    started = []
    monkeypatch.setattr(starting, "_start", lambda *given: started.append(given))
    page = opener("inspect.inspect_page")(user="u3")
    assert sum("No stored report of these data" in said for said in captions(page)) == 2
    label = "Judge SASRec and AC-SASRec on these data, 100 users"
    next(button for button in page.button if read(button.label) == label).click().run()
    ((source, asked, users, only),) = started
    assert (source, asked, users) == (str(films), [str(each) for each in models], starting.FEW)
    assert {"faithfulness", "seeds"} <= set(only)


def test_the_page_goes_to_what_a_verdict_is_about(opener, stored_run, monkeypatch):
    monkeypatch.setattr(stored_results, "REPORTS", stored_run.parent)
    told = {verdict.model: verdict for verdict in open_run(stored_run).verdicts()}["SASRec"]
    page = opener("inspect.inspect_page")(user="u3", view1="Layer 2, head 1", importances=[])
    button = next(b for b in page.button if b.label.startswith("See what the verdict is about"))
    button.click().run()
    assert page.selectbox(key="view1").value == of_reduction(told.reduction)
    assert told.method in page.multiselect(key="importances").value
    assert not page.exception


JUDGED = {
    "SASRec": Verdict("SASRec", "attention layer 2 head 1", NOT, "So.", (), "deletion"),
    "AC-SASRec": Verdict("AC-SASRec", "attention layer 1", NOT, "So.", (), "recency"),
}
RUN = StoredRun(
    Path("a run"), {"users": {"measured": 9, "of": 9}, "created": "now"}, Comparison({}, {})
)
PARTS = {name: of_reduction(verdict.reduction) for name, verdict in JUDGED.items()}


@pytest.fixture
def open_judged(opener, monkeypatch):
    """Open the page where a stored report judges some models, by name."""

    def open_page(judged, **address):
        def verdict_on(shared, *_):
            name = shared.model.config.name
            return (JUDGED[name], RUN) if name in judged else None

        for module in (answer, pins):
            monkeypatch.setattr(module, "verdict_on", verdict_on)
        return opener("inspect.inspect_page")(user="u3", **address)

    return open_page


def seen(page) -> tuple[str, list[str]]:
    """The part of attention of the first model, and the importances."""
    assert not page.exception
    return page.selectbox(key="view1").value, page.multiselect(key="importances").value


def test_a_judged_model_is_shown_as_its_verdict_speaks_of_it(open_judged):
    page = open_judged(["SASRec", "AC-SASRec"])
    assert seen(page) == (PARTS["SASRec"], ["replacement", "deletion", "recency"])
    assert page.selectbox(key="view2").value == PARTS["AC-SASRec"]
    assert not any(button.label.startswith("See what the verdict") for button in page.button)
    assert not {"view1", "view2", "importances"} & set(page.query_params)
    page = open_judged(["AC-SASRec"])
    assert seen(page) == (MEAN, ["replacement", "recency"])
    assert seen(open_judged([])) == (MEAN, ["replacement", "saliency"])


def test_what_the_address_names_is_shown_whatever_was_judged(open_judged):
    page = open_judged(["SASRec", "AC-SASRec"], view1=MEAN, importances=["random"])
    assert seen(page) == (MEAN, ["random"])
    assert page.query_params["view1"] == MEAN
    assert page.selectbox(key="view2").value == PARTS["AC-SASRec"]
    assert any(button.label.startswith("See what the verdict") for button in page.button)


def test_what_nobody_chose_follows_the_models_and_what_was_chosen_stays(open_judged, models):
    first, second = models
    page = open_judged(["SASRec", "AC-SASRec"], models=[first])
    assert seen(page) == (PARTS["SASRec"], ["replacement", "deletion"])
    page.multiselect(key="models").set_value([second]).run()
    assert seen(page) == (PARTS["AC-SASRec"], ["replacement", "recency"])
    page.multiselect(key="models").set_value([first, second]).run()
    assert seen(page) == (PARTS["SASRec"], ["replacement", "deletion", "recency"])

    page.selectbox(key="view1").set_value(MEAN).run()
    page.multiselect(key="models").set_value([second]).run()
    assert seen(page) == (MEAN, ["replacement", "recency"])
    page.multiselect(key="importances").set_value(["random"]).run()
    page.multiselect(key="models").set_value([first]).run()
    assert seen(page) == (MEAN, ["random"])
    page.multiselect(key="importances").set_value([]).run()
    page.multiselect(key="models").set_value([second]).run()
    assert seen(page) == (MEAN, [])


def test_a_shared_link_names_what_only_a_verdict_chose(open_judged):
    link = parse_qs(urlsplit(open_judged(["SASRec"]).code[0].value).query)
    assert link["view1"] == [PARTS["SASRec"]]
    assert link["view2"] == [MEAN]
    assert link["importances"] == ["replacement", "deletion"]
    there = {key: link[key] for key in ("view1", "view2", "importances")}
    page = open_judged([], **there)  # where no report is
    assert seen(page) == (PARTS["SASRec"], ["replacement", "deletion"])


@pytest.mark.parametrize(
    ("reduction", "named"),
    [
        ("attention", "Mean of layers and heads"),
        ("attention layer 2", "Layer 2, mean of heads"),
        ("attention layer 1 head 2", "Layer 1, head 2"),
    ],
)
def test_a_part_of_attention_is_found_in_the_box(reduction, named):
    assert of_reduction(reduction) == named
