"""Deployments that are looked at before they are undone or believed in."""

from __future__ import annotations

from pytest_mcpflow.scenarios._careful import Careful

__all__ = ["deploy", "ready_revision", "roll_back"]


async def ready_revision(calls: Careful, name: str, namespace: str) -> int:
    """The revision of a deployment once it is ready.

    Raises:
        ToolError: It is not, after three looks of 20 seconds; in the cluster's words.
    """
    asked = {"name": name, "namespace": namespace, "timeout": 20.0}
    return int((await calls.repeat("kubernetes.kubectl_rollout_status", asked))["revision"])


async def deploy(calls: Careful, name: str, namespace: str, manifest_path: str, *, before: int) -> None:
    """Apply manifests, and see that another revision than `before` is ready, whatever the answer to applying was.

    Raises:
        RuntimeError: It is still at the revision at which it was.
        ToolError: It is not ready in time.
    """
    lost = None
    manifests = {"manifest_path": manifest_path, "namespace": namespace}
    try:
        await calls.repeat("kubernetes.kubectl_apply", manifests)
    except Exception as error:
        lost = error
    if await ready_revision(calls, name, namespace) == before:
        raise RuntimeError(f"{name} in {namespace} is still at revision {before}: {lost}") from lost


async def roll_back(calls: Careful, name: str, namespace: str, *, to_revision: int) -> bool:
    """Go back to a revision from the one after it, also where that came up too late to be believed in.

    By its number: undoing twice would undo the undoing, and there may be nothing to undo.

    Returns:
        Whether there was.

    Raises:
        RuntimeError: It is not undone.
        ToolError: It does not start again, or the cluster does not say.
    """
    lost = None
    undo = {"name": name, "namespace": namespace, "to_revision": to_revision}
    try:
        await calls.repeat("kubernetes.kubectl_rollout_undo", undo)
    except Exception as error:
        lost = error
    revision = await ready_revision(calls, name, namespace)
    if revision == to_revision + 1:
        raise RuntimeError(f"{name} in {namespace} is still at revision {revision}: {lost}") from lost
    return revision != to_revision
