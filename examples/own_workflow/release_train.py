"""A release as this team does it, put into the documented scenario `deployment-chain`."""

from __future__ import annotations

from typing import Any

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.scenarios.deployment_chain import Release

STEPS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"}, "passed"),
    ("desktop-commander.execute_command", {"command": "mkdir -p deploy/{config,logs,backup}"}, "success"),
    ("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:latest"}, "success"),
    ("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"}, "success"),
    ("prometheus-monitoring.setup_alerts", {"service": "app", "environment": "production"}, "success"),
)


async def depart(hub: Hub) -> Release:
    train = hub.create_context("deployment-chain").id
    try:
        return await release(hub, train)
    finally:
        del hub.contexts[train]


async def release(hub: Hub, train: str) -> Release:
    findings, failed = 0, None
    for tool, arguments, gate in STEPS:
        try:
            result = await hub.call_tool(tool, arguments, train)
        except ToolError:
            failed = tool
            break
        findings += len(result.get("findings", ()))
        if not result[gate]:
            failed = tool
            break
    await hub.call_tool(
        "communication-hub.broadcast_deployment",
        {
            "environment": "production",
            "service": "app",
            "status": "failed" if failed else "completed",
            "details": {"security": findings, "failed_step": failed},
        },
        train,
    )
    return Release(success=failed is None, findings=findings, failed_step=failed)
