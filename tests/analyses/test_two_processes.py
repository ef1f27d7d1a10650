"""The commands in two processes that torchrun starts say what one process says, to the bit.

Run as a script, this file is what each of the processes does.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from analyses import judge, run_all
from analyses.claims import __main__ as claims
from analyses.claims import mechanism, study
from analyses.judging import cells, map_rows, verdict_rows
from analyses.running import held_out, measuring
from tests.torchrun import torchrun
from workbench import build_model, load_data, load_model, save_model
from workbench.__main__ import app
from workbench.training.variants import PLAIN, UNIFORM

ROWS = [f"u{u},i{(u * 7 + step * step) % 23}" for u in range(30) for step in range(9)]
NAMES = ("SASRec", "AC-SASRec")
SIZES = ["hidden_size=8", "inner_size=8", "n_layers=1", "max_length=6"]
PLAN = [cells.ZooModel(cells.Cell("distance", 60, "easy"), v) for v in (PLAIN, UNIFORM)]


def patched(set_attribute: Callable[..., None]) -> None:
    """Small pieces, and a small zoo."""
    set_attribute(measuring, "PIECE", 8)
    set_attribute(judge, "plan", lambda scale: PLAN)
    set_attribute(cells, "EPOCHS", 1)
    set_attribute(cells, "PATIENCE", 1)
    set_attribute(held_out, "SAMPLE", 12)
    sizes = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 6}
    tiny = study.Recipe(sizes, {"loss": "exact", "epochs": 1, "patience": 1, "progress": False})
    set_attribute(study, "RECIPES", dict.fromkeys(study.RECIPES, tiny))
    set_attribute(study, "MAIN", (PLAIN, UNIFORM))
    set_attribute(study, "BY_EACH", ())
    set_attribute(mechanism, "PLANTED", PLAN[0].cell)
    set_attribute(mechanism, "VARIANTS", (PLAIN, UNIFORM))
    set_attribute(verdict_rows, "USERS", 20)
    set_attribute(verdict_rows, "FEWER", (6,))
    set_attribute(map_rows, "CASES", 30)


def work(place: Path, out: Path) -> None:
    """Run every command that ranks share; what is printed goes into `out`, a file a rank."""
    source, cache = str(place / "small.csv"), out / "cache"
    rank = os.environ.get("RANK", "0")
    out.mkdir(exist_ok=True)
    told = io.StringIO()
    models = [str(place / name) for name in NAMES]
    given = ["--data", source, "--models", *models, "--only", "attention_worth", "order"]
    sizes = [word for size in SIZES for word in ("--vary", size)]
    sweep = ["--model", "SASRec", "--seeds", "2", "--epochs", "1", "--out", str(out / "sweep")]
    where = ["--runs", str(out / "runs"), "--out", str(out / "claims"), "--backbones"]
    commands = [
        lambda: claims.main(["--data", source, *where, "--users", "20", "--seeds", "2"]),
        lambda: claims.main(["--data", source, *where, "--plan"]),
        lambda: run_all.main([*given, "--out", str(out / "report")], cache=cache),
        lambda: app(["evaluate", "--model", models[1], "--data", source], standalone_mode=False),
        lambda: app(["sweep", "--data", source, *sizes, *sweep], standalone_mode=False),
        lambda: judge.main(["--out", str(out / "judge")], cache=cache),
    ]
    for command in commands:
        with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
            command()
    (out / f"told-{rank}.txt").write_text(told.getvalue())


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What one process makes, and what two make."""
    place = tmp_path_factory.mktemp("ranks")
    (place / "small.csv").write_text("\n".join(["user,item", *ROWS]) + "\n")
    data = load_data(place / "small.csv")
    for seed, name in enumerate(NAMES):
        torch.manual_seed(seed)
        save_model(build_model(name, data, hidden_size=8, max_length=10), place / name)
    with pytest.MonkeyPatch.context() as patch:
        patched(patch.setattr)
        work(place, place / "one")
    torchrun([__file__, str(place), str(place / "two")])
    return place / "one", place / "two"


def same_files(one: Path, two: Path, *patterns: str) -> None:
    for pattern in patterns:
        names = [path.relative_to(one) for path in sorted(one.glob(pattern))]
        assert names
        for name in names:
            assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_a_report_has_the_same_tables_and_figures(outs):
    one, two = (out / "report" for out in outs)
    same_files(one, two, "raw/*", "tables/*", "figures/*")
    raw = pd.read_parquet(two / "raw" / "order.parquet")
    assert raw["user"].nunique() == 30
    assert set(raw["model"]) == set(NAMES)


def test_an_evaluation_is_told_once_and_is_the_same(outs):
    told = [outs[0] / "told-0.txt", *(outs[1] / f"told-{rank}.txt" for rank in (0, 1))]
    one, first, other = (
        re.findall(r"^(?:hit|ndcg|mrr)@.*$", path.read_text(), re.MULTILINE) for path in told
    )
    assert one == first != []
    assert other == []


def test_a_sweep_trains_each_model_in_one_rank(outs):
    tables = [pd.read_csv(out / "sweep" / "sweep.csv") for out in outs]
    own = ["seconds", "folder"]
    pd.testing.assert_frame_equal(*(table.drop(columns=own) for table in tables))
    for first, second in zip(*(table["folder"] for table in tables), strict=True):
        weights = [load_model(folder).state_dict() for folder in (first, second)]
        assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())


def test_the_claims_are_tested_alike_and_the_plan_is_told_once(outs):
    """Though an epoch is timed first, by one rank, to say how long it takes."""
    same_files(*(out / "claims" / "claims" for out in outs), "[!c]*.csv")  # cells have speeds
    told = [(outs[1] / f"told-{rank}.txt").read_text() for rank in (0, 1)]
    assert [len(re.findall(r"(\d+) models of \1 to train, about", text)) for text in told] == [1, 0]
    assert [text.count("trained  small: SASRec seed 1\n") for text in told] == [1, 0]


def test_a_zoo_is_judged_the_same(outs):
    same_files(outs[0] / "judge", outs[1] / "judge", "*.csv")


if __name__ == "__main__":
    patched(setattr)
    work(Path(sys.argv[1]), Path(sys.argv[2]))
