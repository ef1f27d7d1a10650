"""The planted truth is judged by an oracle written anew from the rules' definitions."""

import numpy as np
import pytest

from workbench.data.planted import planted
from workbench.errors import WorkbenchError

RULES = ("content", "distance", "content-and-distance", "conjunction")


def sources(made, history):
    """Positions of the cause (or of both causes) in a history, or None: the rules, read aloud."""
    n, lag = made.settings.n_causes, made.settings.lag
    if made.settings.rule == "content":
        found = [i for i, item in enumerate(history) if item <= n]
        return (found[-1],) if found else None
    if made.settings.rule == "conjunction":
        first = [i for i, item in enumerate(history) if item <= n // 2]
        second = [i for i, item in enumerate(history) if n // 2 < item <= n]
        return (first[-1], second[-1]) if first and second else None
    if len(history) < lag:
        return None
    if made.settings.rule == "distance" or history[-lag] <= n:
        return (len(history) - lag,)
    return None


def likeliest(made, history, k):
    """The k likeliest next items, from the mixture spelt out item by item."""
    setting = made.settings
    found = sources(made, history)
    effect = None if found is None else made.effects[tuple(history[i] for i in found)]
    popularity = setting.popularity()
    chances = {}
    for item in range(1, setting.n_items + 1):
        if item > setting.n_items - setting.n_noise:
            chance = setting.noise / setting.n_noise
        elif effect is None:
            chance = (1 - setting.noise) * popularity[item]
        else:
            chance = (1 - setting.noise) * (1 - setting.signal) * popularity[item]
        if item == effect:
            chance += (1 - setting.noise) * setting.signal
        chances[item] = chance
    assert sum(chances.values()) == pytest.approx(1)
    return sorted(chances, key=chances.get, reverse=True)[:k]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("signal", "noise", "lag", "k"), [(0.8, 0.5, 4, 1), (0.8, 0.5, 4, 10), (0.3, 0.2, 1, 3)]
)
def test_oracle_reaches_the_closed_form(rule, signal, noise, lag, k):
    made = planted(
        rule,
        **{"n_users": 3000, "length": 12, "shortest": 6, "n_items": 60, "seed": 1},
        **{"signal": signal, "noise": noise, "lag": lag},
    )
    hits = []
    for user in range(made.data.n_users):
        *history, target = made.data.history(user).tolist()
        hits.append(target in likeliest(made, history, k))
    assert made.bayes_hits(k).tolist() == hits
    expected = made.bayes_hit_rate(k)
    assert abs(np.mean(hits) - expected) < 4 * np.sqrt(expected * (1 - expected) / len(hits))


@pytest.mark.parametrize("rule", RULES)
def test_recorded_causes_are_those_the_rule_names(rule):
    made = planted(rule, n_users=200, length=20, seed=2)
    rows = 0
    for user in range(made.data.n_users):
        history = made.data.history(user).tolist()
        for position in range(len(history)):
            row = made.data.offsets[user] + position
            recorded = (made.data.truth.causes[row], made.data.truth.second_causes[row])
            if recorded[0] < 0:
                assert recorded == (-1, -1)
                continue
            found = sources(made, history[:position])
            assert recorded == (found if len(found) == 2 else (*found, -1))
            assert history[position] == made.effects[tuple(history[i] for i in found)]
            rows += 1
    assert rows > 100


def test_signal_and_noise_are_the_shares_asked_for():
    made = planted("distance", n_users=2000, signal=0.7, noise=0.4, lag=2, seed=3)
    positions = np.concatenate([np.arange(n) for n in made.data.lengths])
    by_rule = (made.data.truth.causes[positions >= 2] >= 0).mean()
    assert by_rule == pytest.approx(0.7 * 0.6, abs=0.01)
    silent = planted("content", signal=0.0)
    assert (silent.data.truth.causes == -1).all()
    everything_noise = planted("content", noise=1.0)
    noise = everything_noise.settings.n_items - everything_noise.settings.n_noise
    assert (everything_noise.data.items > noise).all()


def test_bayes_rate_grows_with_k_and_ends_at_one():
    made = planted("conjunction", n_users=10, n_items=40)
    rates = [made.bayes_hit_rate(k) for k in range(1, 41)]
    assert (np.diff(rates) >= -1e-12).all()
    assert rates[-1] == pytest.approx(1)


def test_neither_cause_of_a_conjunction_tells_the_effect_alone():
    made = planted("conjunction", n_users=1, n_causes=20)
    table = made.effects[1:11, 11:21]
    assert (table > 0).all()
    assert all(len(set(line)) > 3 for line in (*table, *table.T))


def test_same_seed_same_data_other_seed_other_data():
    first, again, other = (planted(seed=seed).data.checksum for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "magic"},
        {"signal": 1.5},
        {"noise": -0.1},
        {"lag": 30},
        {"n_causes": 150},
        {"colour": 1},
    ],
)
def test_impossible_settings_are_told(wrong):
    with pytest.raises(WorkbenchError):
        planted(**wrong)


@pytest.mark.parametrize(("k", "position"), [(0, None), (1, 30), (1, -1)])
def test_no_rate_of_what_is_not_there(k, position):
    with pytest.raises(WorkbenchError):
        planted(n_users=1).bayes_hit_rate(k, position)


def test_no_list_is_shorter_than_one():
    with pytest.raises(WorkbenchError, match="Hit@0"):
        planted(n_users=1).bayes_hits(0)


def test_bayes_rate_of_a_hand_computed_case():
    """Before any cause is possible: the top of popularity, half cause share over 4 causes."""
    made = planted("content", n_users=1, n_items=8, n_causes=4, noise=0.2, cause_share=0.4)
    # items 5 and 6 share .6 as 2 : 1, so that item 5 has .8 * .4; causes .8 * .1 each
    assert made.bayes_hit_rate(1, position=0) == pytest.approx(0.8 * 0.4)
    # one item before: it is a cause with .8 * .4, whose effect then has .8 * (.8 + .2 * .1)
    speaks = 0.8 * 0.4
    expected = speaks * 0.8 * (0.8 + 0.2 * 0.1) + (1 - speaks) * 0.8 * 0.4
    assert made.bayes_hit_rate(1, position=1) == pytest.approx(expected)
