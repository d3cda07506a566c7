"""The parallel deployment when servers fail or are slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from planned import Fault
from single_faults import each_call_failing, faulted, silent_under

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.fakes.security_scanner import Finding
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._parallel_workflow import APPLY, BUILDS, SCANS
from pytest_mcpflow.scenarios.parallel_deployment import ParallelDeployment
from pytest_mcpflow.verdict import judge


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ParallelDeployment, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_delays_the_deployment_and_does_not_stop_it(fault: Fault) -> None:
    assert {
        site for site, run in each_call_failing(ParallelDeployment, fault) if not run.is_as_documented
    } == set()


@pytest.mark.parametrize("tool", [*SCANS, *BUILDS])
def test_a_tool_that_never_answers_is_given_up_at_its_limit_to_the_second(tool: str) -> None:
    run = faulted(ParallelDeployment(), {tool: Fault.LOSE_REQUEST})

    [alert] = run.scenario.people.alerts
    assert alert.at == (300 if tool in SCANS else 600)
    assert (alert.message, alert.severity) == ("Deployment workflow timed out", "high")
    assert alert.metadata["context_id"] == "parallel-deployment"
    assert run.scenario.cluster.deployments["production/app"].image == "app:1.4"


def test_a_build_that_takes_too_long_is_stopped_and_leaves_no_image() -> None:
    scenario = ParallelDeployment()
    scenario.docker.takes["docker_build"] = 700.0

    run = faulted(scenario, {})

    assert run.judgement.seconds == 600
    assert scenario.docker.images == {}
    assert run.silence is None


def failing_scan(scenario: ParallelDeployment) -> None:
    scenario.scanner.findings.append(Finding("src/db.py", 41, "B608", "medium", "SQL injection"))


def failing_image(scenario: ParallelDeployment) -> None:
    dockerfile = scenario.docker.dockerfiles["Dockerfile"]
    dockerfile.fails_at, dockerfile.error = "COPY . /app", "1"


def failing_frontend(scenario: ParallelDeployment) -> None:
    scenario.desktop.scripts[0].exit_code = 2


@pytest.mark.parametrize("fail", [failing_scan, failing_image, failing_frontend])
def test_what_fails_stops_the_others_and_the_deployment(fail: Callable[[ParallelDeployment], None]) -> None:
    scenario = ParallelDeployment()
    fail(scenario)

    run = faulted(scenario, {})

    assert run.scenario.cluster.deployments["production/app"].image == "app:1.4"
    assert run.scenario.people.alerts[0].message == "Deployment workflow failed"
    assert run.silence is None
    assert run.judgement.seconds <= 240


def test_all_five_run_side_by_side() -> None:
    assert judge(ParallelDeployment(), way=Way.DIRECT).seconds == 240


def test_the_document_s_own_shape_with_gather_passes() -> None:
    async def workflow(hub: Hub) -> object:
        with context_of(hub, "parallel") as context_id:
            return await parallel_deployment_workflow(hub, context_id)

    async def parallel_deployment_workflow(mcp_manager: Hub, context_id: str) -> object:
        security_tasks = [
            mcp_manager.call_tool(tool, arguments, context_id) for tool, arguments in SCANS.items()
        ]
        build_tasks = [
            mcp_manager.call_tool(tool, arguments, context_id) for tool, arguments in BUILDS.items()
        ]
        security_results, build_results = await asyncio.gather(
            asyncio.wait_for(asyncio.gather(*security_tasks), timeout=300),
            asyncio.wait_for(asyncio.gather(*build_tasks), timeout=600),
        )
        if all(result.get("success", False) for result in [*security_results, *build_results]):
            await mcp_manager.call_tool(
                APPLY, {"manifest_path": "k8s/", "namespace": "production"}, context_id
            )
        return None

    judgement = judge(ParallelDeployment(), way=Way.DIRECT, workflow=workflow)

    # It deploys as it should, and returns no report.
    assert {broken.check for broken in judgement.broken} == {"expect", "a_failure_is_heard"}
    assert judgement.cause is None
