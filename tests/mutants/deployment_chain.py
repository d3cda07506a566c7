"""Wrong deployments, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from tampering import Send, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain, Release

__all__ = ["MUTANTS"]


async def broadcast_twice(hub: Hub) -> Release:
    """Repeats the broadcast, as after a lost answer."""
    release = await DeploymentChain().workflow(hub)
    message = {"environment": "production", "service": "app", "status": "completed"}
    await hub.call_tool("communication-hub.broadcast_deployment", message)
    return release


async def deploy_before_the_build(hub: Hub) -> Release:
    """Applies the manifests without having built or scanned anything."""
    await hub.call_tool("kubernetes.kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
    return await DeploymentChain().workflow(hub)


async def announce_without_deploying(hub: Hub) -> Release:
    """Says that it is done."""
    message = {"environment": "production", "service": "app", "status": "completed"}
    await hub.call_tool("communication-hub.broadcast_deployment", message)
    return Release(success=True, findings=0)


async def overlook_what_is_medium(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Lets everything pass that is not critical."""
    if name.endswith("comprehensive_scan"):
        arguments["severity"] = "critical"
    return await send(name, arguments)


async def leave_the_context_open(hub: Hub) -> Release:
    """Opens a context for itself, and leaves it to others to close."""
    hub.create_context("release")
    return await DeploymentChain().workflow(hub)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "broadcast twice": (broadcast_twice, "one_broadcast_per_outcome"),
    "deploy before the build": (deploy_before_the_build, "nothing_unchecked_is_deployed"),
    "overlook what is medium": (
        tampered(DeploymentChain().workflow, overlook_what_is_medium),
        "nothing_unchecked_is_deployed",
    ),
    "leave the context open": (leave_the_context_open, "contexts_are_cleaned_up"),
    "announce without deploying": (announce_without_deploying, "success_is_only_told_of_what_runs"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
