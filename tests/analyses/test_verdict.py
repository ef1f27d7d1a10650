"""The verdict: its rule case by case, and on models whose reasons are known."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from analyses.conclusions import BESIDE, NOT, OPEN, SHOWN, Answer
from analyses.diagnostics import faithfulness
from analyses.questions import Question, agreed
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from analyses.telling.wording import percent
from analyses.verdict import Verdict, conclude, verdict, verdicts
from tests.analyses import pointer
from tests.analyses.pointer import Pointer, made
from workbench import WorkbenchError, adapt, build_model, load_model, save_model
from workbench.data import planted
from workbench.statistics import Interval, exact_share, mean_interval

OFTEN, SELDOM = Interval(0.9, 0.8, 0.95, 100), Interval(0.3, 0.2, 0.4, 100)
YES: dict[str, Answer] = dict.fromkeys(
    ("used", "history", "necessary", "pointing", "learned", "stable"), "yes"
)


@pytest.mark.parametrize(
    ("changed", "named", "conclusion"),
    [
        ({}, OFTEN, SHOWN),
        ({"used": "no"}, OFTEN, SHOWN),  # any attention may be right
        ({"history": "no"}, OFTEN, BESIDE),
        ({"history": "cannot tell"}, OFTEN, OPEN),  # of a broken model, which ranks nothing
        ({"necessary": "cannot tell", "stable": "cannot tell"}, OFTEN, SHOWN),
        ({}, SELDOM, BESIDE),
        ({"necessary": "no"}, OFTEN, BESIDE),
        ({"stable": "no"}, OFTEN, BESIDE),
        ({"pointing": "no"}, OFTEN, NOT),
        ({"learned": "no"}, OFTEN, NOT),
        ({"pointing": "no", "learned": "cannot tell"}, OFTEN, NOT),
        ({"pointing": "cannot tell"}, OFTEN, OPEN),
        ({"learned": "cannot tell"}, OFTEN, OPEN),
        ({"pointing": "cannot tell", "learned": "no"}, OFTEN, NOT),
    ],
)
def test_the_rule(changed, named, conclusion):
    assert conclude(YES | changed, named)[0] == conclusion


@pytest.mark.parametrize(
    ("low", "high", "others", "answer"),
    [
        (0.1, 0.3, [0.2], "yes"),
        (0.1, 0.3, [0.2, -0.2], "cannot tell"),
        (0.1, 0.3, [float("nan")], "yes"),  # too few users to contradict it
        (-0.1, 0.3, [0.2], "cannot tell"),
        (-0.1, 0.04, [0.2], "no"),
        (0.02, 0.04, [0.2], "no"),  # more than a control, and too little to matter
        (0.02, 0.04, [-0.2], "no"),  # which a contradiction does not make milder
        (float("nan"), float("nan"), [0.2], "cannot tell"),
    ],
)
def test_what_contradicts_an_answer_makes_it_no_milder(low, high, others, answer):
    further = [Interval(each, each - 0.1, each + 0.1, 60) for each in others]
    assert agreed(Interval((low + high) / 2, low, high, 3000), further) == answer


def test_a_share_that_too_few_users_stand_behind_shows_nothing():
    few = Interval(0.9, float("nan"), float("nan"), 5)
    assert conclude(YES, few)[0] == BESIDE


@pytest.fixture(scope="module")
def truth():
    return made(n_users=150)


def test_a_map_that_is_not_the_one_used_must_not_be_shown(truth):
    judged = verdict(Pointer(truth.effects, honest=False), truth.data)
    answers = {question.key: question.answer for question in judged.questions}
    assert answers["pointing"] == "no"
    assert judged.conclusion == NOT
    assert judged.instead in ("saliency", "replacement")  # which find the same item
    assert judged.gain is not None
    assert judged.gain.low > 0
    assert judged.control == "recency"
    assert judged.beyond is not None
    assert judged.beyond.low > 0
    assert f"Show {judged.instead} instead" in judged.to_do
    pointing = next(each for each in judged.questions if each.key == "pointing")
    named, control = (percent(each, 0) for each in (pointing.estimate, pointing.control))
    assert f"for {named} of {pointing.estimate.n} users, a control for {control}," in judged.found
    assert judged.found.endswith(f" with {named} and an item drawn at random with {control}.")


def test_a_share_of_two_parts_is_not_said_to_be_that_of_one(truth):
    """Of 40 users, those at even places choose the mean, the others a layer; one user both."""
    model = Pointer(truth.effects, honest=True)
    measured = measure_in_memory(faithfulness.DIAGNOSTIC, {"pointer": model}, truth.data, range(40))
    frame = measured.frame.astype({"importance": str})
    mean = frame[frame["importance"] == "attention"]
    even = mean["user"] % 2 == 0
    parts = [
        mean.assign(align=even.astype(float)),
        mean.assign(importance="attention layer 1", align=(~even | (mean["user"] == 0)) * 1.0),
    ]
    rows = Rows([pd.concat([*parts, frame[frame["importance"] != "attention"]])])
    (judged,) = verdicts({"faithfulness": Results(rows, measured.comparison)})
    assert judged.reduction == "attention layer 1"
    assert judged.part_share == exact_share([1] * 21 + [0] * 19)
    assert judged.pointing.estimate == exact_share([1] + [0] * 39)
    assert "for 2.5 [0.1, 13.2] % of 40 users, a control for " in judged.found
    assert "each half of them judged by the part of attention and the control" in judged.found
    assert "these are layer 1, mean of heads with 52 [36, 68] % and " in judged.found


@pytest.mark.parametrize(
    ("beyond", "shown"),
    [
        (Interval(0.5, 0.25, 0.75, 60), "saliency"),
        (Interval(0.5, 0.25, 0.6875, 60), "the latest items (recency)"),  # a twentieth is 0.7
        (Interval(0.5, -0.25, 1.25, 60), "the latest items (recency)"),
        (Interval(-0.5, -0.75, -0.25, 60), "the latest items (recency)"),
        (Interval(0.5, float("nan"), float("nan"), 3), "the latest items (recency)"),
    ],
)
def test_what_does_not_exceed_the_controls_is_not_to_be_shown_instead(beyond, shown):
    judged = Verdict(
        "a", "attention", NOT, "Why.", (), "saliency", "", OFTEN, "recency", beyond, lost=14.0
    )
    assert judged.to_show == shown
    assert judged.shown_instead.startswith(f"Show instead: {shown}")
    assert f"Show {shown} instead" in judged.to_do


BETTER, EVEN, NOBODY_HAS = (
    Interval(0.5, 0.25, 0.75, 60),
    Interval(0.0, -0.25, 0.25, 60),
    Interval(float("nan"), float("nan"), float("nan"), 0),
)


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (BETTER, "What does better still: saliency, by +0.500 [+0.250, +0.750] nats"),
        (EVEN, "Nothing else does detectably better: saliency, the best of it, by 0.000 [−0.250"),
        (Interval(-0.5, -0.75, -0.25, 60), "Nothing else does detectably better: saliency"),
        (NOBODY_HAS, "Whether saliency does better than attention could not be measured."),
    ],
)
def test_beside_attention_that_can_be_shown_nothing_is_to_be_shown_instead(gain, told):
    judged = Verdict("a", "attention", SHOWN, "Why.", (), "saliency", "", gain, "recency", BETTER)
    assert judged.shown_instead.startswith(told)
    assert judged.to_show == "attention (mean of layers and heads)"


@pytest.mark.parametrize("gain", [EVEN, NOBODY_HAS, mean_interval(np.zeros(60))])
def test_what_is_not_known_to_do_better_than_attention_is_not_said_to(gain):
    judged = Verdict("a", "attention", OPEN, "Why.", (), "saliency", "", gain, "recency", BETTER)
    assert "which does better than the latest items (recency) by +0.500" in judged.shown_instead
    not_seen = "It was not seen to do better than attention (0.000 ["
    assert (not_seen in judged.shown_instead) is (gain.n > 0)
    assert "best" not in judged.to_do


def test_the_number_is_said_to_be_of_what_each_half_chose():
    judged = Verdict("a", "attention", NOT, "Why.", (), "saliency", "", OFTEN, "recency", BETTER)
    assert judged.shown_instead.endswith(
        "n = 60 users; for each half of them, of what is best for the other half."
    )


@pytest.mark.parametrize(
    ("lost", "told"), [(14.0, "14.000"), (-0.5, "\N{MINUS SIGN}0.500"), (-0.0004, "0.000")]
)
def test_what_the_control_names_loses_is_told(lost, told):
    beyond = Interval(0.5, 0.25, 0.75, 60)
    judged = Verdict(
        "a", "attention", NOT, "Why.", (), "saliency", "", OFTEN, "recency", beyond, lost=lost
    )
    assert f"(by the control's it loses {told})" in judged.shown_instead


@pytest.mark.parametrize(("share", "told"), [(0.75, True), (0.25, False)])
def test_how_often_a_control_names_the_same_first_item_is_told(share, told):
    some, alike = Interval(0.5, 0.25, 0.75, 60), Interval(share, 0.125, 0.875, 60)
    judged = Verdict(
        "a", "attention", NOT, "Why.", (), "saliency", "", some, "recency", some, alike=alike
    )
    said = (
        "For 75 [12, 88] % of users the item that matters most is the last item of the history, "
        "and it names that first; it differs in what follows."
    )
    assert (said in judged.shown_instead) is told
    assert ("For most users what it names first is the last item" in judged.to_do) is told


def test_where_the_last_item_decides_no_map_could_have_been_seen_to_say_more(truth, monkeypatch):
    """Not even the attention that is used; where another item decides, nothing of it is said."""
    ceiling = "No importance could have been seen to name it more often than that control does."
    elsewhere = verdict(Pointer(truth.effects, honest=False), truth.data)
    monkeypatch.setattr(pointer, "LAG", 0)
    judged = verdict(Pointer(truth.effects, honest=True), truth.data)
    for each, known in ((elsewhere, False), (judged, True)):
        pointing = next(q for q in each.questions if q.key == "pointing")
        assert pointing.answer != "yes"
        assert (ceiling in pointing.sentence) is known
    assert judged.alike.estimate == 1
    assert judged.to_show == "the latest items (recency)"


@pytest.mark.parametrize("n", [1, 2])
def test_nothing_is_told_of_one_user_or_two(truth, n):
    """Of one, nobody is left who could choose the part of attention."""
    judged = verdict(Pointer(truth.effects, honest=True), truth.data, users=range(n))
    assert judged.conclusion == OPEN
    if n == 1:
        assert judged.found.endswith("could not be measured.")
        assert {q.sentence for q in judged.questions if q.key in ("pointing", "learned")} == {
            "It takes two users or more, of whom each half chooses for the other."
        }
        assert judged.shown_instead.endswith("does better could not be measured.")


def test_of_few_users_sentences_go_on_as_sentences():
    data = planted("content", n_users=8, n_items=20, length=8, n_causes=4).data
    small = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 8}
    model = build_model("SASRec", data, **small).eval()
    judged = {question.key: question.sentence for question in verdict(model, data).questions}
    assert judged["necessary"].startswith(
        "How much further scores move without the largest weight than without as much elsewhere, "
        "or less far where below 0: too few users to tell (8 of 8 changed); the latter moves them "
    )
    measured = measure_in_memory(faithfulness.DIAGNOSTIC, {"SASRec": model}, data)
    kept = next(s for s in faithfulness.DIAGNOSTIC.findings(measured) if "item kept and not" in s)
    assert re.search(
        r"\(by replacement: (too few|nothing) .*; by masking: (too few|nothing) ", kept
    )


def test_what_was_not_measured_is_not_said_to_be_absent(truth):
    model = Pointer(truth.effects, honest=True)
    only = measure_in_memory(faithfulness.DIAGNOSTIC, {"pointer": model}, truth.data, None, 0)
    (judged,) = verdicts({"faithfulness": only})
    said = {question.key: question.sentence for question in judged.questions}
    for key in ("used", "history", "necessary", "stable"):
        assert said[key] == "It was not measured."


def test_a_map_that_is_used_points(truth):
    """It has no weights to shuffle but its embeddings, so what it learned is in those alone."""
    judged = verdict(Pointer(truth.effects, honest=True), truth.data)
    answers = {question.key: question.answer for question in judged.questions}
    assert answers["pointing"] == "yes"
    assert judged.reduction == "attention"
    assert [question.key for question in judged.questions] == [*YES]
    assert all(question.sentence for question in judged.questions)


def test_where_attention_lies_on_one_item_there_is_no_control_of_its_largest_weight(truth):
    judged = verdict(Pointer(truth.effects, honest=True), truth.data)
    necessary = next(each for each in judged.questions if each.key == "necessary")
    assert (necessary.answer, necessary.numbers) == ("cannot tell", ())
    assert necessary.sentence.startswith("There is no control to compare with:")


def test_two_models_of_one_name_are_told(truth):
    """One would be measured in the place of the other."""
    model, other = (Pointer(truth.effects, honest=honest) for honest in (True, False))
    name = model.config.name
    for others in ({"beside": {name: other}}, {"siblings": {name: other}}):
        with pytest.raises(WorkbenchError, match=f"two models are called {name}"):
            verdict(model, truth.data, **others)


def test_a_model_is_no_other_training_of_itself(truth, tmp_path):
    model = build_model("SASRec", truth.data, hidden_size=8, max_length=6)
    save_model(model, tmp_path / "mine")
    for same in (model, load_model(tmp_path / "mine")):
        with pytest.raises(WorkbenchError, match="seed 1 is SASRec itself, or has its weights"):
            verdict(model, truth.data, siblings={"seed 1": same})


def test_what_cannot_be_judged_is_told(truth):
    model, data = Pointer(truth.effects, honest=True), truth.data
    for told, given, options in (
        ("a Linear was given in the place of what", (torch.nn.Linear(2, 2), data), {}),
        ("'m/sas' is a name or a path", ("m/sas", data), {}),
        ("a SequenceData was given in the place of", (data, model), {}),
        ("beside are a dict of models by name, and no list", (model, data), {"beside": [model]}),
        ("siblings are a dict of models by name", (model, data), {"siblings": [model]}),
        ("seed -1; give a whole number", (model, data), {"seed": -1}),
    ):
        with pytest.raises(WorkbenchError, match=told):
            verdict(*given, **options)
    verdict(model, data, seed=np.int64(3))


@pytest.mark.parametrize(
    ("users", "told"),
    [([], "no user is given"), ([10_000], "no user with the index"), (["u1"], "whole numbers")],
)
def test_users_who_are_none_are_told(truth, users, told):
    with pytest.raises(WorkbenchError, match=told):
        verdict(Pointer(truth.effects, honest=True), truth.data, users=users)


def test_histories_of_one_item_give_no_verdict(truth):
    model = build_model("SASRec", truth.data, hidden_size=8, max_length=1).eval()
    with pytest.raises(WorkbenchError, match="SASRec has no verdict: none of these users has a hi"):
        verdict(model, truth.data)


def test_a_model_without_attention_has_no_verdict(truth):
    model = adapt(lambda batch: batch.items.new_ones(len(batch.items), 21).float(),
                  n_items=20, max_length=10)  # fmt: skip
    with pytest.raises(WorkbenchError, match="has no attention"):
        verdict(model, truth.data)


def test_a_difference_shows_its_sign_and_what_it_is_a_difference_to():
    level, control = Interval(0.396, 0.38, 0.41, 128), Interval(0.308, 0.3, 0.316, 128)
    more = Interval(0.088, 0.07, 0.1, 128)
    asked = Question("necessary", "yes", "It does.", more, control)
    assert asked.numbers == (
        "+0.088 [+0.070, +0.100]",
        "against 0.308 [0.300, 0.316]",
        "n = 128 users",
    )
    asked = Question("pointing", "yes", "It does.", level, control)
    assert asked.numbers[:2] == ("0.396 [0.380, 0.410]", "control 0.308 [0.300, 0.316]")
    assert Question("stable", "cannot tell", "It was not measured.").numbers == ()


def test_uniform_attention_is_not_needed_and_is_not_said_to_be_trained_once():
    data = planted("content", n_users=24, n_items=20, length=8, n_causes=4).data
    small = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 8}
    model, again = (build_model("SASRec-uniform", data, **small).eval() for _ in range(2))
    stable = [
        verdict(model, data, siblings=siblings).questions[-1] for siblings in ({}, {"again": again})
    ]
    assert {question.answer for question in stable} == {"cannot tell"}
    assert stable[0].sentence == "No other training of it was given."
    assert stable[1].sentence == "It has no most attended item."
    used = verdict(model, data).questions[0]
    assert (used.key, used.answer) == ("used", "no")
    assert used.sentence == (
        "NDCG@10 changed for none of 24 users against itself with its attention made uniform at "
        "inference, which it was before (n = 24 users)."
    )
