"""Wrong recoveries, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from typing import Any

from common_mistakes import one_after_the_other
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios.automated_disaster_recovery import (
    PAGE,
    RUN,
    AutomatedDisasterRecovery,
    Recoveries,
)

__all__ = ["MUTANTS"]


async def claim_recovery(hub: Hub) -> Recoveries:
    """Tells people that all is well, without having looked."""
    notice = {"message": "Recovered from service_failure", "channels": ["slack"], "priority": "critical"}
    await hub.call_tool("communication-hub.send_notification", notice)
    return Recoveries(success=True, recoveries=())


async def act_before_alerting(hub: Hub) -> Recoveries:
    """Changes production before anybody knows."""
    await hub.call_tool(
        "kubernetes.kubectl_apply", {"manifest_path": "k8s/production/", "namespace": "production"}
    )
    await asyncio.sleep(1)
    return await AutomatedDisasterRecovery().workflow(hub)


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Starts an alarm, and reports nothing of how it ended."""
    if name.endswith("send_notification") or "failed" in arguments.get("message", ""):
        return answer({"success": True, "alert_id": "alert-1", "message_id": "message-1"})
    return await send(name, arguments)


async def not_look_at_the_page(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Trusts the monitoring, whatever users get to see."""
    if arguments.get("command") == PAGE:
        return answer({"success": True, "exit_code": 0, "stdout": "ok", "stderr": ""})
    return await send(name, arguments)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "claim recovery": (claim_recovery, "recovered_means_acted_and_verified"),
    "fail unheard": (
        tampered(AutomatedDisasterRecovery().workflow, fail_unheard),
        "every_incident_is_reported",
    ),
    "not look at the page": (
        tampered(AutomatedDisasterRecovery().workflow, not_look_at_the_page),
        "recovered_means_acted_and_verified",
    ),
    "look one after the other": (
        one_after_the_other(
            AutomatedDisasterRecovery().workflow, "docker_ps", "kubectl_get", "verify_service_health", RUN
        ),
        "expect",
    ),
    "act before alerting": (act_before_alerting, "alerted_before_acting"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
