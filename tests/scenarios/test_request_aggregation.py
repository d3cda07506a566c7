"""Collecting answers when servers fail: what could not be answered is named by its index, the rest is kept."""

from __future__ import annotations

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.request_aggregation import MUTANTS
from planned import Fault
from single_faults import each_call_failing, faulted

from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios.request_aggregation import RequestAggregation


@pytest.mark.parametrize("fault", Fault)
def test_any_one_call_may_fail_and_another_server_answers(fault: Fault) -> None:
    assert faults_hidden(RequestAggregation, fault) == []
    assert all(run.is_as_documented for _, run in each_call_failing(RequestAggregation, fault))


@pytest.mark.parametrize("fault", Fault)
def test_a_tool_that_never_works_is_heard_of(fault: Fault) -> None:
    assert dead_tools_hidden(RequestAggregation, fault) == []


def test_without_any_server_every_index_is_a_failure() -> None:
    run = faulted(RequestAggregation(), {"context7*.*": Fault.REFUSE})

    assert list(run.result.failed) == [0, 1, 2, 3, 4, 5]
    [alert] = run.scenario.people.alerts
    assert all(f"{index} has no answer" in alert.message for index in range(6))
    assert run.silence is None


def test_a_quota_that_ends_in_the_middle_leaves_the_earlier_answers() -> None:
    scenario = RequestAggregation()
    for server in (scenario.context7, scenario.context7_2, scenario.context7_3):
        server.rate_limit = 1
    run = faulted(scenario, {})

    assert [each.version for each in run.result.results[:2]] == ["0.115", "2.3"]
    assert list(run.result.failed) == [2, 3, 4, 5]
    assert "429 Too Many Requests" in run.result.failed[3]
    assert "3 has no answer" in scenario.people.alerts[0].message
    assert run.silence is None


def test_the_answers_come_in_another_order_than_the_questions() -> None:
    run = faulted(RequestAggregation(), {})

    asked = run.judgement.transcript.calls("context7_get_documentation")
    arrived = sorted(asked, key=lambda each: each.until or 0.0)
    assert [each.arguments["library"] for each in arrived[:2]] == ["numpy", "authlib"]
    assert run.judgement.seconds == 0.375


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(RequestAggregation) == []


def test_every_rule_has_a_way_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(RequestAggregation())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
