"""The reference answer to `parallel-deployment`: five checks in one task group, then one rollout."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["APPLY", "BUILDS", "BUILD_LIMIT", "SCANS", "SCAN_LIMIT", "Rollout", "deploy"]

SCAN_LIMIT, BUILD_LIMIT = 300, 600
SCANS: Mapping[str, Mapping[str, Any]] = {
    "security-scanner.bandit_scan": {"path": "src/"},
    "security-scanner.npm_audit": {"package_json_path": "package.json"},
    "security-scanner.container_scan": {"dockerfile": "Dockerfile"},
}
BUILDS: Mapping[str, Mapping[str, Any]] = {
    "docker.docker_build": {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"},
    "desktop-commander.execute_command": {"command": "npm run build"},
}
APPLY = "kubernetes.kubectl_apply"


@dataclass(frozen=True)
class Rollout:
    """Whether the application was deployed, and what was in the way."""

    success: bool
    problems: tuple[str, ...] = ()


async def deploy(hub: Hub, context_id: str) -> Rollout:
    desk = Desk(hub, context_id=context_id)
    try:
        async with asyncio.TaskGroup() as group:
            for tools, gate, limit in ((SCANS, "passed", SCAN_LIMIT), (BUILDS, "success", BUILD_LIMIT)):
                # Half of the limit, so that there is time for a second attempt when an answer is lost.
                patient = Desk(hub, timeout=limit / 2, context_id=context_id)
                for tool, arguments in tools.items():
                    group.create_task(_checked(patient, tool, arguments, gate, limit))
        await _checked(
            desk, APPLY, {"manifest_path": "k8s/", "namespace": "production"}, "success", SCAN_LIMIT
        )
    except Exception as error:
        failures = _each(error)
        problems = tuple(str(each) for each in failures)
        timed_out = any(isinstance(each, TimeoutError) for each in failures)
        message = "Deployment workflow timed out" if timed_out else "Deployment workflow failed"
        await desk.alert(message, {"context_id": context_id, "problems": [*problems]}, severity="high")
        return Rollout(False, problems)
    return Rollout(True)


async def _checked(desk: Desk, tool: str, arguments: Mapping[str, Any], gate: str, limit: float) -> None:
    """Call a tool that may be repeated, and insist on a good answer within the limit."""
    try:
        async with asyncio.timeout(limit):
            answer = await desk.repeat(tool, arguments)
    except TimeoutError:
        raise TimeoutError(f"{tool}: no answer within {limit} s") from None
    if answer.get(gate) is not True:
        raise RuntimeError(f"{tool}: {gate} is not true: {dict(answer)}")


def _each(error: Exception) -> Sequence[Exception]:
    """All that went wrong side by side."""
    return (
        cast("ExceptionGroup[Exception]", error).exceptions if isinstance(error, ExceptionGroup) else [error]
    )
