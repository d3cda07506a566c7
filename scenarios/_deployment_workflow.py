"""The reference answer to `deployment-chain`: step after step behind gates, then one broadcast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["Release", "release"]


@dataclass(frozen=True)
class Release:
    """How the chain ended: `failed_step` is the tool that stopped it."""

    success: bool
    findings: int
    failed_step: str | None = None
    error: str | None = None


class _Stopped(Exception):
    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = step


async def release(desk: Desk) -> Release:
    """Take the steps, and tell everybody once how it ended."""
    ended = await _steps(desk)
    if not ended.success:
        await desk.alert(f"Deployment stopped at {ended.failed_step}: {ended.error}", severity="high")
    status: Literal["completed", "failed"] = "completed" if ended.success else "failed"
    details = {"security": ended.findings, "failed_step": ended.failed_step}
    await desk.broadcast("production", "app", status, details=details)
    if desk.untold:
        untold = "; ".join(desk.untold)
        await desk.alert(f"Nobody was told of the deployment: {untold}", severity="high")
        return replace(ended, success=False, error=f"not told: {untold}")
    return ended


async def _steps(desk: Desk) -> Release:
    async def step(tool: str, arguments: dict[str, Any], gate: str = "success") -> Mapping[str, Any]:
        """Every step may be repeated: scanning reads, and the others end in the same state however often they run."""
        try:
            result = await desk.repeat(tool, arguments)
        except Exception as error:
            raise _Stopped(tool, str(error)) from error
        if result.get(gate) is not True:
            raise _Stopped(tool, f"{gate} is not true: {dict(result)}")
        return result

    findings = 0
    try:
        scan = await step(
            "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}, gate="passed"
        )
        findings = len(scan["findings"])
        await step("desktop-commander.execute_command", {"command": "mkdir -p deploy/{config,logs,backup}"})
        await step("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"})
        await step("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
        await step("prometheus-monitoring.setup_alerts", {"service": "app", "environment": "production"})
    except _Stopped as stopped:
        return Release(success=False, findings=findings, failed_step=stopped.step, error=str(stopped))
    return Release(success=True, findings=findings)
