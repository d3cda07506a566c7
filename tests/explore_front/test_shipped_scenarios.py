"""The scenarios that ship, explored: a few of them here, all of them by `pytest --mcp-scenario '*' --mcp-chaos`."""

from __future__ import annotations

import pytest
from workflows_under_chaos import failing_orders

from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.faults import FaultPlan
from pytest_mcpflow.report.explored import Search, accepted_of, explore_scenario
from pytest_mcpflow.verdict import check_plan

SHIPPED = {scenario.name: scenario for scenario in Catalogue(builtin_scenarios())}
ORDERS = 10
QUICK = [
    "deployment-chain",
    "docs-feature-development",
    "event-driven-deployment",
    "performance-optimization-chain",
]
"""Those with few calls; the others take too long to be tried with every change."""


@pytest.mark.parametrize("name", QUICK)
def test_no_single_fault_makes_a_scenario_fail_unnoticed(name: str) -> None:
    explored = explore_scenario(SHIPPED[name], Search())

    assert [finding.block for finding in explored.new] == []
    assert explored.is_proven


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_scenario_comes_out_alike_in_whichever_order_its_tasks_take_turns(name: str) -> None:
    """A few orders of each; `benchmarks/workflows_under_chaos.py` runs them in 500."""
    assert failing_orders(SHIPPED[name], ORDERS) == [], "repeat it with --mcp-schedule"


ACCEPTING = [name for name, scenario in SHIPPED.items() if scenario.accepts]


@pytest.mark.parametrize("name", ACCEPTING)
def test_what_a_scenario_accepts_can_happen_in_its_world(name: str) -> None:
    scenario = SHIPPED[name]

    check_plan(scenario(), FaultPlan(tuple(each.fault for each in accepted_of(scenario))))


def test_the_scenarios_that_promise_to_stand_two_faults_say_so() -> None:
    assert sorted(name for name, scenario in SHIPPED.items() if scenario.depth == 2) == [
        "conditional-pipeline",
        "deployment-chain",
        "full-cicd-pipeline",
    ]
