"""Steps with conditions; what was done is undone in reverse when a later step fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest


# region: pattern
@dataclass(frozen=True)
class Step:
    do: Callable[[Hub], Awaitable[object]]
    undo: Callable[[Hub], Awaitable[object]] | None = None
    condition: Callable[[], bool] = lambda: True


async def run_pipeline(hub: Hub, steps: list[Step]) -> None:
    async with AsyncExitStack() as undoing:  # calls back in reverse, all of them, whatever one raises
        for step in steps:
            if step.condition():
                if step.undo:
                    # Before the step: one whose answer is lost may have been done.
                    undoing.push_async_callback(_undo, hub, step.undo)
                await step.do(hub)
        undoing.pop_all()


async def _undo(hub: Hub, undo: Callable[[Hub], Awaitable[object]]) -> None:
    try:
        await undo(hub)
    except Exception as error:
        alert = {"message": f"{undo.__name__} failed, do it by hand: {error}", "severity": "critical"}
        await hub.call_tool("communication-hub.send_alert", alert, timeout=60)
    # endregion


async def build(hub: Hub) -> object:
    arguments = {"dockerfile_path": "Dockerfile", "image_tag": "app:2"}
    return await hub.call_tool("docker.docker_build", arguments, timeout=600)


async def remove_image(hub: Hub) -> object:
    return await hub.call_tool("docker.docker_rmi", {"image": "app:2"}, timeout=60)


async def apply(hub: Hub) -> object:
    return await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/"}, timeout=60)


async def delete(hub: Hub) -> object:
    return await hub.call_tool("kubernetes.kubectl_delete", {"name": "app"}, timeout=60)


async def smoke_test(hub: Hub) -> object:
    raise RuntimeError("the smoke test failed")


STEPS = [
    Step(build, remove_image),
    Step(build, condition=lambda: False),
    Step(apply, delete),
    Step(smoke_test),
]


# region: test
async def test_one_rollback_that_fails_is_alerted_and_the_other_happens(mcpflow: Hub) -> None:
    builder = mcpflow.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster = mcpflow.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("kubernetes.kubectl_delete#1=refuse")

    with pytest.raises(RuntimeError, match="smoke test"):
        await run_pipeline(mcpflow, STEPS)

    assert mcpflow.transcript.before("kubernetes.kubectl_delete", "docker.docker_rmi")
    assert builder.images == {}
    assert [*cluster.deployments] == ["default/app"]
    assert "delete failed, do it by hand" in people.alerts[0].message
    # endregion


async def test_a_failure_leaves_nothing_behind(mcpflow: Hub) -> None:
    builder = mcpflow.serve(Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster = mcpflow.serve(Kubernetes(manifests={"k8s/app.yaml": Manifest("app", "app:2")}))
    mcpflow.serve(CommunicationHub())

    with pytest.raises((RuntimeError, ToolError)):
        await run_pipeline(mcpflow, STEPS)

    assert (builder.images, cluster.deployments) == ({}, {})
    assert mcpflow.transcript.counts()["docker.docker_build"] == 1
