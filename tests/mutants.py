"""Workflows that are wrong on purpose, and the check of their scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios.automated_disaster_recovery import AutomatedDisasterRecovery
from pytest_mcpflow.scenarios.conditional_pipeline import ConditionalPipeline, PipelineReport
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain, Release
from pytest_mcpflow.scenarios.disaster_recovery import DisasterRecovery
from pytest_mcpflow.scenarios.emergency_hotfix import EmergencyHotfix
from pytest_mcpflow.scenarios.incident_response import IncidentReport, IncidentResponse

__all__ = ["PLANTED"]


async def broadcast_twice(hub: Hub) -> Release:
    """Repeats the broadcast, as after a lost answer."""
    release = await DeploymentChain().workflow(hub)
    message = {"environment": "production", "service": "app", "status": "completed"}
    await hub.call_tool("communication-hub.broadcast_deployment", message)
    return release


async def deploy_before_the_build(hub: Hub) -> Release:
    """Applies the manifests without having built or scanned anything."""
    await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
    return await DeploymentChain().workflow(hub)


async def announce_without_deploying(hub: Hub) -> Release:
    """Says that it is done."""
    message = {"environment": "production", "service": "app", "status": "completed"}
    await hub.call_tool("communication-hub.broadcast_deployment", message)
    return Release(success=True, findings=0)


async def run_every_step(hub: Hub) -> PipelineReport:
    """Ignores a condition that is false."""
    await hub.call_tool("desktop-commander.execute_command", {"command": "python manage.py migrate"})
    return await ConditionalPipeline().workflow(hub)


async def fail_without_rolling_back(hub: Hub) -> PipelineReport:
    """Builds and then gives up, and leaves the image behind."""
    await hub.call_tool("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"})
    return PipelineReport(success=False, executed=("build",), skipped=(), error="gave up")


async def roll_back_forwards(hub: Hub) -> PipelineReport:
    """Undoes the first step first."""
    await ConditionalPipeline().workflow(hub)
    await hub.call_tool("docker.docker_rmi", {"image": "app:latest"})
    await hub.call_tool("kubernetes.kubectl_rollout_undo", {"name": "app", "namespace": "production"})
    return PipelineReport(success=False, executed=("build", "deploy"), skipped=())


async def claim_recovery(hub: Hub) -> list[Any]:
    """Tells people that all is well, without having looked."""
    notice = {"message": "Recovered from service_failure", "channels": ["slack"], "priority": "critical"}
    await hub.call_tool("communication-hub.send_notification", notice)
    return []


async def act_before_alerting(hub: Hub) -> list[Any]:
    """Changes production before anybody knows."""
    await hub.call_tool(
        "kubernetes.kubectl_apply", {"manifest_path": "k8s/production/", "namespace": "production"}
    )
    await asyncio.sleep(1)
    return await AutomatedDisasterRecovery().workflow(hub)


async def restore_over_the_ruins(hub: Hub) -> object:
    """Restores under the lost database's own name."""
    report = await DisasterRecovery().workflow(hub)
    try:
        arguments = {"snapshot_id": "snapshot-0100", "database": "shop"}
        await hub.call_tool("droplet-executor.restore_snapshot", arguments)
    except Exception as error:
        return (report, error)
    return report


async def forget_the_loss(hub: Hub) -> object:
    """Reports everything but what is missing."""
    report = await DisasterRecovery().workflow(hub)
    path = "docs/incidents/dropped-database.md"
    await hub.call_tool("desktop-commander.write_file", {"path": path, "content": "All is well.\n"})
    return report


async def repoint_before_the_replay(hub: Hub) -> object:
    """Lets a service see the database before its log was replayed."""
    await hub.call_tool("droplet-executor.create_database", {"host": "prod-1", "database": "early"})
    await asyncio.sleep(60)
    arguments = {"host": "prod-1", "service": "api", "database": "early"}
    await hub.call_tool("droplet-executor.set_service_database", arguments)
    return await DisasterRecovery().workflow(hub)


async def deploy_twice(hub: Hub) -> object:
    """Repeats the deployment under another key, as a blind retry would."""
    report = await EmergencyHotfix().workflow(hub)
    arguments = {"host": "prod-1", "service": "payments", "version": "2.1.1", "skip_staging": True}
    await hub.call_tool("droplet-executor.deploy", {**arguments, "idempotency_key": "again"})
    return report


async def log_the_secret(hub: Hub) -> object:
    """Sends the secret's value with an alert."""
    alert = {"message": "now set to whsec_" + "x" * 8, "severity": "low"}
    await hub.call_tool("communication-hub.send_alert", alert)
    return await EmergencyHotfix().workflow(hub)


async def restart_twice(hub: Hub) -> object:
    """Restarts again, as after a lost answer."""
    report = await IncidentResponse().workflow(hub)
    await hub.call_tool("droplet-executor.restart_service", {"host": "prod-1", "service": "api"})
    return report


async def investigate_first(hub: Hub) -> object:
    """Looks for the cause while customers wait."""
    await hub.call_tool("desktop-commander.search_code", {"path": "src", "pattern": "healthCheck"})
    await asyncio.sleep(60)
    return await IncidentResponse().workflow(hub)


async def play_it_down(hub: Hub) -> IncidentReport:
    """Calls it minor, with no measurement."""
    await hub.call_tool("droplet-executor.check_health", {"host": "prod-1"})
    return IncidentReport("P3", None, None, (), "unknown", None, False)


async def close_too_early(hub: Hub) -> IncidentReport:
    """Closes the incident with connections still running out."""
    await hub.call_tool("communication-hub.send_alert", {"message": "P1", "severity": "critical"})
    return IncidentReport("P1", (195, 200), None, (), "unknown", None, True)


PLANTED: list[tuple[str, Callable[[Hub], Awaitable[Any]], str]] = [
    ("deployment-chain", broadcast_twice, "one_broadcast_per_outcome"),
    ("deployment-chain", deploy_before_the_build, "nothing_unchecked_is_deployed"),
    ("deployment-chain", announce_without_deploying, "success_is_only_told_of_what_runs"),
    ("conditional-pipeline", run_every_step, "skipped_steps_do_nothing"),
    ("conditional-pipeline", fail_without_rolling_back, "nothing_is_left_of_a_failure"),
    ("conditional-pipeline", roll_back_forwards, "undone_in_reverse"),
    ("automated-disaster-recovery", claim_recovery, "recovered_means_acted_and_verified"),
    ("automated-disaster-recovery", act_before_alerting, "alerted_before_acting"),
    ("disaster-recovery", restore_over_the_ruins, "nothing_alive_is_overwritten"),
    ("disaster-recovery", forget_the_loss, "loss_is_always_reported"),
    ("disaster-recovery", repoint_before_the_replay, "services_never_see_a_half_restored_database"),
    ("emergency-hotfix", deploy_twice, "deployed_at_most_once"),
    ("emergency-hotfix", log_the_secret, "the_secret_stays_secret"),
    ("incident-response", restart_twice, "restarts_at_most_once"),
    ("incident-response", investigate_first, "mitigation_comes_first"),
    ("incident-response", play_it_down, "severity_is_never_lowered_by_a_missing_answer"),
    ("incident-response", close_too_early, "closed_only_while_healthy"),
]
"""Scenario, wrong workflow, and the check that catches it."""
