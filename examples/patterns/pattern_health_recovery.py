"""Look every so often, and help what is unwell: not at once again, and not for ever."""

from __future__ import annotations

import asyncio

from mcp import MCPError

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Revision

EVERY, REST, ATTEMPTS = 30, 60, 3
APP = {"name": "app"}


# region: pattern
async def watch(hub: Hub, *, seconds: float) -> None:
    rests_until, attempts = 0.0, 0
    async with asyncio.timeout(seconds):
        while True:
            if await _is_well(hub):
                attempts = 0
            elif attempts == ATTEMPTS:
                await _alert(hub, f"app is unwell after {ATTEMPTS} restarts; somebody must look")
                attempts += 1  # said once
            elif attempts < ATTEMPTS and hub.clock.now() >= rests_until:
                rests_until, attempts = hub.clock.now() + REST, attempts + 1
                try:
                    await hub.call_tool("kubernetes.kubectl_rollout_restart", APP, timeout=20)
                except (ToolError, MCPError) as error:
                    await _alert(hub, f"restarting app failed: {error}")
            await asyncio.sleep(EVERY)


async def _is_well(hub: Hub) -> bool:
    try:
        pods = await hub.call_tool("kubernetes.kubectl_get", {"resource_type": "pods"}, timeout=10)
    except (ToolError, MCPError):
        return False
    return all(pod["ready"] for pod in pods["items"])


async def _alert(hub: Hub, message: str) -> None:
    await hub.call_tool("communication-hub.send_alert", {"message": message, "severity": "high"}, timeout=20)
    # endregion


def crashing() -> Kubernetes:
    app = Deployment("app", "default", 2, [Revision(1, "app:1", {}, -60, "apply")], crashing=True)
    return Kubernetes(deployments={"default/app": app})


async def for_ten_minutes(hub: Hub) -> None:
    try:
        await watch(hub, seconds=600)
    except TimeoutError:
        return


# region: test
async def test_a_recovery_that_fails_is_alerted_and_tried_again(mcpflow: Hub) -> None:
    cluster = mcpflow.serve(crashing())
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("kubernetes.kubectl_rollout_restart#1=refuse")

    await for_ten_minutes(mcpflow)

    assert [call.at for call in mcpflow.transcript.calls("kubectl_rollout_restart")] == [0, 60]
    assert people.alerts[0].message.startswith("restarting app failed: ")
    assert len(cluster.running("default", "app")) == 2


async def test_what_does_not_help_is_not_done_for_ever(mcpflow: Hub) -> None:
    mcpflow.serve(crashing())
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("kubernetes.kubectl_rollout_restart#*=refuse")

    await for_ten_minutes(mcpflow)

    assert mcpflow.transcript.counts()["kubernetes.kubectl_rollout_restart"] == 3
    assert people.alerts[-1].message == "app is unwell after 3 restarts; somebody must look"
    # endregion
