"""Sections made by a second process: the same as those made here, in order, whatever happens."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pandas as pd
import pytest
from torch.distributed import HashStore

from analyses.diagnostics import attention_worth, order
from analyses.report.concluding import Concluding, shared_sections
from analyses.report.sections import Section
from analyses.running.measuring import Measured, Unmeasured, measure_in_memory
from tests.workbench.tiny import data_of
from workbench import build_model
from workbench.processes import Ranks


@pytest.fixture(scope="module")
def measured():
    data = data_of([1, 2, 3, 4], [2, 3, 4, 1], [4, 1, 2, 3])
    model = build_model("SASRec", data, n_layers=1, n_heads=1, hidden_size=4, max_length=4)
    return [
        Measured(
            each.DIAGNOSTIC, measure_in_memory(each.DIAGNOSTIC, {"a": model}, data), "", 0, 1, 0
        )
        for each in (attention_worth, order)
    ]


def conclude(results, aside, *, before=lambda concluding: None):
    seen = []
    with Concluding() as concluding:
        for result, there in zip(results, aside, strict=True):
            concluding.add(result, aside=there)
        before(concluding)
        made = concluding.sections(lambda diagnostic, done: seen.append((diagnostic.name, done)))
        process = concluding._process
    if process is not None:
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
    assert sorted(name for name, _ in seen) == sorted(r.diagnostic.name for r in results)
    assert [done for _, done in seen] == list(range(len(results)))
    return made, process


def assert_same(sections, results):
    expected = [Section.of(each.diagnostic, each.results) for each in results]
    for made, here in zip(sections, expected, strict=True):
        assert made.failures == here.failures == []
        assert made.diagnostic.name == here.diagnostic.name
        assert made.findings == here.findings
        assert made.pictures == here.pictures
        assert made.exclusions == here.exclusions
        assert made.tables.keys() == here.tables.keys()
        for name, table in made.tables.items():
            pd.testing.assert_frame_equal(table, here.tables[name])


def wait_for_the_first(concluding):
    concluding._given[0][1].result()


def test_sections_of_the_second_process_are_those_of_this_one(measured):
    made, process = conclude(measured, [True, False], before=wait_for_the_first)
    assert process is not None
    assert_same(made, measured)


def test_what_was_not_measured_needs_no_process(measured):
    failed = Unmeasured(measured[0].diagnostic, ValueError("nobody"))
    made, process = conclude([failed, measured[1]], [True, False])
    assert process is None
    assert "nobody" in made[0].said[0]
    assert_same(made[1:], measured[1:])


def test_what_cannot_be_handed_over_is_concluded_here(measured):
    nameless = replace(measured[0].diagnostic, findings=lambda results: [str(os.getpid())])
    here = replace(measured[0], diagnostic=nameless)
    made, _ = conclude([here, measured[1]], [True, True])
    assert made[0].findings == [str(os.getpid())]
    assert_same(made[1:], measured[1:])


def test_a_second_process_that_is_killed_loses_no_section(measured):
    def kill(concluding):
        wait_for_the_first(concluding)
        concluding._process.kill()
        concluding.add(measured[0], aside=True)
        concluding._given[-1][1].exception()

    made, _ = conclude_with_more(measured, kill)
    assert_same(made, [*measured, measured[0]])


def conclude_with_more(measured, before):
    with Concluding() as concluding:
        for result in measured:
            concluding.add(result, aside=True)
        before(concluding)
        return concluding.sections(lambda diagnostic, done: None), concluding


def test_what_two_ranks_share_comes_to_the_first_in_order(measured):
    diagnostic = measured[0].diagnostic
    nameless = replace(diagnostic, findings=lambda results: [])  # which cannot be handed over
    asked = [diagnostic, nameless, diagnostic, nameless]
    results = [Unmeasured(d, ValueError(f"reason {k}")) for k, d in enumerate(asked)]
    store, both = HashStore(), Barrier(2, timeout=60)
    seen = []

    def run(number):
        def watch(diagnostic, done):
            seen.append(number)
            if len(seen) <= 2:
                both.wait()  # until each has one

        return shared_sections(Ranks(number, 2, store), results, watch)

    with ThreadPoolExecutor(2) as pool:
        first, other = pool.map(run, range(2))
    assert 1 <= len(other) < len(results)
    assert len(seen) == len(results)
    assert [section.diagnostic for section in first] == asked
    assert all(f"reason {k}" in section.said[0] for k, section in enumerate(first))
