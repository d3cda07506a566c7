"""Roll a version out, and tell people, in a context of its own."""

from __future__ import annotations

from pytest_mcpflow import Hub, ToolError

APP = {"name": "app", "namespace": "production"}


async def roll_out(hub: Hub) -> None:
    """Apply the manifests, wait for the pods, and say what came of it."""
    rollout = hub.create_context("rollout").id
    await hub.call_tool(
        "kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"}, rollout
    )
    try:
        await hub.call_tool("kubernetes.kubectl_rollout_status", {**APP, "timeout": 120}, rollout)
        told = {"message": "app:2 is out", "severity": "low"}
    except ToolError as error:
        told = {"message": f"app:2 is not out: {error.message}", "severity": "high"}
    await hub.call_tool("communication-hub.send_alert", told)
