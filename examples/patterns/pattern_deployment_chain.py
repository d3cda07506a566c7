"""Steps one after the other, each behind a gate."""

from __future__ import annotations

from mcp import MCPError

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.security_scanner import SecurityScanner


# region: pattern
class GateClosed(Exception):
    """A step answered, and did not say that it went well."""


async def deploy(hub: Hub) -> bool:
    async def step(tool: str, arguments: dict[str, str], gate: str = "success") -> CallResult:
        result = await hub.call_tool(tool, arguments, timeout=600)
        if result.get(gate) is not True:  # a missing answer is not a yes
            raise GateClosed(f"{tool}: {gate} is {result.get(gate)!r}")
        return result

    status = "failed"
    try:
        await step("security-scanner.comprehensive_scan", {"severity": "medium"}, gate="passed")
        await step("docker.docker_build", {"dockerfile_path": "Dockerfile", "image_tag": "app:2"})
        await step("kubernetes.kubectl_apply", {"manifest_path": "k8s/"})
        status = "completed"
    except (GateClosed, ToolError, MCPError):
        pass
    notice = {"environment": "production", "service": "app", "status": status}
    await hub.call_tool("communication-hub.broadcast_deployment", notice, timeout=60)
    return status == "completed"
    # endregion


# region: test
async def test_nothing_is_applied_after_a_build_that_failed(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner())
    mcpflow.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster = mcpflow.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("docker.docker_build#1=refuse")

    assert not await deploy(mcpflow)

    assert cluster.deployments == {}
    assert [sent.status for sent in people.broadcasts] == ["failed"]
    # endregion


async def test_the_chain_deploys_and_says_so_once(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner())
    mcpflow.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster = mcpflow.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))
    people = mcpflow.serve(CommunicationHub())

    assert await deploy(mcpflow)

    assert cluster.deployments["default/app"].image == "app:2"
    assert [sent.status for sent in people.broadcasts] == ["completed"]
