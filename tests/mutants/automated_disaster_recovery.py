"""Wrong recoveries, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest_mcpflow import Hub, Workflow
from pytest_mcpflow.scenarios.automated_disaster_recovery import AutomatedDisasterRecovery

__all__ = ["MUTANTS"]


async def claim_recovery(hub: Hub) -> list[Any]:
    """Tells people that all is well, without having looked."""
    notice = {"message": "Recovered from service_failure", "channels": ["slack"], "priority": "critical"}
    await hub.call_tool("communication-hub.send_notification", notice)
    return []


async def act_before_alerting(hub: Hub) -> list[Any]:
    """Changes production before anybody knows."""
    await hub.call_tool(
        "kubernetes.kubectl_apply", {"manifest_path": "k8s/production/", "namespace": "production"}
    )
    await asyncio.sleep(1)
    return await AutomatedDisasterRecovery().workflow(hub)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "claim recovery": (claim_recovery, "recovered_means_acted_and_verified"),
    "act before alerting": (act_before_alerting, "alerted_before_acting"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
