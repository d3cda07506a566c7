"""Deployments that are looked at before they are undone or believed in."""

from __future__ import annotations

from pytest_mcpflow import CallResult, ToolError
from pytest_mcpflow.scenarios._careful import Careful

__all__ = ["deploy", "roll_back"]


async def deploy(calls: Careful, name: str, namespace: str, manifest_path: str) -> None:
    """Apply manifests, and see that a new revision of a deployment is ready, whatever the answer to applying was.

    Raises:
        RuntimeError: It is still at the revision at which it was.
        ToolError: It is not ready in time.
    """
    before, lost = (await _rollout(calls, name, namespace))["revision"], None
    manifests = {"manifest_path": manifest_path, "namespace": namespace}
    try:
        await calls.repeat("kubernetes.kubectl_apply", manifests)
    except Exception as error:
        lost = error
    if (await _rollout(calls, name, namespace))["revision"] == before:
        raise RuntimeError(f"{name} in {namespace} is still at revision {before}: {lost}") from lost


async def roll_back(calls: Careful, name: str, namespace: str) -> bool:
    """Go back to the revision before, unless a deployment is well: undoing twice would undo the undoing.

    Returns:
        Whether it was undone.

    Raises:
        RuntimeError: It was undone, and does not start again.
        ToolError: The cluster does not say how the deployment is, or does not undo.
    """

    async def is_well() -> bool:
        try:
            await _rollout(calls, name, namespace)
        except ToolError as error:
            if "timed out waiting" not in str(error):
                raise
            return False
        return True

    if await is_well():
        return False
    undo = {"name": name, "namespace": namespace}
    await calls.once("kubernetes.kubectl_rollout_undo", undo, done=is_well)
    if not await is_well():
        raise RuntimeError(f"{name} in {namespace} does not start after it was rolled back")
    return True


async def _rollout(calls: Careful, name: str, namespace: str) -> CallResult:
    """The rollout once it is ready; the cluster's refusal when three looks of 20 seconds are over."""
    asked = {"name": name, "namespace": namespace, "timeout": 20.0}
    return await calls.repeat("kubernetes.kubectl_rollout_status", asked)
