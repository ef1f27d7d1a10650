"""What the zoo is planned to be."""

import pytest

from analyses.judging import cells


@pytest.mark.parametrize("scale", ["small", "default", "full"])
def test_no_model_is_planned_twice_and_both_roles_are_there(scale):
    plan = cells.plan(scale)
    folders = [(entry.cell.name, entry.name) for entry in plan]
    assert len(set(folders)) == len(folders)
    assert {entry.cell.role for entry in plan} == {"choosing", "confirming"}


def test_a_larger_scale_begins_with_the_smaller():
    names = [[(e.cell.name, e.name) for e in cells.plan(s)] for s in ("default", "full")]
    assert names[1][: len(names[0])] == names[0]


def test_the_row_that_predicts_in_a_test_is_trained():
    """Windows of training reach the last position that a test is read from."""
    from workbench.data.splits import cases, windows

    data = cells.Cell("content", users=50).data()
    length = cells.MODEL["max_length"]
    trained = windows(data, length)
    tested = cases(data, "test", length)
    assert (trained.ends - trained.starts).max() == (tested.ends - tested.starts).max() == length


def test_larger_data_take_fewer_epochs():
    assert cells.Cell("content", users=16_000).training()["epochs"] < cells.EPOCHS
    assert cells.Cell("content").training()["epochs"] == cells.EPOCHS


def test_a_model_kept_off_the_cause_is_another():
    cell = cells.Cell("content")
    plain, kept_off = cells.ZooModel(cell), cells.ZooModel(cell, kept_off=True)
    assert plain.name != kept_off.name
    assert kept_off.columns()["model"] == "SASRec kept off the cause"
    assert kept_off.training().items() - plain.training().items() == cells.KEPT_OFF.items()
