"""The rule on tables of users that are made up, in which the answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.claims.answers import NO_GAIN, ONCE, answered, undone
from analyses.claims.claims_page import nearly
from analyses.claims.paper_claims import LARGE, Claim, Contrast
from analyses.claims.rule import (
    FAILS,
    HOLDS,
    OPEN,
    UNMEASURED,
    Decided,
    Lines,
    decide,
    effect_of,
    in_general,
)
from analyses.claims.study import DEFAULTS, PAPER, TUNED, Planned
from workbench.statistics import Part, SeedSpread, seed_spread
from workbench.training.variants import Variant
from workbench.writing import MINUS

N = 4000
AC, PLAIN = "AC-SASRec", "SASRec"


def planted_users(effects, *, trainings=3, seeds=0.0003, measure="ndcg kept", level=0.04, rng=0):
    """A table of users: each model's mean is the level and its effect, and a luck of training."""
    generator = np.random.default_rng(rng)
    user = generator.normal(0, 0.05, N)
    frames = []
    for model, effect in effects.items():
        counts = trainings if isinstance(trainings, int) else trainings[model]
        for seed in range(counts):
            luck = generator.normal(0, seeds)
            values = level + effect + luck + user + generator.normal(0, 0.01, N)
            rows = {"model": model, "seed": seed, "user": np.arange(N), measure: values}
            frames.append(pd.DataFrame({"ndcg kept": level} | rows))
    return pd.concat(frames, ignore_index=True)


def claim(*contrasts):
    return Claim("a claim", "a test", contrasts)


def answer(users, contrast, planned=(AC, PLAIN)):
    trainings = [Planned("made", Variant(name)) for name in planned]
    (cell,) = answered(trainings, {"made": users}, {}, [claim(contrast)])
    return cell


@pytest.mark.parametrize(
    ("effect", "expected"),
    [(0.004, HOLDS), (0.0, FAILS), (-0.004, FAILS), (0.0015, HOLDS)],
)
def test_more_holds_above_0_and_fails_where_it_is_too_little_to_matter(effect, expected):
    users = planted_users({PLAIN: 0.0, AC: effect})  # a twentieth of the level is 0.002
    assert answer(users, Contrast("ndcg kept", AC, PLAIN)).answer == expected


def test_seeds_that_scatter_more_than_models_differ_leave_it_open():
    users = planted_users({PLAIN: 0.0, AC: 0.004}, seeds=0.01)
    assert answer(users, Contrast("ndcg kept", AC, PLAIN)).answer == OPEN


@pytest.mark.parametrize("effect", [0.001, -0.006])
def test_a_loss_is_none_below_a_twentieth(effect):
    users = planted_users({PLAIN: effect}, trainings=4, measure="removal", level=0.0)
    users["ndcg kept"] = 0.04
    cell = answer(users, Contrast("removal", PLAIN, kind="not less"))
    assert cell.answer == (HOLDS if effect > -0.002 else FAILS)
    assert cell.found.trainings == (4, 0)


def test_trainings_that_happen_to_be_alike_decide_nothing():
    """Two of them say next to nothing of how much a third would differ."""
    users = planted_users({PLAIN: 0.0, AC: 0.01}, trainings={PLAIN: 2, AC: 1}, seeds=0.0)
    cell = answer(users, Contrast("ndcg kept", AC, PLAIN))
    assert (cell.answer, cell.note, cell.found.over_seeds) == (OPEN, ONCE, False)
    users = planted_users({PLAIN: 0.0, AC: 0.01}, trainings={PLAIN: 2, AC: 3}, seeds=0.0)
    assert answer(users, Contrast("ndcg kept", AC, PLAIN)).answer == HOLDS


@pytest.mark.parametrize(
    ("effect", "expected"), [(LARGE + 0.03, HOLDS), (LARGE, OPEN), (0.03, FAILS)]
)
def test_a_large_margin_has_a_size(effect, expected):
    users = planted_users({PLAIN: 0.0, AC: effect}, seeds=0.003, measure="tau")
    assert answer(users, Contrast("tau", AC, PLAIN, "large")).answer == expected


def test_of_one_training_each_nothing_is_told():
    users = planted_users({PLAIN: 0.0, AC: 0.02}, trainings=1)
    cell = answer(users, Contrast("ndcg kept", AC, PLAIN))
    assert (cell.answer, cell.note) == (OPEN, ONCE)
    assert cell.interval.low > 0  # by users alone it would have been claimed


def test_a_single_training_has_the_spread_of_the_others():
    counts = {PLAIN: 3, AC: 3, "AC-SASRec-light": 1}
    effects = {PLAIN: 0.0, AC: 0.02, "AC-SASRec-light": 0.0}
    users = planted_users(effects, trainings=counts)
    contrast = Contrast("ndcg kept", AC, "AC-SASRec-light")
    cell = answer(users, contrast, (AC, PLAIN, "AC-SASRec-light"))
    assert cell.answer == HOLDS
    assert cell.found.over_seeds


def test_models_by_another_recipe_have_another_spread():
    """Trainings by defaults that scatter much say nothing against those by the tuned recipe."""
    wild = [f"{name} by {DEFAULTS}" for name in (PLAIN, AC)]
    tuned = planted_users({PLAIN: 0.0, AC: 0.004})
    users = pd.concat([tuned, planted_users(dict.fromkeys(wild, 0.0), seeds=0.02, rng=1)])
    planned = [
        Planned("made", Variant(n), recipe=r) for r in (TUNED, DEFAULTS) for n in (PLAIN, AC)
    ]
    contrasts = [Contrast("ndcg kept", *pair) for pair in ((AC, PLAIN), (AC, wild[0]))]
    alike, mixed = answered(planned, {"made": users}, {}, [claim(*contrasts)])
    (alone,) = answered(planned, {"made": tuned}, {}, [claim(contrasts[0])])
    assert alike.interval == alone.interval
    assert mixed.interval.standard_error > 10 * alike.interval.standard_error


def test_most_of_a_gain_takes_every_training_by_its_part():
    """Of 1, 2 and 4 trainings, s^2 (1 + 1/4/2 + 1/4/4) is what seeds add."""
    light, counts = "AC-SASRec-light", {"AC-SASRec-light": 1, AC: 2, PLAIN: 4}
    users = planted_users({PLAIN: 0.0, AC: 0.01, light: 0.009}, trainings=counts, seeds=0.003)
    contrast = Contrast("ndcg kept", light, PLAIN, "most", whole=AC)
    planned = [Planned("made", Variant(name)) for name in (AC, PLAIN, light)]
    cell, _ = answered(planned, {"made": users}, {}, [claim(contrast)])  # the other is of speed
    means = {m: u.groupby("seed")["ndcg kept"].mean() for m, u in users.groupby("model")}
    variance = sum(((m - m.mean()) ** 2).sum() for m in means.values()) / (0 + 1 + 3)
    of_user = users.groupby(["model", "user"])["ndcg kept"].mean().unstack(0)
    effect = of_user[light] - (of_user[AC] + of_user[PLAIN]) / 2
    error = np.sqrt(effect.var(ddof=1) / N + variance * (1 + 1 / 8 + 1 / 16))
    assert cell.interval.estimate == pytest.approx(effect.mean())
    assert cell.interval.standard_error == pytest.approx(error)
    assert cell.found.trainings == (1, 2)


def test_what_is_planned_and_not_there_is_not_measured():
    users = planted_users({PLAIN: 0.0})
    assert answer(users, Contrast("ndcg kept", AC, PLAIN)).answer == UNMEASURED
    not_planned = answered(
        [Planned("made", Variant(PLAIN))], {"made": users}, {}, [claim(Contrast("tau", AC, PLAIN))]
    )
    assert not_planned == []


def test_no_part_can_be_kept_of_a_gain_that_was_not_shown():
    light = "AC-SASRec-light"
    planned = [Planned("made", Variant(name)) for name in (PLAIN, AC, light)]
    for gain, kept, expected in ((0.01, 0.009, HOLDS), (0.01, 0.001, FAILS), (0.0, 0.0, OPEN)):
        users = planted_users({PLAIN: 0.0, AC: gain, light: kept})
        for measure in ("removal", "names", "tau", "valid ndcg"):
            users[measure] = np.nan
        cells = answered(planned, {"made": users}, {})
        (cell,) = (c for c in cells if c.contrast is not None and c.contrast.kind == "most")
        assert cell.answer == expected
        assert (cell.note == NO_GAIN) == (gain == 0)


def test_speed_is_in_that_of_the_backbone():
    light = "AC-SASRec-light"
    planned = [Planned("made", Variant(name)) for name in (PLAIN, AC, light)]
    rng = np.random.default_rng(0)
    for ratio, expected in ((1.05, HOLDS), (1.4, FAILS)):
        noise = rng.normal(1, 0.02, (20, 2))
        times = pd.DataFrame({PLAIN: noise[:, 0], light: ratio * noise[:, 1]})
        cells = answered(planned, {}, {"made": times})
        (cell,) = (c for c in cells if c.contrast is None)
        assert cell.answer == expected
        assert cell.interval.estimate == pytest.approx(1 / ratio, rel=0.03)


def test_in_general_one_exception_refutes_and_all_must_hold():
    assert in_general([HOLDS, HOLDS]) == HOLDS
    assert in_general([HOLDS, OPEN]) == OPEN
    assert in_general([HOLDS, FAILS, UNMEASURED]) == FAILS
    assert in_general([HOLDS, UNMEASURED]) == OPEN
    assert in_general([UNMEASURED, UNMEASURED]) == UNMEASURED
    assert in_general([]) == UNMEASURED


def test_p_values_by_hand():
    """One training of 3 users is too few; the shift to a line is that of the mean."""
    rng = np.random.default_rng(1)
    values, others = rng.normal(0.1, 1, (3, 50)), rng.normal(0, 1, (3, 50))
    spread = SeedSpread(0.01, 4)
    less = Part(-1.0, others, spread)
    found = effect_of([Part(1.0, values, spread), less], Lines(0.0, 0.3))
    shifted = effect_of([Part(1.0, values - 0.3, spread), less], Lines(0.0, 0.0))
    assert found.lower == pytest.approx(shifted.upper)
    assert found.interval.estimate == pytest.approx(values.mean() - others.mean())


def test_a_claim_is_seldom_answered_wrong():
    """Twenty cells whose effect lies on their line: any answer would be false."""
    rng = np.random.default_rng(2)
    lines, wrong = Lines.at(0.1), 0
    for _ in range(200):
        models = []
        for effect in (0.1,) * 5 + (0.0,) * 4:
            luck = rng.normal(0, 0.05, (3, 1))
            models.append(effect + luck + rng.normal(0, 0.1, (3, 100)))
        spread = seed_spread(models)
        pairs = [(a, b) for a in models[:5] for b in models[5:]]
        cells = [
            (effect_of([Part(1.0, a, spread), Part(-1.0, b, spread)], lines), lines)
            for a, b in pairs
        ]
        wrong += any(each.answer != OPEN for each in decide(cells))
    assert wrong <= 0.08 * 200


def test_what_is_planned_counts_before_it_is_measured():
    """So a cell is decided as it will be, whatever the others turn out to say."""
    lines = Lines.more(0.3)
    rng = np.random.default_rng(3)
    found = effect_of([Part(1.0, rng.normal(0.5, 1, (3, 50)), SeedSpread(1e-4, 4))], lines)
    tests = [found.upper, found.lower, *[1.0] * 5]  # two cells with two lines, one with one
    (first, *rest) = decide(
        [(found, lines), (None, lines), (None, lines), (None, Lines.at(np.nan))]
    )
    assert first.upper == pytest.approx(by_holm(tests)[0])
    assert first.upper > decide([(found, lines)])[0].upper
    assert {each.answer for each in rest} == {UNMEASURED}


def by_holm(p_values):
    """Holm's adjusted p values, written anew from its definition."""
    order = np.argsort(p_values)
    steps = [min(1, (len(order) - k) * p_values[i]) for k, i in enumerate(order)]
    return {i: max(steps[: k + 1]) for k, i in enumerate(order)}


def test_an_effect_above_0_holds_even_where_it_is_small():
    lines = Lines.more(0.3)
    found = effect_of([Part(1.0, np.random.default_rng(4).normal(0.1, 0.1, (3, 500)))], lines)
    found = replace(found, upper=1e-9, lower=1e-9)
    assert decide([(found, lines)])[0].answer == HOLDS


def test_each_model_is_taken_by_the_recipe_that_validates_better():
    """Not by the one that tests better; and of the recipes that are planned on the data set."""
    tested = {PLAIN: 0.004, f"{PLAIN} by defaults": 0.0, AC: 0.0, f"{AC} by defaults": 0.004}
    users = planted_users(tested)
    valid = {PLAIN: 0.06, f"{PLAIN} by defaults": 0.05, AC: 0.06, f"{AC} by defaults": 0.05}
    users["valid ndcg"] = users["model"].map(valid)
    trainings = [
        Planned("made", Variant(n), 0, how) for n in (PLAIN, AC) for how in (TUNED, DEFAULTS)
    ]
    asked = claim(Contrast("ndcg kept", AC, PLAIN, own_recipe=True))
    (cell,) = answered(trainings, {"made": users}, {}, [asked])
    assert cell.name == f"{AC} {MINUS} {PLAIN}, each by its better recipe"
    assert cell.interval.estimate == pytest.approx(-0.004, abs=0.001)
    users["valid ndcg"] = 0.1 - users["valid ndcg"]
    (cell,) = answered(trainings, {"made": users}, {}, [asked])
    assert cell.name.startswith(f"{AC} by defaults {MINUS} {PLAIN} by defaults")
    assert cell.interval.estimate == pytest.approx(0.004, abs=0.001)
    only_one = users[users["model"] != f"{AC} by defaults"]
    (cell,) = answered(trainings, {"made": only_one}, {}, [asked])
    assert cell.answer == UNMEASURED
    once = users[users["model"] == AC].assign(model=f"{AC} by the paper", **{"valid ndcg": 1.0})
    third = [*trainings, Planned("made", Variant(AC), 0, PAPER)]
    (cell,) = answered(third, {"made": pd.concat([users, once])}, {}, [asked])
    assert "by the paper" not in cell.name


def test_fewer_answers_stand_where_all_claims_are_decided_together():
    users = planted_users({PLAIN: 0.0, AC: 0.004})
    trainings = [Planned("made", Variant(name)) for name in (PLAIN, AC)]
    contrast = Contrast("ndcg kept", AC, PLAIN)
    cells = answered(trainings, {"made": users}, {}, [claim(contrast)])
    assert (cells[0].answer, undone(cells)) == (HOLDS, [])
    unmeasured = replace(cells[0], found=None, decided=Decided(UNMEASURED))
    many = [*cells, *[unmeasured] * int(0.05 / cells[0].decided.upper)]
    assert undone(many) == cells


def test_an_effect_beyond_a_line_that_many_tests_leave_open_has_its_p_values():
    users = planted_users({PLAIN: 0.0, AC: 0.004})
    trainings = [Planned("made", Variant(name)) for name in (PLAIN, AC)]
    contrast = Contrast("ndcg kept", AC, PLAIN)
    (cell,) = answered(trainings, {"made": users}, {}, [claim(contrast)])
    left = replace(cell, decided=Decided(OPEN, 0.25, 1.0))
    assert nearly(left, replace(cell.found, upper=0.005)) == " (p 0.005, 0.25 corrected)"
    assert nearly(left, replace(cell.found, upper=0.125)) == ""
    below = replace(cell.found, interval=replace(cell.found.interval, estimate=-0.5), lower=0.02)
    left = replace(cell, decided=Decided(OPEN, 1.0, 0.5))
    assert nearly(left, below) == " (p 0.02, 0.5 corrected)"
