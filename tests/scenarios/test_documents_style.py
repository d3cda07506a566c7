"""Workflows as the documents write them run as they are: a manager, a context id, dicts, `gather`.

Each is put into its scenario, which then says what that way of writing hides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pytest_mcpflow import Hub, Scenario, Way
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios.automated_disaster_recovery import AutomatedDisasterRecovery
from pytest_mcpflow.scenarios.conditional_pipeline import ConditionalPipeline
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain
from pytest_mcpflow.scenarios.full_cicd_pipeline import FullCicdPipeline
from pytest_mcpflow.scenarios.retry_backoff import RetryBackoff
from pytest_mcpflow.verdict import Judgement, judge

Managed = Callable[[Hub, str], Awaitable[Any]]


def put_into(scenario: Scenario, workflow: Managed, plan: str | None = None) -> Judgement:
    """Run a workflow that takes a manager and a context id in a scenario's world."""

    async def with_context(hub: Hub) -> Any:
        with context_of(hub, scenario.name) as context_id:
            return await workflow(hub, context_id)

    return judge(scenario, way=Way.DIRECT, workflow=with_context, plan=plan)


def broken(judgement: Judgement) -> set[str]:
    return {each.check for each in judgement.broken}


async def deployment_chain(mcp_manager: Hub, context_id: str) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, tool, arguments in (
        ("scan", "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}),
        ("folders", "desktop-commander.execute_command", {"command": "mkdir -p deploy/{config,logs,backup}"}),
        ("build", "docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}),
        ("apply", "kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"}),
        ("alerts", "prometheus-monitoring.setup_alerts", {"service": "app", "environment": "production"}),
    ):
        results[name] = await mcp_manager.call_tool(tool, arguments, context_id)
    await mcp_manager.call_tool(
        "communication-hub.broadcast_deployment",
        {
            "environment": "production",
            "service": "app",
            "status": "completed",
            "details": {"security": len(results["scan"].get("findings", []))},
        },
        context_id,
    )
    return {"success": True, **results}


def test_the_chain_deploys_in_the_documents_own_style() -> None:
    scenario = DeploymentChain()

    judgement = put_into(scenario, deployment_chain)

    assert scenario.cluster.deployments["production/app"].image == "app:latest"
    assert [sent.details for sent in scenario.people.broadcasts] == [{"security": 2}]
    assert {each.context_id for each in judgement.transcript} == {"deployment-chain"}


def test_the_chain_applies_what_a_scan_did_not_pass() -> None:
    """The document looks at no answer before it goes on, and tells nobody when a call fails."""
    scenario = DeploymentChain()
    scenario.scanner.findings[0].severity = "high"

    judgement = put_into(scenario, deployment_chain)

    assert "nothing_unchecked_is_deployed" in broken(judgement)


async def full_cicd_pipeline(mcp_manager: Hub, context_id: str) -> dict[str, Any]:
    call_tool = mcp_manager.call_tool
    steps: dict[str, Any] = {}
    try:
        steps["quality"] = await asyncio.gather(
            call_tool("security-scanner.bandit_scan", {"path": "src/"}, context_id),
            call_tool("security-scanner.npm_audit", {"package_json_path": "package.json"}, context_id),
            call_tool("desktop-commander.execute_command", {"command": "black --check src/"}, context_id),
            call_tool("desktop-commander.execute_command", {"command": "mypy src/"}, context_id),
            return_exceptions=True,
        )
        image = {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}
        steps["build"] = await call_tool("docker.docker_build", image, context_id)
        if steps["build"].get("success"):
            tests = {"image": "app:latest", "command": "pytest tests/ --cov=src/", "volumes": ["/src:/app"]}
            steps["test"] = await call_tool("docker.docker_run", tests, context_id)
        scan = await call_tool("security-scanner.container_scan", {"image": "app:latest"}, context_id)
        ready = steps.get("test", {}).get("success", False) and len(scan.get("vulnerabilities", [])) == 0
        if ready:
            staging = {"manifest_path": "k8s/staging/", "namespace": "staging"}
            steps["staging"] = await call_tool("kubernetes.kubectl_apply", staging, context_id)
        if steps.get("staging", {}).get("success"):
            command = {"command": "pytest tests/integration/ --env=staging"}
            steps["integration"] = await call_tool("desktop-commander.execute_command", command, context_id)
        if steps.get("integration", {}).get("success"):
            backup = {"environment": "production", "service": "app"}
            await call_tool("s3-storage.backup_deployment", backup, context_id)
            production = {"manifest_path": "k8s/production/", "namespace": "production"}
            steps["production"] = await call_tool("kubernetes.kubectl_apply", production, context_id)
        return steps
    except Exception as error:
        alert = {
            "message": f"CI/CD pipeline failed: {error}",
            "severity": "high",
            "metadata": {"steps": [*steps]},
        }
        await call_tool("communication-hub.send_alert", alert, context_id)
        raise


def test_the_pipeline_goes_to_production_in_the_documents_own_style() -> None:
    scenario = FullCicdPipeline()

    put_into(scenario, full_cicd_pipeline)

    assert scenario.cluster.deployments["production/app"].image == "app:latest"
    assert len(scenario.storage.objects) > 0


def test_the_pipeline_lets_an_exception_among_its_results_pass() -> None:
    """`return_exceptions=True` without a look at the results makes a gate of nothing."""
    scenario = FullCicdPipeline()

    judgement = put_into(scenario, full_cicd_pipeline, plan="security-scanner.bandit_scan#1=refuse")

    assert scenario.cluster.deployments["production/app"].image == "app:latest"
    assert "production_needs_every_gate" in broken(judgement)


async def disaster_recovery(mcp_manager: Hub, context_id: str) -> dict[str, Any]:
    call_tool = mcp_manager.call_tool
    results: dict[str, Any] = {}
    assessment = {"include_metrics": True, "time_range": "1h"}
    results["assessment"] = await call_tool("prometheus-monitoring.get_system_health", assessment, context_id)
    alert = {
        "message": "Disaster recovery initiated for service_failure",
        "severity": "critical",
        "escalation_policy": "critical",
        "metadata": {"assessment": dict(results["assessment"])},
    }
    await call_tool("communication-hub.send_alert", alert, context_id)
    results["health"] = await asyncio.gather(
        call_tool("kubernetes.kubectl_get", {"resource_type": "pods", "namespace": "production"}, context_id),
        call_tool("docker.docker_ps", {"all": False}, context_id),
        return_exceptions=True,
    )
    manifests = {"manifest_path": "k8s/production/", "namespace": "production"}
    results["restart"] = await call_tool("kubernetes.kubectl_apply", manifests, context_id)
    recovered = all(result.get("success", False) for result in [results.get("restart", {})] if result)
    notice = {
        "message": "Disaster recovery completed successfully" if recovered else "completed with issues",
        "channels": ["slack", "email", "dashboard"],
        "priority": "critical",
        "template": "incident",
    }
    await call_tool("communication-hub.send_notification", notice, context_id)
    return results


def test_a_recovery_restarts_the_service_in_the_documents_own_style() -> None:
    scenario = AutomatedDisasterRecovery()

    judgement = put_into(scenario, disaster_recovery)

    assert not scenario.cluster.deployments["production/app"].crashing
    assert [sent.message for sent in scenario.people.notifications] == [
        "Disaster recovery completed successfully"
    ]
    assert broken(judgement) == {"expect"}  # of the three failures that happen, it answers the first


class RetryManager:
    """Repeats whatever fails, whether it may be repeated or not."""

    @staticmethod
    async def execute_with_retry(
        mcp_manager: Hub, call: Callable[[], Awaitable[Any]], context_id: str, max_retries: int = 3
    ) -> Any:
        for attempt in range(max_retries + 1):
            try:
                return await call()
            except Exception as error:
                if attempt == max_retries:
                    alert = {
                        "message": f"Tool call failed after {max_retries} retries: {error}",
                        "severity": "high",
                    }
                    await mcp_manager.call_tool("communication-hub.send_alert", alert, context_id)
                    raise
                await asyncio.sleep(min(1.0 * 2.0**attempt, 60.0))
        raise AssertionError("the last attempt returns or raises")


async def restart(mcp_manager: Hub, context_id: str) -> None:
    worker = {"name": "worker", "namespace": "production"}
    await RetryManager.execute_with_retry(
        mcp_manager,
        lambda: mcp_manager.call_tool("kubernetes.kubectl_rollout_restart", worker, context_id, timeout=10),
        context_id,
    )


def test_retries_wait_twice_as_long_each_time_in_the_documents_own_style() -> None:
    scenario = RetryBackoff()
    scenario.cluster.outages.clear()
    scenario.cluster.unreachable = True

    judgement = put_into(scenario, restart)

    began = [int(call.at) for call in judgement.transcript.calls("kubectl_rollout_restart")]
    assert began == [0, 1, 3, 7]
    assert "after 3 retries" in scenario.people.alerts[0].message


def test_retries_restart_twice_when_an_answer_is_lost() -> None:
    scenario = RetryBackoff()
    scenario.cluster.outages.clear()

    judgement = put_into(scenario, restart, plan="kubernetes.kubectl_rollout_restart#1=lose_reply")

    assert len(scenario.cluster.deployments["production/worker"].revisions) == 3
    assert judgement.verdict.name == "FAILED_SILENTLY"


class Pipeline:
    """Steps with conditions, undone in reverse when one fails."""

    def __init__(self, mcp_manager: Hub) -> None:
        self.mcp_manager = mcp_manager
        self.steps: list[tuple[Managed, Callable[[], bool], Managed | None]] = []

    def add_step(
        self, step: Managed, condition: Callable[[], bool] = lambda: True, undo: Managed | None = None
    ) -> None:
        self.steps.append((step, condition, undo))

    async def execute(self, context_id: str) -> None:
        executed: list[Managed | None] = []
        try:
            for step, condition, undo in self.steps:
                if condition():
                    await step(self.mcp_manager, context_id)
                    executed.append(undo)
        except Exception:
            for undo in reversed(executed):
                if undo:
                    await undo(self.mcp_manager, context_id)
            raise


async def build(mcp_manager: Hub, context_id: str) -> Any:
    arguments = {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}
    return await mcp_manager.call_tool("docker.docker_build", arguments, context_id)


async def remove(mcp_manager: Hub, context_id: str) -> Any:
    return await mcp_manager.call_tool("docker.docker_rmi", {"image": "app:latest"}, context_id)


async def apply(mcp_manager: Hub, context_id: str) -> Any:
    arguments = {"manifest_path": "k8s/", "namespace": "production"}
    return await mcp_manager.call_tool("kubernetes.kubectl_apply", arguments, context_id)


async def pipeline(mcp_manager: Hub, context_id: str) -> None:
    steps = Pipeline(mcp_manager)
    steps.add_step(build, condition=lambda: True, undo=remove)
    steps.add_step(apply, undo=None)
    await steps.execute(context_id)


def test_a_pipeline_of_steps_undoes_them_in_the_documents_own_style() -> None:
    scenario = ConditionalPipeline()

    judgement = put_into(scenario, pipeline, plan="kubernetes.kubectl_apply#1=refuse")

    assert scenario.docker.images == {}
    assert judgement.transcript.before("kubernetes.kubectl_apply", "docker.docker_rmi")
    assert "a_failure_is_heard" in broken(judgement)  # the document alerts only where undoing fails, too
