"""Wrong pipelines, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from planned import Fault, under
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios.conditional_pipeline import ConditionalPipeline, PipelineReport

__all__ = ["MUTANTS"]


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


async def stop_rolling_back(hub: Hub) -> PipelineReport:
    """Gives up when the first thing cannot be undone, and alerts of that one alone."""
    context = hub.create_context().id
    place = {"namespace": "production"}
    build = {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}
    await hub.call_tool("docker.docker_build", build, context)
    await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/", **place}, context)
    try:
        await hub.call_tool("kubernetes.kubectl_rollout_undo", {"name": "app", **place}, context)
        await hub.call_tool("docker.docker_rmi", {"image": "app:latest"}, context)
    except ToolError as error:
        alert = {"message": f"Rollback failed: {error}", "severity": "critical"}
        await hub.call_tool("communication-hub.send_alert", alert, context)
    return PipelineReport(success=False, executed=("build", "deploy"), skipped=(), error="smoke test failed")


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Loses the alert of a rollback that failed."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "run every step": (run_every_step, "skipped_steps_do_nothing"),
    "fail without rolling back": (fail_without_rolling_back, "nothing_is_left_of_a_failure"),
    "roll back forwards": (roll_back_forwards, "undone_in_reverse"),
    "stop rolling back": (
        under(stop_rolling_back, {"kubectl_rollout_undo": Fault.REFUSE}),
        "nothing_is_left_of_a_failure",
    ),
    "fail unheard": (
        under(
            tampered(ConditionalPipeline().workflow, fail_unheard),
            {"kubectl_apply": Fault.REFUSE, "docker_rmi": Fault.REFUSE},
        ),
        "nothing_is_left_of_a_failure",
    ),
}
"""Workflow and the check that catches it, by what is wrong with it."""
