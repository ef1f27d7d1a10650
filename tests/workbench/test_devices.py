"""A device by its name; a model on another device than the data gives what it gives on the CPU."""

from functools import partial

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import workbench
from analyses import judge, run_all
from analyses.claims import __main__ as claims
from tests.elsewhere import PLACE, Elsewhere
from workbench import (
    WorkbenchError,
    adapt,
    build_model,
    edit_attention,
    evaluate,
    explain,
    held_out,
    load_model,
    record_attention,
    train,
)
from workbench.__main__ import app
from workbench.attention.edits import remove_largest, remove_matched
from workbench.data import planted
from workbench.devices import choose_device
from workbench.explaining.methods import importances
from workbench.explore.inspection import inspect_case
from workbench.explore.prediction import predict
from workbench.explore.scenario import Change, Scenario
from workbench.explore.survey import survey
from workbench.importing.numbering import check_belonging

MODELS = ("SASRec", "AC-SASRec", "BERT4Rec", "AC-SSE-PT", "AC-TiSASRec")
LENGTH = 6


@pytest.fixture(scope="module")
def data():
    return planted(n_users=12, n_items=20, length=8, n_causes=4).data


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.gpu)])
def moved(request):
    """From a model to the same on another device."""
    if request.param == "cuda":
        yield lambda model: model.to("cuda")
        return
    with Elsewhere() as other:
        yield other.moved


@pytest.mark.parametrize("name", MODELS)
def test_a_model_on_another_device_gives_what_it_gives_on_the_cpu(moved, data, name):
    torch.manual_seed(0)
    model = build_model(name, data, hidden_size=8, inner_size=8, max_length=LENGTH).eval().double()
    expected = measured(model, data)
    there = moved(model)
    assert there.device != torch.device("cpu")
    for what, value in measured(there, data).items():
        named = partial("{}: {}".format, what)
        torch.testing.assert_close(
            value, expected[what], rtol=1e-6, atol=1e-9, equal_nan=True, msg=named
        )


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("length", [LENGTH, 20])
@pytest.mark.parametrize("name", [*MODELS, "AC-SASRec-light", "AC-SASRec-direct", "SASRec-uniform"])
def test_every_kind_of_model_trains_on_it(name, length, precision, tmp_path):
    data = planted(n_users=40, n_items=20, length=length + 2, n_causes=4).data
    sizes = {"hidden_size": 8, "inner_size": 8, "max_length": length}
    for loss in ("exact", "sampled"):
        model = build_model(name, data, **sizes)
        how = {"loss": loss, "device": "cuda", "precision": precision, "progress": False}
        train(model, data, tmp_path / loss, epochs=2, **how)
        assert model.card["device"] == torch.cuda.get_device_name()
        assert load_model(tmp_path / loss).device == torch.device("cpu")


def test_so_does_an_adapted_module(moved, data):
    torch.manual_seed(0)
    table = nn.Embedding(data.n_items + 1, 4)

    class Bag(nn.Module):
        def forward(self, batch):
            x = table_of(self)(batch.items) * batch.valid[..., None]
            return x.sum(1) @ table_of(self).weight.T

    def table_of(module):
        return module.table

    bag = Bag()
    bag.table = table
    model = adapt(bag, n_items=data.n_items, max_length=LENGTH)
    expected = evaluate(model, data).ranks.tolist()
    there = moved(model)
    assert there.device != torch.device("cpu")
    assert evaluate(there, data).ranks.tolist() == expected


def measured(model, data):
    """Whatever is measured of a model, from batches on the CPU, on the CPU."""
    batch, targets = held_out(model, data, [0, 1, 2])
    found = record_attention(model, batch, stages=model.stages)
    found["all rows"] = record_attention(model, batch, rows="all")["attention"]
    for method in importances(model):
        found[method] = explain(model, batch, targets, method)
    found["ranks"] = torch.from_numpy(evaluate(model, data, remove_seen=True).ranks)
    for name, edit in {
        "without the largest": remove_largest,
        "matched": remove_matched(1, 0),
    }.items():
        with edit_attention(model, edit):
            found[name] = torch.from_numpy(evaluate(model, data).ranks)
    table = survey(model, data)
    found["survey"] = torch.from_numpy(table.to_numpy(float))
    scenario = Scenario.of(data, 0).apply(Change("mute", 6)).apply(Change("largest"))
    found["prediction"] = predict(model, scenario).scores
    case, _ = held_out(model, data, [1])
    inspection = inspect_case(model, case, "top")
    found["inspected"], found["effects"] = inspection.scores, inspection.effects
    try:
        belonging = str(check_belonging("it", model, data))
    except WorkbenchError as error:
        belonging = str(error)
    assert "MRR" in belonging
    assert {value.device for value in found.values()} == {torch.device("cpu")}
    return found


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"


def test_a_name_not_known_is_refused():
    with pytest.raises(WorkbenchError, match="'tpu' is not known; choose from auto, cpu, cuda"):
        choose_device("tpu")


COMMANDS = {
    "train": ["--model", "SASRec", "--out", "OUT", "--data", "DATA"],
    "sweep": ["--model", "SASRec", "--out", "OUT", "--data", "DATA"],
    "evaluate": ["--model", "SASRec", "--data", "DATA"],
    "explain": ["--model", "SASRec", "--data", "DATA", "--user", "u0"],
    "recommend": ["--model", "SASRec", "--data", "DATA"],
    "import": ["nowhere.pth", "--out", "OUT"],
    "app": [],
}


@pytest.mark.parametrize("command", [*COMMANDS, "run_all", "judge", "claims"])
def test_every_command_that_runs_a_model_says_where_a_device_lacks(command, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = [f"u{u},i{(u + t) % 7},{t}" for u in range(4) for t in range(5)]
    (tmp_path / "x.csv").write_text("\n".join(["user,item,time", *rows]) + "\n")
    paths = {"OUT": str(tmp_path / "out"), "DATA": str(tmp_path / "x.csv")}
    expected = "PyTorch finds no cuda device on this machine; choose the device auto or cpu"
    of_analyses = {
        "run_all": partial(run_all.main, cache=tmp_path / "cache"),
        "judge": partial(judge.main, cache=tmp_path / "cache"),
        "claims": claims.main,
    }
    if command in of_analyses:
        named = ["--out", paths["OUT"]] if command == "judge" else ["--data", paths["DATA"]]
        with pytest.raises(WorkbenchError, match=expected):
            of_analyses[command]([*named, "--device", "cuda"])
        return
    given = [paths.get(word, word) for word in COMMANDS[command]]
    done = CliRunner().invoke(app, [command, *given, "--device", "cuda"])
    assert isinstance(done.exception, WorkbenchError)
    assert expected in str(done.exception)


def test_the_command_evaluate_moves_the_model(monkeypatch):
    asked: list[object] = []

    def stop(model, data, split, **how):
        asked.append(model.device)
        raise WorkbenchError("seen.")

    monkeypatch.setattr(workbench, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(workbench, "evaluate", stop)
    monkeypatch.setattr(workbench, "load_data", lambda name: None)
    CliRunner().invoke(app, ["evaluate", "--model", "SASRec", "--device", "auto"])
    assert asked == [torch.device("meta")]


def test_tensors_of_two_devices_do_not_meet():
    here = torch.arange(3)
    with Elsewhere():
        there = here.to(PLACE)
        assert (there + 1).device == PLACE
        assert torch.equal(there.cpu(), here)
        for act in (lambda: there + here, lambda: here[there], there.numpy):
            with pytest.raises(AssertionError, match="device"):
                act()


def test_each_process_on_a_machine_has_a_cuda_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for rank, index in {"0": 0, "1": 1, "2": 0}.items():
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", index)
        assert choose_device("cpu") == torch.device("cpu")
