"""Two CPU processes started by torchrun train what one process trains.

Run as a script, this file is what each of the processes does.
"""

import copy
import os
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from models import Recommender
from tests.torchrun import torchrun
from workbench import build_model, evaluate, load_model, train
from workbench.commands.train import command_line
from workbench.data import Planted, planted


class Case(NamedTuple):
    """exact: no dropout and double precision, so that only the order of sums differs."""

    exact: bool
    users: int
    how: dict[str, Any]
    name: str = "SASRec"

    def data(self) -> Planted:
        settings = {"length": 14, "lag": 2, "signal": 0.9, "noise": 0.1, "n_causes": 8}
        return planted("distance", n_users=self.users, n_items=24, **settings)

    def fit(self) -> Recommender:
        """The same weights to begin with in every process."""
        torch.manual_seed(0)
        size, drop = (8, 0.0) if self.exact else (32, 0.1)
        options = {"hidden_size": size, "inner_size": size, "n_layers": 1, "max_length": 8}
        data = self.data().data
        model = build_model(self.name, data, hidden_dropout=drop, attention_dropout=drop, **options)
        model = model.double() if self.exact else model
        return train(model, data, learning_rate=1e-2, device="cpu", progress=False, **self.how)


CASES = {
    "positions": Case(True, 40, {"batch_size": 44, "epochs": 2}),
    "prefixes": Case(True, 33, {"batch_size": 44, "epochs": 2, "objective": "prefixes"}),
    "sampled": Case(True, 40, {"batch_size": 44, "epochs": 2, "loss": "sampled", "negatives": 7}),
    "gbce": Case(
        True, 33, {"batch_size": 44, "epochs": 2, "loss": "gbce", "objective": "prefixes"}
    ),
    "dropout": Case(False, 500, {"batch_size": 128, "epochs": 12}),
}
EXACT = [name for name, case in CASES.items() if case.exact]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    """Of either process the weights of every case."""
    out = tmp_path_factory.mktemp("ranks")
    torchrun([__file__, str(out)])
    return [torch.load(out / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Recommender]:
    return {name: case.fit() for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_both_processes_end_with_the_same_weights(ranks, name):
    for key, value in ranks[0][name].items():
        assert torch.equal(value, ranks[1][name][key])


@pytest.mark.parametrize("name", EXACT)
def test_without_dropout_the_weights_are_those_of_one_process(ranks, alone, name):
    # sums in another order differ by 1e-16 of a gradient; Adam divides by no less than 1e-8
    for key, value in alone[name].state_dict().items():
        np.testing.assert_allclose(ranks[0][name][key], value, rtol=0, atol=1e-7, err_msg=key)


def test_with_dropout_the_metrics_are_those_of_one_process_within_noise(ranks, alone):
    made, one = CASES["dropout"].data(), alone["dropout"]
    two = copy.deepcopy(one)
    two.load_state_dict(ranks[0]["dropout"])
    assert not torch.equal(one.item_embedding.weight, two.item_embedding.weight)
    first, second = (evaluate(model, made.data).metrics for model in (one, two))
    assert min(first["hit@1"], second["hit@1"]) > 0.95 * made.bayes_hit_rate(1)
    for metric in ("hit@1", "hit@10", "ndcg@10", "mrr@10"):
        mean = first[metric]  # of values between 0 and 1: their variance is at most m (1 - m)
        error = np.sqrt(2 * mean * (1 - mean) / made.data.n_users)
        assert abs(second[metric] - mean) < 3 * error


def test_the_command_on_a_card_names_the_processes(tmp_path, monkeypatch):
    given = ["train", "--model", "SASRec", "--data", "planted:distance?users=20&items=40&length=9"]
    given += ["--epochs", "1", "--option", "hidden_size=8", "--out", str(tmp_path / "m")]
    torchrun(["-m", "workbench", *given])
    command = load_model(tmp_path / "m").card["command"]
    assert command == f"torchrun --nproc-per-node 2 -m workbench {shlex.join(given)}"
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert command_line(["train"]) == "torchrun --nnodes 4 --nproc-per-node 2 -m workbench train"


if __name__ == "__main__":
    weights = {name: case.fit().state_dict() for name, case in CASES.items()}
    torch.save(weights, Path(sys.argv[1]) / f"{os.environ['RANK']}.pt")
