"""A pipeline as a graph: what does not depend on each other runs together. With graphlib of the standard library."""

from __future__ import annotations

import asyncio
from graphlib import TopologicalSorter
from typing import Any

from mcp import MCPError

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.s3_storage import S3Storage
from pytest_mcpflow.fakes.security_scanner import SecurityScanner

STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "code": ("security-scanner.bandit_scan", {"path": "src/"}),
    "types": ("desktop-commander.execute_command", {"command": "mypy src/"}),
    "build": ("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:2"}),
    "backup": ("s3-storage.backup_deployment", {"environment": "production", "service": "app"}),
    "production": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/"}),
}
# Not sets, whose order is another in each process: two runs are to be alike.
NEEDS = {"build": ("code", "types"), "backup": ("build",), "production": ("build", "backup")}


# region: pattern
async def deliver(hub: Hub) -> dict[str, str]:
    """What became of each step; those behind one that failed are not in it."""
    outcomes: dict[str, str] = {}
    graph = TopologicalSorter(NEEDS)
    graph.prepare()
    while ready := graph.get_ready():
        for name, outcome in zip(
            ready, await asyncio.gather(*(_step(hub, each) for each in ready)), strict=True
        ):
            outcomes[name] = outcome
            if outcome == "done":
                graph.done(name)  # only now is what needs it ready
    return outcomes


async def _step(hub: Hub, name: str) -> str:
    tool, arguments = STEPS[name]
    try:
        result = await hub.call_tool(tool, arguments, timeout=600)
    except (ToolError, MCPError) as error:
        return str(error)
    return (
        "done"
        if result.get("passed", result.get("success")) is True
        else f"{tool} did not say that it went well"
    )
    # endregion


def serve(hub: Hub) -> Kubernetes:
    hub.serve(SecurityScanner())
    hub.serve(DesktopCommander(scripts=[Script("mypy src/", stdout="Success")]))
    hub.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    hub.serve(S3Storage(sources={"production/app": "image: app:1"}))
    return hub.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))


# region: test
async def test_production_is_not_touched_without_a_backup(mcpflow: Hub) -> None:
    cluster = serve(mcpflow)
    mcpflow.fail("s3-storage.backup_deployment#1=lose_reply")

    outcomes = await deliver(mcpflow)

    assert [*outcomes] == ["code", "types", "build", "backup"]
    assert outcomes["backup"] != "done"
    assert cluster.deployments == {}
    # endregion


async def test_the_pipeline_delivers(mcpflow: Hub) -> None:
    cluster = serve(mcpflow)

    assert await deliver(mcpflow) == dict.fromkeys(STEPS, "done")

    assert [*cluster.deployments] == ["default/app"]
