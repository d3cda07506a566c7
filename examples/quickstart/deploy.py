"""Deploy a version; if its pods do not come up, go back and say so."""

from __future__ import annotations

from pytest_mcpflow import Hub, ToolError

APP = {"name": "app", "namespace": "production"}


async def deploy(hub: Hub) -> bool:
    """Apply the manifests and wait two minutes for the pods."""
    await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
    try:
        await hub.call_tool("kubernetes.kubectl_rollout_status", {**APP, "timeout": 120})
    except ToolError as error:
        await hub.call_tool("kubernetes.kubectl_rollout_undo", APP)
        await hub.call_tool("communication-hub.send_alert", {"message": str(error), "severity": "high"})
        return False
    return True
