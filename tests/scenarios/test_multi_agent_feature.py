"""The agents when servers fail, one of them dies, or they get in each other's way."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants.multi_agent_feature import MUTANTS, forget_redis
from planned import Fault
from single_faults import faulted
from tampering import tampered

from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._chat_workflow import BRANCH, STAGING
from pytest_mcpflow.scenarios._multi_agent_feature_world import SHARES
from pytest_mcpflow.scenarios.multi_agent_feature import MultiAgentFeature


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(MultiAgentFeature, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(MultiAgentFeature, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(MultiAgentFeature) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(MultiAgentFeature())}

    assert rules == {check for _, check in MUTANTS.values()}


TOOLS = ["write_file", "execute_command", "run_command", "upload_file", "update_environment", "push_files"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(TOOLS), st.floats(0, 25), max_size=len(TOOLS)))
def test_the_order_of_dependency_holds_however_long_each_takes(takes: dict[str, float]) -> None:
    scenario = MultiAgentFeature()
    scenario.desktop.takes = scenario.hosting.takes = scenario.droplets.takes = takes

    run = faulted(scenario, {})

    assert run.silence is None
    assert run.result.finished == ("backend", "frontend", "devops")
    assert scenario.out_of_order == []


@pytest.mark.parametrize(("test", "agent"), [(0, "backend"), (1, "frontend")])
def test_an_agent_that_dies_leaves_nothing_half_done_and_nobody_waiting(test: int, agent: str) -> None:
    scenario = MultiAgentFeature()
    scenario.desktop.scripts[test].exit_code = 1

    run = faulted(scenario, {})

    assert agent not in run.result.finished
    assert not SHARES[agent] & {*scenario.desktop.files}
    assert BRANCH not in scenario.hosting.repositories["shop/chat"].branches
    assert scenario.droplets.deployments == []
    assert f"{agent} agent: npm test" in alerts(scenario)[-1]
    assert run.judgement.seconds < 700
    assert run.silence is None


def test_a_backend_that_cannot_specify_stops_the_others_at_once() -> None:
    scenario = MultiAgentFeature()

    run = faulted(scenario, {"desktop-commander.write_file": Fault.REFUSE})

    assert run.result.finished == ()
    assert "frontend agent: there is no specification" in alerts(scenario)[-1]
    assert run.silence is None


def test_shares_that_do_not_work_together_are_taken_back_from_staging() -> None:
    scenario = MultiAgentFeature()

    run = faulted(scenario, {}, tampered(scenario.workflow, forget_redis))

    assert {scenario.droplets.hosts[host].services["chat"].version for host in STAGING} == {"0.0.1"}
    assert alerts(scenario)[-1].endswith("messages do not cross hosts: no Redis")
    assert run.silence is None
