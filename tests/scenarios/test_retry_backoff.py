"""The release with retries when answers are lost, and the pauses by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import Fault
from single_faults import faulted, silent_under

from pytest_mcpflow.scenarios._retries import Backoff, Ended
from pytest_mcpflow.scenarios._retry_workflow import APPLY, NOTE, RESTART
from pytest_mcpflow.scenarios.retry_backoff import RetryBackoff


def steady() -> RetryBackoff:
    """The world with a cluster that stays."""
    scenario = RetryBackoff()
    scenario.cluster.outages.clear()
    return scenario


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    """The report says how many attempts each step took, and how it ended."""
    assert silent_under(RetryBackoff, fault, report_tells=True) == []


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_restart_whose_answer_is_lost_is_found_done_and_not_repeated(fault: Fault) -> None:
    run = faulted(steady(), {RESTART: fault})

    assert run.result.steps[1].how == "done"
    assert len(run.scenario.cluster.deployments["production/worker"].revisions) == 2


def test_a_restart_that_never_arrives_is_repeated_with_pauses_and_given_up() -> None:
    run = faulted(steady(), {RESTART: Fault.LOSE_REQUEST})

    assert run.result.steps[1] == Ended("restart", "failed", 4)
    assert len(run.scenario.cluster.deployments["production/worker"].revisions) == 1
    assert run.scenario.people.alerts[0].message.startswith("restart: failed after 3 retries")
    assert not run.result.success


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_REPLY, Fault.LATE])
def test_a_note_without_an_answer_is_left_to_people_and_the_rest_goes_on(fault: Fault) -> None:
    run = faulted(steady(), {NOTE: fault})

    assert run.result.steps[2] == Ended("note", "unknown", 1)
    assert "nobody knows whether it was done" in run.scenario.people.alerts[0].message
    assert run.scenario.cluster.deployments["production/app"].replicas == 5
    assert not run.result.success


def test_a_note_that_is_refused_was_not_made_and_is_repeated() -> None:
    run = faulted(steady(), {NOTE: Fault.REFUSE})

    assert run.result.steps[2] == Ended("note", "failed", 4)
    assert "Retrying note in 4.0s (attempt 3/3)" in run.scenario.people.texts()


def test_what_may_be_repeated_is_repeated_after_a_lost_answer() -> None:
    run = faulted(steady(), {APPLY: Fault.LOSE_REPLY})

    assert run.result.steps[0] == Ended("apply", "failed", 4)
    assert [each.image for each in run.scenario.cluster.deployments["production/app"].revisions][1:] == [
        "app:1.5"
    ]
    # Nothing after a step that failed for certain.
    assert [each.step for each in run.result.steps] == ["apply"]


@given(base=st.floats(0.1, 100), factor=st.floats(1, 10), cap=st.floats(0.1, 600), n=st.integers(0, 20))
def test_pauses_never_shrink_and_never_exceed_the_cap(base: float, factor: float, cap: float, n: int) -> None:
    backoff = Backoff(base=base, factor=factor, cap=cap)

    assert backoff.pause(n) <= backoff.pause(n + 1) <= cap


def test_the_default_pauses_are_those_of_the_document() -> None:
    assert [Backoff().pause(n) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
