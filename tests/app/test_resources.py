"""What is shared between sessions."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from workbench import load_data, load_model, save_model
from workbench.app import resources
from workbench.data.batches import make_batch
from workbench.data.splits import held_out_cases
from workbench.explore.inspection import inspect_case
from workbench.explore.scenario import Change, Scenario
from workbench.explore.survey import survey


@pytest.fixture(autouse=True)
def one_thread():
    """As the app does: sessions share the cores, not the threads of a small pass."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_sessions_at_once_do_not_mix_their_passes(films, models):
    """Taps are the model's, so that two passes at once would record each other's weights."""
    data, alone = load_data(films), load_model(models[1])
    shared = resources.model(models[1])
    users = list(range(data.n_users)) * 2
    with ThreadPoolExecutor(6) as sessions:
        inspections = list(
            sessions.map(
                lambda u: resources.inspection(shared, str(films), u, "top", hide_seen=False), users
            )
        )
    for user, one in zip(users, inspections, strict=True):
        expected = inspect_case(alone, make_batch(data, held_out_cases(data, 24, [user])), "top")
        assert one.target == expected.target
        for stage, weights in expected.weights.items():
            torch.testing.assert_close(one.weights[stage], weights, equal_nan=True)
        torch.testing.assert_close(one.effects, expected.effects)


def test_a_file_of_the_same_size_and_time_is_another(tmp_path):
    """As `cp -p` over it, and `rsync -t`, which puts a new file in its place."""
    kept, over = tmp_path / "kept.csv", tmp_path / "over.csv"
    kept.write_text("user,item,time\na,x,1\na,y,2\n")
    over.write_text("user,item,time\na,z,1\na,y,2\n")
    times = kept.stat().st_atime_ns, kept.stat().st_mtime_ns
    os.utime(over, ns=times)
    assert resources.data(str(kept)).item_ids.tolist() == ["[pad]", "x", "y"]
    shutil.copy2(over, kept)
    assert resources.data(str(kept)).item_ids.tolist() == ["[pad]", "z", "y"]
    over.write_text("user,item,time\na,w,1\na,y,2\n")
    os.utime(over, ns=times)
    over.replace(kept)
    assert resources.data(str(kept)).item_ids.tolist() == ["[pad]", "w", "y"]


def test_models_are_loaded_once_and_again_when_their_files_change(model_folder, films):
    source = model_folder("SASRec")
    first = resources.model(source)
    assert resources.model(source) is first
    before = resources.inspection(first, str(films), 0, "top", hide_seen=True)
    again = resources.inspection(first, str(films), 0, "top", hide_seen=True)
    assert again.scores is before.scores

    changed = load_model(source)
    with torch.no_grad():
        changed.item_embedding.weight.mul_(-1)
    save_model(changed, Path(source))
    second = resources.model(source)
    assert second is not first
    assert not torch.equal(
        resources.inspection(second, str(films), 0, "top", hide_seen=True).scores[1:],
        before.scores[1:],
    )


def test_a_scenario_is_predicted_once_and_others_are_not_taken_for_it(films, models):
    start, shared = Scenario.of(load_data(films), 0), resources.model(models[1])

    def asked(scenario: Scenario, layer: int | None = None, *, hide_seen: bool = False):
        return resources.prediction(shared, scenario, layer, None, hide_seen=hide_seen)

    first = asked(start)
    assert asked(Scenario.of(load_data(films), 0)) is first
    edited = start.apply(Change("largest"))
    for other in (asked(edited), asked(edited, 0), asked(start.apply(Change("mute", 1)))):
        assert not torch.equal(other.weights, first.weights)
    assert not torch.equal(asked(edited).weights, asked(edited, 0).weights)
    assert asked(start, hide_seen=True).hidden


def test_data_are_read_once_and_again_when_their_file_changes(tmp_path):
    file = tmp_path / "log.csv"
    rows = "".join(f"u{u},i{i},{1_500_000_000 + 60 * i}\n" for u in range(3) for i in range(4))
    file.write_text(f"user,item,time\n{rows}")
    first = resources._data(str(file), resources._written([file]))
    assert resources._data(str(file), resources._written([file])) is first
    file.write_text(f"user,item,time\n{rows}u3,i0,1500000000\nu3,i1,1500000060\n")
    second = resources._data(str(file), resources._written([file]))
    assert (first.n_users, second.n_users) == (3, 4)


def test_users_are_measured_once_for_every_list_and_session(model_folder, films, monkeypatch):
    measured = []

    def counted(*given, **named):
        measured.append(given)
        return survey(*given, **named)

    monkeypatch.setattr(resources, "survey", counted)
    source = model_folder("SASRec")
    first = resources.surveyed(resources.model(source), str(films), hide_seen=True)
    assert len(first.table.result()) == first.n_measured == first.n_users
    assert resources.surveyed(resources.model(source), str(films), hide_seen=True) is first
    assert len(measured) == 1
