"""Repeat what may be repeated, ever more slowly. With stamina; in virtual time the pauses cost nothing."""

from __future__ import annotations

import pytest
import stamina
from mcp import MCPError

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Outage, Revision


# region: pattern
@stamina.retry(on=(ToolError, MCPError), attempts=4, wait_initial=1, wait_max=60, wait_jitter=0, timeout=None)
async def apply(hub: Hub) -> CallResult:
    """Applying twice ends like applying once, so that it may be repeated."""
    return await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/"}, timeout=30)


@stamina.retry(on=ToolError, attempts=4, wait_initial=1, wait_max=60, wait_jitter=0, timeout=None)
async def restart(hub: Hub) -> CallResult:
    """A refusal did nothing and may be repeated. An answer that is missing may stand for a restart: not repeated."""
    return await hub.call_tool("kubernetes.kubectl_rollout_restart", {"name": "app"}, timeout=30)
    # endregion


def cluster() -> Kubernetes:
    running = Deployment("app", "default", 2, [Revision(1, "app:1", {}, 0, "apply")])
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:2")}, deployments={"default/app": running}
    )


# region: test
async def test_pauses_double_until_the_cluster_is_back(mcpflow: Hub) -> None:
    away = cluster()
    away.outages = [Outage(0, 6)]
    mcpflow.serve(away)

    await apply(mcpflow)

    assert [round(call.at) for call in mcpflow.transcript] == [0, 1, 3, 7]
    assert away.deployments["default/app"].image == "app:2"


async def test_a_restart_whose_answer_is_lost_is_not_repeated(mcpflow: Hub) -> None:
    served = mcpflow.serve(cluster())
    mcpflow.fail("kubernetes.kubectl_rollout_restart#1=lose_reply")

    with pytest.raises(MCPError):
        await restart(mcpflow)

    assert [each.cause for each in served.deployments["default/app"].revisions] == ["apply", "restart"]
    # endregion
