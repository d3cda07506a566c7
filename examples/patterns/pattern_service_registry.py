"""A service is called only while it, and what it needs, answer; an error says which does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from mcp import MCPError

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest


# region: pattern
class ServiceUnavailableError(Exception):
    """A service, or one that it needs, does not answer; the message names it."""


@dataclass(frozen=True)
class Service:
    tool: str
    probe: tuple[str, dict[str, Any]]
    needs: tuple[str, ...] = ()


class Registry:
    def __init__(self, hub: Hub, services: dict[str, Service]) -> None:
        self._hub, self._services = hub, services

    async def call(self, name: str, arguments: dict[str, Any]) -> CallResult:
        if name not in self._services:
            raise LookupError(f"no service {name!r}; there is: {', '.join(self._services)}")
        await self._see_that_it_answers(name)  # each time: what was seen before says nothing
        return await self._hub.call_tool(self._services[name].tool, arguments, timeout=60)

    async def _see_that_it_answers(self, name: str) -> None:
        for needed in self._services[name].needs:
            await self._see_that_it_answers(needed)
        tool, arguments = self._services[name].probe
        try:
            await self._hub.call_tool(tool, arguments, timeout=5)
        except (ToolError, MCPError) as error:
            raise ServiceUnavailableError(f"{name} does not answer: {error}") from error

    # endregion


SERVICES = {
    "images": Service("docker.docker_build", ("docker.docker_ps", {})),
    "releases": Service(
        "kubernetes.kubectl_apply", ("kubernetes.kubectl_get", {"resource_type": "pods"}), needs=("images",)
    ),
}


def serve(hub: Hub) -> Kubernetes:
    hub.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    return hub.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))


# region: test
async def test_nothing_is_called_while_what_it_needs_does_not_answer(mcpflow: Hub) -> None:
    cluster = serve(mcpflow)
    mcpflow.fail("docker.docker_ps#1=lose_request")
    registry = Registry(mcpflow, SERVICES)

    with pytest.raises(ServiceUnavailableError, match="images does not answer"):
        await registry.call("releases", {"manifest_path": "k8s/"})

    assert cluster.deployments == {}
    await registry.call("releases", {"manifest_path": "k8s/"})  # it answers again
    assert [*cluster.deployments] == ["default/app"]
    # endregion


async def test_a_service_that_is_none_is_named_with_those_that_are(mcpflow: Hub) -> None:
    registry = Registry(mcpflow, SERVICES)
    serve(mcpflow)
    await registry.call("images", {"dockerfile_path": "Dockerfile", "image_tag": "app:2"})

    with pytest.raises(LookupError, match="no service 'image'; there is: images, releases"):
        await registry.call("image", {})
