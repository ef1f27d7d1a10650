"""Numbers of single users, piece by piece, against the pivot of the whole table."""

import numpy as np
import pandas as pd

from analyses.running.results import Rows
from workbench.app.dataset.per_user import Order, in_order, kept, per_user


def whole() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        [
            {"model": model, "user": user, "length": 5 + user, "layer": layer}
            for model in ("b", "a")
            for layer in ("all", "1")
            for user in range(9)
        ]
    )
    frame["tau"], frame["hit"] = generator.random(len(frame)), generator.random(len(frame)) > 0.5
    frame.loc[(frame["model"] == "a") & (frame["user"] == 4), "tau"] = np.nan
    return frame.drop(frame.index[(frame["model"] == "b") & (frame["user"] == 6)])


def pieces() -> Rows:
    frame = whole()
    parts = [frame["user"] < 4, frame["user"] >= 4]
    return Rows([frame[part & (frame["model"] == name)] for name in ("b", "a") for part in parts])


def test_what_is_kept_is_told_in_order_of_appearance():
    assert kept(pieces()) == (["tau", "hit"], ["b", "a"], {"layer": ["all", "1"]})


def test_users_are_in_rows_and_measures_of_models_in_columns():
    users = np.array([1, 4, 6, 8])
    table = per_user(pieces(), users, {"layer": "1"})
    frame = whole().query("layer == '1' and user in @users").astype({"hit": float})
    expected = frame.pivot(index="user", columns="model", values=["tau", "hit"])
    assert list(table) == ["user", "tau · b", "tau · a", "hit · b", "hit · a"]
    assert table["user"].tolist() == users.tolist()
    for measure, model in expected:
        np.testing.assert_array_equal(table[f"{measure} · {model}"], expected[measure, model])


def test_nobody_is_an_empty_table():
    assert per_user(pieces(), np.array([99]), {}).empty


def test_all_users_are_sorted_by_one_measure_those_without_it_last():
    users, condition = np.arange(9), {"layer": "all"}
    tau = whole().query("model == 'a' and layer == 'all'").set_index("user")["tau"]
    for highest in (True, False):
        found = in_order(pieces(), users, condition, Order("tau", "a", highest))
        expected = tau.sort_values(ascending=not highest, kind="stable", na_position="last")
        assert found.tolist() == expected.index.tolist()
    alone = in_order(pieces(), users, condition, Order("tau", "b"))
    assert alone[-1] == 6
