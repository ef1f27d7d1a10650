"""Imports of BERT4Rec, SSE-PT and TiSASRec with their data, whose items and users are renumbered.

Everybody walks along one cycle of items, in one of two ways: to the next, or to the one before.
A model that is given the wrong user, time, or item loses its way.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.workbench.importing import walkers
from workbench import (
    WorkbenchError,
    evaluate,
    import_checkpoint,
    load_data,
    load_model,
)

N_ITEMS, N_USERS, SLOW, TIME_SPAN = 21, 30, 10, 20


def ways_of(users):
    """The way each user walks: a third of them backward."""
    return np.array([int(user) % 3 == 0 for user in users], dtype=int)


@pytest.fixture(scope="module")
def cycle():
    return np.random.default_rng(0).permutation(N_ITEMS - 1) + 1


@pytest.fixture
def place(cycle, tmp_path):
    """An .inter file; its first row is of a user and an item that occur nowhere else."""
    rng = np.random.default_rng(1)
    rows = [("999", N_ITEMS, 0)]
    walks = []
    for user, way in enumerate(ways_of(range(N_USERS))):
        steps = rng.integers(len(cycle)) + np.arange(7) * (1 - 2 * way)
        gap = SLOW if way else 1
        walks += [(user, cycle[s % len(cycle)], 1000 + gap * t) for t, s in enumerate(steps)]
    rows += [walks[i] for i in rng.permutation(len(walks))]
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    lines += ["\t".join(map(str, row)) for row in rows]
    (tmp_path / "walks.inter").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def numbers(place):
    """RecBole's number of every item and user, by first appearance."""
    items, users = {}, {}
    for line in (place / "walks.inter").read_text().splitlines()[1:]:
        user, item, _ = line.split("\t")
        items.setdefault(int(item), len(items) + 1)
        users.setdefault(user, len(users) + 1)
    return items, users


@pytest.fixture
def successors(cycle, numbers):
    items, _ = numbers
    found = []
    for way in (-1, 1):
        successor = torch.zeros(N_ITEMS + 1, dtype=torch.long)
        for now, then in zip(cycle, np.roll(cycle, way), strict=True):
            successor[items[now]] = items[then]
        found.append(successor)
    return found


def saved(place, state, **settings):
    settings = {"n_heads": 1, **settings}
    torch.save({"config": settings, "epoch": 9, "state_dict": state}, place / "walks.pth")
    return place / "walks.pth"


def imported(place, file, **options):
    """The model with its data, and the data; the loaded one must do as the imported."""
    path = place / "walks.inter"
    data = load_data(path)
    assert (data.n_items, data.n_users) == (N_ITEMS - 1, N_USERS)
    model = import_checkpoint(file, place / "model", data=path, **options)
    kept = load_model(place / "model")
    assert evaluate(kept, data).metrics == evaluate(model, data).metrics
    assert kept.card["metrics"]["test"]["hit@1"] == evaluate(kept, data).metrics["hit@1"]
    return model, data


def test_ssept(place, numbers, successors):
    _, users = numbers
    file = saved(place, walkers.ssept(successors, torch.from_numpy(ways_of(users))))
    model, data = imported(place, file)
    assert model.config.backbone == "SSE-PT"
    assert model.config.n_users == N_USERS
    assert evaluate(model, data).metrics["hit@1"] == 1
    table = model.user_embedding.weight
    assert torch.equal(table[1:].detach(), walkers.WAYS[ways_of(data.user_ids)])
    with torch.no_grad():
        table[1:] = table[1:].roll(1, 0)  # everybody for somebody else
    assert evaluate(model, data).metrics["hit@1"] < 0.8


def test_ssept_of_other_users_is_refused(place, successors):
    file = saved(place, walkers.ssept(successors, torch.zeros(7, dtype=torch.long)))
    with pytest.raises(WorkbenchError, match=r"knows 7 users and walks has 30; give the data"):
        import_checkpoint(file, data=place / "walks.inter")


def test_tisasrec(place, successors):
    model, data = imported(place, saved(place, walkers.tisasrec(successors, TIME_SPAN, SLOW)))
    assert model.config.backbone == "TiSASRec"
    assert (model.config.time_span, model.config.time_unit) == (TIME_SPAN, "rounded second")
    assert evaluate(model, data).metrics["hit@1"] == 1
    slower = replace(data, times=data.times * SLOW)
    backward = ways_of(data.user_ids).mean()
    assert evaluate(model, slower).metrics["hit@1"] == pytest.approx(backward)


def test_tisasrec_of_milliseconds_is_refused(place, successors):
    file = saved(place, walkers.tisasrec(successors, TIME_SPAN, SLOW))
    head, *rows = (place / "walks.inter").read_text().splitlines()
    rows = [f"{row.rpartition(chr(9))[0]}\t{1_600_000_000_000 + n}" for n, row in enumerate(rows)]
    (place / "walks.inter").write_text("\n".join([head, *rows]) + "\n")
    with pytest.raises(WorkbenchError, match="from ms to whole seconds; give the file it was"):
        import_checkpoint(file, data=place / "walks.inter")


@pytest.mark.parametrize("output_head", [False, True])
@pytest.mark.parametrize("extra_rows", [0, 2])
def test_bert4rec(place, numbers, successors, output_head, extra_rows):
    """Items that nobody chose have rows before that of the mask token."""
    items, _ = numbers
    forward = successors[0]
    state = walkers.bert4rec(forward, output_head=output_head)
    table = state["item_embedding.weight"]
    unknown = torch.ones(extra_rows, table.shape[1])
    longer = {"item_embedding.weight": torch.cat([table[:-1], unknown, table[-1:]])}
    if output_head:
        longer["output_bias"] = torch.cat([state["output_bias"], torch.full((extra_rows,), 9.0)])
    file = saved(place, state | longer, model="BERT4Rec")
    model, data = imported(place, file, **({"extra_rows": extra_rows} if extra_rows else {}))
    assert model.item_embedding.weight[-1].tolist() == table[-1].tolist()
    assert model.config.backbone == "BERT4Rec"
    assert model.config.output_head == output_head
    assert model.config.max_length == walkers.MAX_LENGTH - output_head
    forwards = 1 - ways_of(data.user_ids).mean()
    assert evaluate(model, data).metrics["hit@1"] == pytest.approx(forwards)
    told = any("oldest item" in note for note in model.card["origin"]["notes"])
    assert told == output_head
    if output_head:
        theirs = [items[int(token)] for token in data.item_ids[1:]]
        assert torch.equal(model.head.bias[1:].detach(), state["output_bias"][theirs])
