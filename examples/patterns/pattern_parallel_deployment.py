"""Independent work side by side, under one time limit, and a decision when all of it went well."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.security_scanner import SecurityScanner

BEFORE: dict[str, dict[str, Any]] = {
    "security-scanner.bandit_scan": {"path": "src/"},
    "security-scanner.npm_audit": {"package_json_path": "package.json"},
    "docker.docker_build": {"dockerfile_path": "Dockerfile", "image_tag": "app:2"},
}


# region: pattern
async def deploy(hub: Hub, *, limit: float = 600) -> bool:
    async def well(tool: str) -> None:
        result = await hub.call_tool(tool, BEFORE[tool])
        if result.get("passed", result.get("success")) is not True:
            raise RuntimeError(f"{tool}: {dict(result)}")

    try:
        # A task group, unlike gather, ends the others when one fails: nothing outlives the block.
        async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
            for tool in BEFORE:
                group.create_task(well(tool))
    except (TimeoutError, ExceptionGroup) as error:
        why = "not done in time" if isinstance(error, TimeoutError) else str(error.exceptions[0])
        alert = {"message": f"Not deployed: {why}", "severity": "high"}
        await hub.call_tool("communication-hub.send_alert", alert, timeout=60)
        return False
    await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/"}, timeout=60)
    return True
    # endregion


def serve(hub: Hub) -> tuple[Kubernetes, CommunicationHub]:
    takes = {"bandit_scan": 30.0, "npm_audit": 45.0}
    hub.serve(SecurityScanner(dependencies={"package.json": []}, takes=takes))
    hub.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}, takes={"docker_build": 240.0}))
    cluster = hub.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))
    return cluster, hub.serve(CommunicationHub())


# region: test
async def test_a_build_that_never_ends_deploys_nothing(mcpflow: Hub) -> None:
    cluster, people = serve(mcpflow)
    mcpflow.fail("docker.docker_build#1=lose_reply")

    assert not await deploy(mcpflow)

    assert mcpflow.clock.now() == 600
    assert cluster.deployments == {}
    assert people.alerts[0].message == "Not deployed: not done in time"
    # endregion


async def test_all_is_done_side_by_side(mcpflow: Hub) -> None:
    cluster, _ = serve(mcpflow)

    assert await deploy(mcpflow)

    assert mcpflow.clock.now() == 240
    assert [*cluster.deployments] == ["default/app"]
