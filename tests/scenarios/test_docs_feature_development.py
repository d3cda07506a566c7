"""Planning from documentation when the server fails, finds nothing, or has only copies and inventions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden
from planned import Fault
from single_faults import Faulted, each_call_failing, faulted

from pytest_mcpflow import CallResult, Hub, run
from pytest_mcpflow.scenarios._docs_feature_workflow import PLAN
from pytest_mcpflow.scenarios._documentation import documentation_server
from pytest_mcpflow.scenarios.docs_feature_development import DocsFeatureDevelopment


def planned(change: Callable[[DocsFeatureDevelopment], None]) -> Faulted[DocsFeatureDevelopment]:
    """A run in a world that was changed before."""
    scenario = DocsFeatureDevelopment()
    change(scenario)
    return faulted(scenario, {})


@pytest.mark.parametrize("fault", Fault)
def test_any_one_call_may_fail(fault: Fault) -> None:
    assert faults_hidden(DocsFeatureDevelopment, fault) == []
    assert all(run.is_as_documented for _, run in each_call_failing(DocsFeatureDevelopment, fault))


@pytest.mark.parametrize("fault", Fault)
def test_a_tool_that_never_works_is_heard_of(fault: Fault) -> None:
    assert dead_tools_hidden(DocsFeatureDevelopment, fault) == []


@pytest.mark.parametrize("tool", ["search_libraries", "get_documentation", "get_examples"])
def test_without_one_of_the_three_answers_there_is_no_plan(tool: str) -> None:
    run = faulted(DocsFeatureDevelopment(), {f"context7.context7_{tool}": Fault.LOSE_REPLY})

    assert PLAN not in run.scenario.desktop.files
    assert run.scenario.people.alerts[0].message.startswith("No plan for 'fastapi authentication': ")


def _find_nothing(scenario: DocsFeatureDevelopment) -> None:
    scenario.context7.libraries.clear()


def _degrade(scenario: DocsFeatureDevelopment) -> None:
    scenario.context7.fail("search")


def _take_the_key(scenario: DocsFeatureDevelopment) -> None:
    scenario.context7.has_api_key = False


def _use_up_the_quota(scenario: DocsFeatureDevelopment) -> None:
    scenario.context7.requests = [0.0] * 100


def _empty_the_documentation(scenario: DocsFeatureDevelopment) -> None:
    fastapi = scenario.context7.libraries["fastapi"]
    fastapi.documentation["0.116"], fastapi.examples = [], []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_find_nothing, "no library was found (the search works)"),
        (_degrade, "the search index is degraded"),
        (_take_the_key, "nothing real: no API key is set: this answer is made up"),
        (_use_up_the_quota, "429 Too Many Requests: 100 requests per minute"),
        (_empty_the_documentation, "nothing about it is documented for fastapi 0.116"),
    ],
)
def test_without_anything_real_there_is_no_plan(
    change: Callable[[DocsFeatureDevelopment], None], why: str
) -> None:
    run = planned(change)

    assert (run.result.success, run.result.libraries, run.result.implementation_plan) == (False, (), None)
    assert why in run.result.error
    assert PLAN not in run.scenario.desktop.files
    assert [why in alert.message for alert in run.scenario.people.alerts] == [True]
    assert run.silence is None


def test_a_plan_from_an_old_copy_says_so() -> None:
    def keep_a_copy(scenario: DocsFeatureDevelopment) -> None:
        fastapi = scenario.context7.libraries["fastapi"]
        scenario.context7.keep_documentation("fastapi", "0.115", fastapi.documentation["0.115"], at=-7200)
        scenario.context7.keep_examples("fastapi", "middleware", fastapi.examples[:1], at=-7200)
        fastapi.reachable = False

    run = planned(keep_a_copy)
    copied = (
        "Caution: from a copy of 2025-12-31T22:00:00Z; could not be fetched anew: this copy is 7200 s old"
    )

    assert run.result.cautions == (copied,)
    assert copied in run.scenario.desktop.files[PLAN].splitlines()
    assert [broken.check for broken in run.judgement.broken] == ["expect"]


def test_research_in_the_style_of_the_document_runs_on_the_same_server() -> None:
    async def research() -> dict[str, CallResult]:
        async with Hub() as hub:
            hub.serve(documentation_server())

            async def execute_tool(name: str, arguments: dict[str, Any]) -> CallResult:
                return await hub.call_tool(f"context7.{name}", arguments)

            libraries = await execute_tool(
                "context7_search_libraries", {"query": "fastapi authentication", "limit": 10}
            )
            documentation, examples = await asyncio.gather(
                execute_tool("context7_get_documentation", {"library": "fastapi", "version": "latest"}),
                execute_tool(
                    "context7_get_examples", {"library": "fastapi", "topic": "middleware", "limit": 5}
                ),
            )
            return {"libraries": libraries, "documentation": documentation, "examples": examples}

    found = run(research())

    assert found["libraries"]["total"] == 3
    assert found["documentation"].get("version") == "0.115"
    assert [each["title"] for each in found["examples"]["examples"]] == [
        "Process time header",
        "Trusted hosts",
    ]
