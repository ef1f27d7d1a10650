"""What is kept beside the page: which rows stand, and files that are damaged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.claims.answers import answered, table
from analyses.claims.paper_claims import Claim, Contrast
from analyses.claims.record import (
    CELLS,
    FREEDOM,
    SPREAD,
    SPREADS,
    TRAININGS,
    Done,
    Record,
    keep_users,
    read_record,
)
from analyses.claims.seed_spreads import COLUMNS, spread_table
from analyses.claims.study import TUNED, Planned
from analyses.claims.user_table import with_metrics
from tests.analyses.claims.test_rule import planted_users
from tests.workbench.tiny import data_of
from workbench import WorkbenchError
from workbench.training.variants import Variant
from workbench.writing import MINUS

AC, PLAIN = "AC-SASRec", "SASRec"
DATA = replace(data_of([1, 2, 3], [2, 3, 1]), name="made")
PLANNED = [Planned("made", Variant(name), seed) for name in (PLAIN, AC) for seed in range(3)]
GAIN = Contrast("ndcg kept", AC, PLAIN)
BETTER = Claim("a claim", "a test", [GAIN])


def done(each, **changed):
    return replace(Done.of(each, DATA, "cpu", 30), **changed)


def users_of(each, n=5):
    rng = np.random.default_rng(each.seed)
    ranks = {name: rng.integers(1, 40, n) for name in ("rank kept", "rank removed")}
    values = {"largest": rng.random(n), "tau": [0.25, *[np.nan] * (n - 1)], "valid ndcg": 0.1}
    rows = {"model": each.label, "seed": each.seed, "user": np.arange(n)}
    return with_metrics(pd.DataFrame(rows | ranks | values))


def published(effect):
    """What is kept of three trainings of each model, with this effect."""
    users = planted_users({PLAIN: 0.0, AC: effect})
    return Record(tables={CELLS: as_read(answered(PLANNED, {"made": users}, {}, [BETTER]))})


def as_read(cells):
    return table(cells).astype({"seeds in interval": str})


def decided(users, record, claim=BETTER, planned=PLANNED):
    (cell,) = answered(planned, users, {}, [claim], record)
    return cell


def test_a_spread_stands_until_as_many_trainings_tell_it():
    """So those of which only rows are left still say how far one training may be off."""
    kept = pd.DataFrame([("made", TUNED, "ndcg kept", 0.002, 4)], columns=COLUMNS)
    record = Record(tables={SPREADS: kept})
    found = {n: planted_users({PLAIN: 0.0, AC: 0.0}, trainings={PLAIN: n, AC: 1}) for n in (3, 5)}
    few, many = (spread_table(PLANNED, {"made": found[n]}, record) for n in (3, 5))
    stands, replaced = (t.set_index("measure").loc["ndcg kept"] for t in (few, many))
    assert (stands[SPREAD], stands[FREEDOM]) == (0.002, 4)
    means = found[5][found[5]["model"] == PLAIN].groupby("seed")["ndcg kept"].mean()
    assert (replaced[SPREAD], replaced[FREEDOM]) == (pytest.approx(means.std()), 4)
    (cell,) = answered(PLANNED, {"made": found[3]}, {}, [BETTER], record)
    difference = found[3].groupby(["model", "user"])["ndcg kept"].mean().unstack(0)
    of_users = (difference[AC] - difference[PLAIN]).var(ddof=1) / len(difference)
    assert cell.interval.standard_error**2 == pytest.approx(of_users + 0.002**2 * (1 + 1 / 3))


def test_what_was_measured_of_users_comes_back(tmp_path):
    for each in PLANNED:
        keep_users(tmp_path, done(each), users_of(each))
    record = read_record(tmp_path, PLANNED, {"made": DATA}, 30)
    assert set(record.users) == {done(each) for each in PLANNED}
    assert all(record.measured(each) for each in PLANNED)
    assert not record.measured(Planned("made", Variant(AC), 3))
    everybody = record.with_users("made", None)
    for each in PLANNED:
        whole = users_of(each)
        kept = everybody[(everybody["model"] == each.label) & (everybody["seed"] == each.seed)]
        kept = kept.reset_index(drop=True)
        for column in ("ndcg kept", "ndcg removed", "hit kept", "hit removed", "tau"):
            np.testing.assert_array_equal(kept[column], whole[column])
        np.testing.assert_allclose(kept["largest"], whole["largest"], atol=6e-4)
    again = users_of(PLANNED[0]).assign(**{"ndcg kept": 9.0})  # measured anew, it is not kept
    both = record.with_users("made", again)
    assert len(both) == len(everybody)
    assert set(both[(both["model"] == PLAIN) & (both["seed"] == 0)]["ndcg kept"]) == {9.0}


def test_a_published_comparison_stands_until_as_much_is_measured():
    fresh = {
        name: planted_users({PLAIN: 0, AC: -0.01}, trainings=n)
        for name, n in (
            ("fewer", {PLAIN: 3, AC: 2}),
            ("as many", 3),
        )
    }
    record = published(0.01)
    assert decided({}, record).kept
    assert decided({}, record).interval.estimate == pytest.approx(0.01, abs=1e-3)
    assert decided({"made": fresh["fewer"]}, record).kept
    now = decided({"made": fresh["as many"]}, record)
    assert not now.kept
    assert now.interval.estimate == pytest.approx(-0.01, abs=1e-3)
    # more of one model does not make up for less of the other
    uneven = planted_users({PLAIN: 0, AC: -0.01}, trainings={PLAIN: 1, AC: 9})
    assert decided({"made": uneven}, record).kept
    # nor do two trainings, of which nothing can be told, for two beside others that tell
    pair = record.tables[CELLS].assign(**{"trainings": 2, "trainings compared with": 2})
    two = planted_users({PLAIN: 0, AC: -0.01}, trainings=2)
    assert decided({"made": two}, Record(tables={CELLS: pair})).kept


def test_what_is_kept_is_decided_as_it_was():
    users = {"made": planted_users({PLAIN: 0.0, AC: 0.004})}
    first = decided(users, Record())
    again = decided({}, published(0.004))
    assert (again.answer, again.found.trainings) == (first.answer, first.found.trainings)
    assert again.decided.upper == pytest.approx(first.decided.upper)
    assert again.lines == first.lines


def test_a_published_comparison_that_the_study_does_not_make_is_told():
    record = published(0.01)
    with pytest.raises(WorkbenchError, match=f"AC-SASRec {MINUS} SASRec on made, of the claim"):
        answered(PLANNED, {}, {}, [replace(BETTER, title="another claim")], record)


def test_a_choice_of_recipes_stands_until_another_is_measured():
    """It would be another one by what validates better now, of which there are no users."""
    defaults = [replace(each, recipe="defaults") for each in PLANNED]
    chosen = Claim("a claim", "a test", [replace(GAIN, own_recipe=True)])
    measured = [each.label for each in [*PLANNED, *defaults]]
    users = planted_users(dict.fromkeys(measured, 0.0))
    users["valid ndcg"] = users["model"].map({name: at for at, name in enumerate(measured)}.get)
    planned = [*PLANNED, *defaults]
    first = decided({"made": users}, Record(), chosen, planned)
    cells = as_read([first])
    validation = "NDCG@10, validation, seen removed"
    other = pd.DataFrame({"data": "made", "model": measured, "trainings": 3, validation: 1.0})
    other[validation] = -other.index
    again = decided({}, Record(tables={CELLS: cells, "ranking": other}), chosen, planned)
    assert again.kept
    assert again.name == first.name


def test_a_row_stands_until_it_has_as_many_trainings_of_everything():
    kept = pd.DataFrame(
        {"data": "made", "model": [PLAIN, AC], "trainings": 3, "trainings compared with": 6}
    ).assign(why="before")
    record = Record(tables={"verdicts": kept, "planted": pd.DataFrame()})
    for trainings, compared, expected in ((3, 5, "before"), (1, 6, "before"), (3, 6, "now")):
        counts = {"trainings": trainings, "trainings compared with": compared}
        found = pd.DataFrame({"data": "made", "model": [AC], **counts, "why": "now"})
        joined = record.joined("verdicts", found).set_index("model")["why"]
        assert dict(joined) == {PLAIN: "before", AC: expected}
    nothing = pd.DataFrame()
    assert record.joined("verdicts", nothing).equals(kept)
    assert record.joined("ranking", found).equals(found)


def test_trainings_are_those_that_tables_stand_on():
    old = [done(each, device="old") for each in PLANNED]
    listed = pd.DataFrame([vars(each) for each in old])
    two = {done(each): pd.DataFrame() for each in PLANNED if each.seed < 2}
    stand, lost = Record(tables={TRAININGS: listed}, users=two).trainings([])
    assert {each.device for each in stand} == {"old"}
    assert lost == stand  # though seeds 0 and 1 were trained again
    found = [done(each) for each in PLANNED if each.seed == 2]
    stand, lost = Record(tables={TRAININGS: listed}, users=two).trainings(found)
    assert {each.device for each in stand} == {"cpu"}
    assert len(stand) == 6
    assert not lost


DAMAGED = [
    (f"{TRAININGS}.csv", "", "it is empty"),
    (f"{TRAININGS}.csv", "data,model\nmade,SASRec\n", "it has no column 'settings'"),
    (f"{TRAININGS}.csv", "<<<<<<< HEAD\ndata\n", "it has no column 'data'"),
    (f"{CELLS}.csv", "a,b\n1,2\n1,2,3\n", "Expected 2 fields"),
    (f"{CELLS}.csv", "claim,data,comparison\nx,made,y\n", "it has no column 'seeds in interval'"),
    ("ranking.csv", "data,model\nmade,SASRec\n", "it has no column 'trainings'"),
    ("verdicts.csv", "data,model,trainings\nmade,SASRec,3\n", "it has no column 'its attention'"),
    ("attention.csv", "data,model,trainings\nmade,SASRec,\n", "a row says of no training"),
    ("attention.csv", "data,model,trainings\nmade,SASRec,many\n", "Unable to parse string"),
    ("planted.csv", "model,seed\nSASRec,0\n", "it has no column 'hit@1'"),
    ("users/made/SASRec/seed-0.parquet", "PAR1", "Parquet"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), DAMAGED)
def test_a_damaged_file_is_named(name, content, sentence, tmp_path):
    for each in PLANNED:
        keep_users(tmp_path, done(each), users_of(each))
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(WorkbenchError, match=f"{path.name} cannot be read .*{sentence}"):
        read_record(tmp_path, PLANNED, {"made": DATA}, 30)


def test_users_that_stand_twice_or_nowhere_are_told(tmp_path):
    each = PLANNED[0]
    twice = pd.concat([users_of(each)] * 2)
    keep_users(tmp_path, done(each), twice)
    with pytest.raises(WorkbenchError, match=r"seed-0.parquet cannot be read .a user stands there"):
        read_record(tmp_path, PLANNED, {"made": DATA}, 30)


def test_a_table_of_models_that_are_of_no_training_is_told(tmp_path):
    (tmp_path / "attention.csv").write_text("data,model,trainings\nmade,SASRec,3\n")
    with pytest.raises(
        WorkbenchError, match=r"keeps what was measured of other .*: SASRec on made"
    ):
        read_record(tmp_path, PLANNED, {"made": DATA}, 30)
    assert read_record(tmp_path / "nowhere", PLANNED, {"made": DATA}, 30) == Record(
        tmp_path / "nowhere"
    )
