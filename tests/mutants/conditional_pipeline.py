"""Wrong pipelines, and the check of the scenario that must say so."""

from __future__ import annotations

from pytest_mcpflow import Hub, Workflow
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


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "run every step": (run_every_step, "skipped_steps_do_nothing"),
    "fail without rolling back": (fail_without_rolling_back, "nothing_is_left_of_a_failure"),
    "roll back forwards": (roll_back_forwards, "undone_in_reverse"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
