"""Wrong parallel deployments, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._parallel_workflow import APPLY, BUILDS, Rollout
from pytest_mcpflow.scenarios.parallel_deployment import ParallelDeployment

__all__ = ["MUTANTS"]

PRODUCTION = {"manifest_path": "k8s/", "namespace": "production"}
_building: list[asyncio.Task[None]] = []
"""Keeps what runs in the background from being collected."""


async def take_missing_for_clean(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Believes that there is nothing wrong with the dependencies, since nobody said so."""
    if name.endswith("npm_audit"):
        return answer({"success": True, "passed": True})
    return await send(name, arguments)


async def not_wait_for_the_image(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Goes on as soon as the image is asked for, and builds it in the background."""
    if name.endswith("docker_build"):
        _building.append(asyncio.create_task(_unheeded(send(name, arguments))))
        await asyncio.sleep(1)
        return answer({"success": True})
    return await send(name, arguments)


async def _unheeded(call: Awaitable[CallResult]) -> None:
    with suppress(Exception):
        await call


async def apply_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Undoes and repeats the deployment, to be sure of it."""
    result = await send(name, arguments)
    if name == APPLY:
        await send("kubernetes.kubectl_rollout_undo", {"name": "app", "namespace": "production"})
        await send(name, arguments)
    return result


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Loses the alert of a scan that does not run."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    if name.endswith("bandit_scan"):
        raise ToolError("security-scanner", "bandit_scan", "bandit: command not found")
    return await send(name, arguments)


async def forget_the_context(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Alerts of a scan that does not run, and does not say of which deployment."""
    if name.endswith("send_alert"):
        del arguments["metadata"]["context_id"]
    if name.endswith("bandit_scan"):
        raise ToolError("security-scanner", "bandit_scan", "bandit: command not found")
    return await send(name, arguments)


async def apply_first(hub: Hub) -> Rollout:
    """Deploys what was never looked at."""
    context = hub.create_context()
    await hub.call_tool(APPLY, PRODUCTION, context.id)
    return await ParallelDeployment().workflow(hub)


async def build_for_ever(hub: Hub) -> Rollout:
    """Gives each of three attempts the whole limit."""
    context = hub.create_context()
    for _ in range(3):
        await hub.call_tool("docker.docker_build", BUILDS["docker.docker_build"], context.id, timeout=600)
    return await ParallelDeployment().workflow(hub)


def _of(tamper: Tamper) -> Workflow:
    return tampered(ParallelDeployment().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take missing for clean": (_of(take_missing_for_clean), "nothing_is_applied_unless_all_five_are_well"),
    "apply first": (apply_first, "nothing_is_applied_unless_all_five_are_well"),
    "not wait for the image": (_of(not_wait_for_the_image), "no_call_outlives_the_workflow"),
    "build for ever": (build_for_ever, "time_limits_are_honoured"),
    "apply twice": (_of(apply_twice), "production_changes_once"),
    "forget the context": (_of(forget_the_context), "alerts_name_the_context"),
    "fail unheard": (_of(fail_unheard), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
