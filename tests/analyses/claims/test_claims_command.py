"""The study from one end to the other, on small planted data with tiny models."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from shutil import rmtree

import pandas as pd
import pytest
import torch
from torch.distributed import HashStore

from analyses.claims import (
    mechanism,
    missing_models,
    paper_claims,
    study,
    testing,
    user_table,
)
from analyses.claims.__main__ import main
from analyses.judging import cells, zoo
from analyses.running import held_out, measuring
from analyses.running.store import Store
from analyses.shortcomings import Incomplete
from tests.elsewhere import Elsewhere
from workbench import WorkbenchError, WorkbenchWarning, build_model, load_data, load_model
from workbench.processes import Ranks
from workbench.training.alone import HELD
from workbench.training.variants import PLAIN, UNIFORM

DATA = "planted:distance?users=60&items=30&length=10&causes=4"
NAME = "planted-distance"
SIZES = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 12}
QUICK = {"loss": "exact", "epochs": 1, "patience": 1, "progress": False}
VARIANTS = study.MAIN[:4]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(study, "RECIPES", dict.fromkeys(study.RECIPES, study.Recipe(SIZES, QUICK)))
    monkeypatch.setattr(study, "MAIN", VARIANTS)
    fewer = [v for v in study.ablation() if v.options == {"correction": "fixed"}]
    monkeypatch.setattr(study, "ablation", lambda: fewer)
    monkeypatch.setattr(held_out, "SAMPLE", 12)
    monkeypatch.setattr(mechanism, "PLANTED", cells.Cell("distance", 60, "easy"))
    monkeypatch.setattr(mechanism, "VARIANTS", cells.VARIANTS[:2])
    monkeypatch.setattr(cells, "EPOCHS", 1)
    monkeypatch.setattr(cells, "PATIENCE", 1)


def arguments(folder: Path, *more: str, seeds: int = 2) -> list[str]:
    where = ["--runs", str(folder / "runs"), "--out", str(folder / "docs")]
    return ["--data", DATA, *where, "--users", "30", "--seeds", str(seeds), *more]


def make_model(variant, data, seed):
    torch.manual_seed(seed)
    model = build_model(variant.model, data, **SIZES, **variant.options).eval()
    model.card = {"metrics_seen_removed": {"valid": {"ndcg@10": 0.1}}}
    return model


def test_the_whole_study(tmp_path, monkeypatch, capsys):
    assert main(arguments(tmp_path, "--plan")) is None
    said = capsys.readouterr().out
    assert f"missing  {NAME}: AC-SASRec seed 1, about" in said
    assert "15 of 15 to train, about" in said
    assert not (tmp_path / "runs").exists()

    page = main(arguments(tmp_path))
    assert "15 models of 15 to train, about" in capsys.readouterr().out
    assert page == tmp_path / "docs" / "claims.md"
    text = page.read_text()
    assert "15 of 15 trainings of the plan are measured." in text
    assert "Nothing: the plan is done." in text
    assert "| gate \N{MINUS SIGN} fixed |" in text
    variant = text.split("## The light variant with positions")[1].split("\n## ")[0]
    assert variant.count("| AC-SASRec-light-positions \N{MINUS SIGN} SASRec |") == 3
    assert "annealing |  |" not in text  # not planned, and so not missing
    tables = {p.stem: pd.read_csv(p) for p in (tmp_path / "docs" / "claims").glob("*.csv")}
    assert len(tables["cells"]) == 24
    for name in ("ranking", "pointing", "agreement", "planted"):
        assert f"](claims/{name}.png)" in text
        assert (tmp_path / "docs" / "claims" / f"{name}.png").stat().st_size < 200_000

    # what stands in the tables is what the trained models reach
    ranking = tables["ranking"].set_index("model")
    folders = [tmp_path / "runs" / NAME / "AC-SASRec" / f"seed-{seed}" for seed in (0, 1)]
    reached = [load_model(folder).card["metrics"]["test"]["ndcg@10"] for folder in folders]
    assert ranking.loc["AC-SASRec", "NDCG@10, seen kept"] == pytest.approx(
        sum(reached) / 2, abs=1e-6
    )
    assert ranking.loc["AC-SASRec", "trainings"] == 2
    users = pd.read_parquet(tmp_path / "runs" / NAME / "users.parquet")
    assert len(users) == 15 * 60
    for column, count in (("tau", 30), ("removal", 60)):
        assert users[users[column].notna()].groupby(["model", "seed"]).size().eq(count).all()

    # where a training might have gone on is told, and where that is not known
    stopped = " ".join(
        text.split("**Ended by the number of epochs**")[1].split("\n- **")[0].split()
    )
    assert f"AC-SASRec seed 1 on {NAME} (1 of 1)" in stopped
    assert "is not known" not in stopped

    # where a model was trained is told where it was not a processor
    assert "**Where**" not in text
    card = folders[1] / "card.json"
    content = card.read_text()
    assert '"device": "cpu"' in content
    card.write_text(content.replace('"device": "cpu"', '"device": "NVIDIA A1"'))
    with monkeypatch.context() as patch:
        patch.setattr(testing, "joined", lambda command, processes: Ranks())
        main([*arguments(tmp_path), "--no-training", "--processes", "2"])
    told = page.read_text()
    assert "--processes" not in told
    assert f"On NVIDIA A1:\n  AC-SASRec seed 1 on {NAME}.\n" in told
    card.write_text(content)
    capsys.readouterr()

    # started again, wherever, it trains and measures nothing
    monkeypatch.setattr(missing_models, "train", None)
    monkeypatch.setattr(zoo, "_train", None)
    monkeypatch.setattr(Store, "put", None)
    assert main([*arguments(tmp_path), "--device", "cpu"]) == page
    assert page.read_text() == text
    assert "all models on these data are trained" in capsys.readouterr().out

    # nor does it once the models are gone, as what was measured of them lies beside the page
    rmtree(tmp_path / "runs")
    monkeypatch.setattr(mechanism, "train_zoo", lambda *_, **__: None)
    assert main(arguments(tmp_path, "--plan")) is None
    said = capsys.readouterr().out
    assert f"measured {NAME}: AC-SASRec seed 1\n" in said
    assert said.endswith("all models on these data are trained, or measured and gone\n")
    assert main(arguments(tmp_path)) == page
    assert "all models on these data are trained, or measured and gone" in capsys.readouterr().out
    assert "only rows of tables" not in page.read_text()
    for name, table in tables.items():
        again = pd.read_csv(tmp_path / "docs" / "claims" / f"{name}.csv")
        pd.testing.assert_frame_equal(again, table, rtol=1e-4, atol=5e-4)


@pytest.fixture
def few(monkeypatch):
    """A study of one model, and of no planted data."""
    monkeypatch.setattr(study, "MAIN", (PLAIN,))
    monkeypatch.setattr(study, "ablation", lambda: [])
    monkeypatch.setattr(study, "BY_EACH", ())
    monkeypatch.setattr(mechanism, "VARIANTS", ())


def test_what_only_tables_say_stands_until_as_many_are_trained(tmp_path, few, monkeypatch, capsys):
    monkeypatch.setattr(study, "MAIN", (PLAIN, UNIFORM))
    page, folder = main(arguments(tmp_path, seeds=3)), tmp_path / "docs" / "claims"
    first = {p.stem: pd.read_csv(p) for p in folder.glob("*.csv") if p.read_text().strip()}
    rmtree(tmp_path / "runs")
    rmtree(folder / "users")
    main(arguments(tmp_path, "--no-training", seeds=3))
    told = " ".join(page.read_text().split())
    measured = first["cells"]["effect"].notna().sum()
    assert f"Of 6 trainings on {NAME} only rows of tables were kept, not what" in told
    assert f"{measured} comparisons therefore stand as first published" in told
    assert "6 of 6 trainings of the plan are measured." in told
    for name, table in first.items():
        again = pd.read_csv(folder / f"{name}.csv")
        pd.testing.assert_frame_equal(again, table, rtol=1e-4, atol=1e-4)

    # two of three trained anew change nothing, the third replaces what stood there
    data = load_data(DATA)
    planned = study.plan([NAME], 3)
    again = missing_models.Study(planned, {NAME: DATA}, {NAME: data}, tmp_path / "runs", "cpu")
    for each in planned:
        if each.seed < 2:
            again.train(each)
    ranking = first["ranking"].assign(**{"HR@10, seen kept": 0.5})
    ranking.to_csv(folder / "ranking.csv", index=False)
    main(arguments(tmp_path, "--no-training", seeds=3))
    assert set(pd.read_csv(folder / "ranking.csv")["HR@10, seen kept"]) == {0.5}
    assert len(list((folder / "users" / NAME).glob("*/*"))) == 4
    assert f"Of 6 trainings on {NAME}" in " ".join(page.read_text().split())
    trainings = pd.read_csv(folder / "trainings.csv")
    assert list(trainings["seed"]) == [0, 1, 2, 0, 1, 2]
    capsys.readouterr()
    main(arguments(tmp_path, seeds=3))
    assert "2 models of 6 to train" in capsys.readouterr().out
    assert 0.5 not in set(pd.read_csv(folder / "ranking.csv")["HR@10, seen kept"])
    assert "only rows of tables" not in page.read_text()


def test_a_page_of_other_trainings_is_not_written_over(tmp_path, few, monkeypatch, capsys):
    page = main(arguments(tmp_path, seeds=2))
    text = page.read_text()
    other = f"keeps what was measured of other trainings .*: SASRec seed 1 on {NAME}. Give the data"
    both = f"SASRec seed 0 on {NAME} and SASRec seed 1"
    for change, sentence in (
        (["--seeds", "1"], other),
        (["--data", DATA.replace("users=60", "users=61")], both),
        (["--users", "20"], both),
    ):
        with pytest.raises(WorkbenchError, match=sentence):
            main([*arguments(tmp_path, seeds=2), *change])
    with pytest.warns(WorkbenchWarning, match=other):  # a plan is told, and writes nothing
        main([*arguments(tmp_path, seeds=2), "--seeds", "1", "--plan"])
    other_recipe = study.Recipe(SIZES, QUICK | {"epochs": 2})
    monkeypatch.setattr(study, "RECIPES", dict.fromkeys(study.RECIPES, other_recipe))
    with pytest.raises(WorkbenchError, match=both):
        main(arguments(tmp_path, seeds=2))
    assert page.read_text() == text


def test_a_run_that_is_killed_before_its_page_is_written_keeps_what_it_measured(
    tmp_path, few, monkeypatch, capsys
):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(testing, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            main(arguments(tmp_path, seeds=2))
    capsys.readouterr()
    rmtree(tmp_path / "runs" / NAME)
    main(arguments(tmp_path, "--plan", seeds=2))
    assert capsys.readouterr().out.count("measured") == 3  # and nothing is left to do
    main(arguments(tmp_path, "--no-training", seeds=2))
    assert "2 of 2 trainings of the plan are measured." in (tmp_path / "docs/claims.md").read_text()


def test_what_is_kept_of_data_whose_name_looks_like_a_number_is_found(tmp_path, few):
    table = pd.DataFrame({"user": [f"u{k % 20}" for k in range(120)], "item": range(120)})
    table = table.assign(item="i" + (table["item"] % 7).astype(str), time=range(120))
    for name in ("2024", "007", "NA", "1e5"):
        path = tmp_path / f"{name}.csv"
        table.to_csv(path, index=False)
        where = ["--data", str(path), "--out", str(tmp_path / name)]
        given = [*arguments(tmp_path, seeds=1), *where]
        page = main(given)
        rmtree(tmp_path / "runs" / name)
        assert "1 of 1 trainings of the plan are measured." in page.read_text()
        assert main([*given, "--no-training"]) == page
        assert "1 of 1 trainings of the plan are measured." in page.read_text()


def test_what_fails_is_told_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    broken = study.Variant("AC-SASRec", {"alpha": "much"})
    monkeypatch.setattr(study, "MAIN", (*VARIANTS[:2], broken, UNIFORM))
    folder = study.Planned(NAME, UNIFORM).folder(tmp_path / "runs")
    folder.mkdir(parents=True)
    (folder / f"{HELD}elsewhere-9").write_text("1")
    monkeypatch.setattr(study, "ablation", lambda: [])
    monkeypatch.setattr(study, "BY_EACH", ())
    with pytest.raises(Incomplete, match="AC-SASRec alpha=much on planted-distance was not train"):
        main(arguments(tmp_path, seeds=1))
    text = (tmp_path / "docs" / "claims.md").read_text()
    assert "2 of 4 trainings of the plan are measured." in text
    assert "process 9 on elsewhere is training there; wait for it, end it, or choose" in text
    assert "AC-SASRec alpha=much (seed 0)" in text
    assert "was not trained: AC-SASRec: alpha is 'much', where a number is expected" in text
    assert "too few were trained again, so that other trainings might say the opposite" in text
    assert "It ranks better than a mean | **not measured yet** | 0 of 2 | \N{EN DASH} |" in text
    assert "**not planned** | \N{EM DASH} | not planned |" in text


def test_a_stopped_study_goes_on_and_takes_no_model_of_another_recipe(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(study, "MAIN", VARIANTS[:2])
    monkeypatch.setattr(study, "ablation", lambda: [])
    monkeypatch.setattr(study, "BY_EACH", ())
    train = missing_models.train

    def stopped(model, data, out=None, **how):
        if model.config.calibration is not None and out is not None:
            raise KeyboardInterrupt
        return train(model, data, out, **how)

    monkeypatch.setattr(missing_models, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        main(arguments(tmp_path, seeds=1))
    monkeypatch.setattr(missing_models, "train", train)
    capsys.readouterr()
    main(arguments(tmp_path, seeds=1))
    assert "1 model of 2 to train" in capsys.readouterr().out
    other = study.Recipe(SIZES, QUICK | {"epochs": 2})
    monkeypatch.setattr(study, "RECIPES", dict.fromkeys(study.RECIPES, other))
    with pytest.raises(Incomplete, match="holds a model that was not trained with these options"):
        main(arguments(tmp_path, "--no-training", "--out", str(tmp_path / "new"), seeds=1))
    assert "0 of 2 trainings of the plan are measured." in (tmp_path / "new/claims.md").read_text()
    capsys.readouterr()
    main(arguments(tmp_path, "--plan", "--out", str(tmp_path / "new"), seeds=1))
    assert "holds a model that was not trained by this recipe; delete it" in capsys.readouterr().out


def test_trainings_are_shared_and_the_first_rank_is_told_what_failed(tmp_path):
    planned = [study.Planned(NAME, study.PLAIN, seed) for seed in range(4)]
    store, met, both = HashStore(), [], threading.Barrier(2, timeout=60)

    class Shared(missing_models.Study):
        def train(self, each, *, quiet=False):
            assert quiet
            if each.seed < 2:
                both.wait()  # each rank has one of the first two
            met.append(each.seed)
            if each.seed == 1:
                raise WorkbenchError("it is broken.")
            return super().train(each, quiet=quiet)

    def trained(number):
        trainings = Shared(planned, {NAME: DATA}, {NAME: load_data(DATA)}, tmp_path, "cpu")
        return missing_models.train_missing(trainings, Ranks(number, 2, store))

    with ThreadPoolExecutor() as pool:
        first, _ = pool.map(trained, (0, 1))
    assert sorted(met) == [0, 1, 2, 3]
    assert first == [f"{planned[1].name} on {NAME} was not trained: it is broken."]
    there = [each.seed for each in planned if (each.folder(tmp_path) / "card.json").exists()]
    assert there == [0, 2, 3]


def test_ranks_share_what_is_measured_of_all_models(tmp_path, monkeypatch):
    data, counts, measurements = load_data(DATA), HashStore(), []

    def made():  # by each rank, as a process does; hooks of one are none of the other's
        variants = product((study.PLAIN, study.UNIFORM), (0, 1))
        return [(study.Planned(NAME, v, seed), make_model(v, data, seed)) for v, seed in variants]

    every = [made(), made()]

    def share(number):
        ranks, store = Ranks(number, 2, counts), Store(tmp_path)
        user_table.measure_with_others(ranks, every[number], data, 30, store)

    with ThreadPoolExecutor() as pool:
        list(pool.map(share, (0, 1)))

    def measured(*given, **options):
        measurements.append(measuring.measured(*given, **options))
        return measurements[-1]

    monkeypatch.setattr(user_table, "measured", measured)
    trained = made()
    shared = user_table.measure(trained, data, 30, Store(tmp_path))
    assert len(measurements) == len(user_table.DIAGNOSTICS)
    assert all(each.pieces_made == 0 < each.pieces_reused for each in measurements)
    alone = user_table.measure(trained, data, 30, Store(tmp_path / "alone"))
    pd.testing.assert_frame_equal(shared.users, alone.users)


def test_models_are_trained_and_timed_on_the_device_that_was_asked_for(tmp_path, few, monkeypatch):
    asked = []
    monkeypatch.setattr(mechanism, "VARIANTS", cells.VARIANTS[:1])
    monkeypatch.setattr(testing, "choose_device", lambda name: asked.append(name) or CPU)
    monkeypatch.setattr(missing_models, "choose_device", testing.choose_device)
    for module in (missing_models, zoo):

        def recorded(*given, how=module.train, **options):
            asked.append(options["device"])
            return how(*given, **options | {"device": "auto"})

        monkeypatch.setattr(module, "train", recorded)
    main([*arguments(tmp_path, seeds=1), "--device", "cuda"])
    assert asked == ["cuda"] * 6  # chosen, an epoch estimated by two, one planted, one trained


def test_weights_on_another_device_are_those_on_the_cpu():
    data = mechanism.PLANTED.data()
    model = build_model(PLAIN.model, data, **SIZES).eval()
    expected = mechanism._weights(model, data)
    with Elsewhere() as other:
        assert mechanism._weights(other.moved(model), data) == pytest.approx(expected)


def test_an_estimate_is_of_the_device_at_hand(tmp_path):
    planned = [study.Planned(NAME, study.PLAIN, seed) for seed in (0, 1)]
    trainings = missing_models.Study(
        planned, {NAME: DATA}, {NAME: load_data(DATA)}, tmp_path, "cpu"
    )
    trainings.train(planned[0])
    card = planned[0].folder(tmp_path) / "card.json"
    told = json.loads(card.read_text()) | {"seconds": 1e9}
    here = told.pop("device")
    for device, believed in (({"device": here}, True), ({"device": "NVIDIA A1"}, False)):
        card.write_text(json.dumps(told | device))
        about = missing_models.estimate(trainings, planned[1:])
        assert (about.total() > 1e6) is believed
        assert about.total(8) == about.total()  # no training is shared


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--seeds", "0"], "--seeds 0; give 1 or more"),
        (["--users", "0"], "--users 0; give 1 or more"),
        (["--processes", "0"], "--processes 0; give 1 or more"),
        (["--backbones", "TiSASrec"], "no further backbone 'TiSASrec'.*did you mean TiSASRec"),
        (["--no-training"], "holds no trained model of the plan; leave out --no-training"),
        (["--data", DATA, DATA], "two data sets are called planted-distance"),
    ],
)
def test_bad_input_is_one_sentence(given, sentence, tmp_path):
    with pytest.raises(WorkbenchError, match=sentence):
        main([*arguments(tmp_path), *given])
    assert not (tmp_path / "docs" / "claims.md").exists()


def test_a_backbone_without_a_cost_is_taken_to_cost_as_much_as_sasrec(monkeypatch):
    monkeypatch.setattr(study, "BACKBONE_NAMES", ("GRU", *study.BACKBONE_NAMES))
    every = study.calibrated("GRU")
    assert [each.model for each in every] == ["GRU", "AC-GRU", "AC-GRU-light"]
    assert [study.cost(each) for each in every] == [1, study.ADVERSARIAL, study.SPATIAL]


def test_the_plan_has_all_that_the_claims_need(monkeypatch):
    monkeypatch.undo()
    planned = study.plan(["amazon-beauty", "toys", "yelp"], 3)
    for claim in paper_claims.CLAIMS:
        of = {each.data: [e for e in planned if e.data == each.data] for each in planned}
        assert all(contrast.is_planned(of["amazon-beauty"]) for contrast in claim.contrasts)
    assert len({(e.data, e.name) for e in planned}) == len(planned)
    assert len({e.folder(Path("runs")) for e in planned}) == len(planned)
    of_toys = [e for e in planned if e.data == "toys"]
    assert len(of_toys) == 27
    for claim in (
        *paper_claims.OF_ATTENTION,
        *paper_claims.OF_THE_VARIANT,
        *paper_claims.OF_DIRECT,
    ):  # on every data set
        assert all(contrast.is_planned(of_toys) for contrast in claim.contrasts)
    assert [e.name for e in planned[:2]] == ["SASRec", "AC-SASRec"]
    named = study.plan(["toys"], 1, ["BERT4Rec"])
    assert [e.label for e in named[-3:]] == ["BERT4Rec", "AC-BERT4Rec", "AC-BERT4Rec-light"]
