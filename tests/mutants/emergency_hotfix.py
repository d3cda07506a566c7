"""Wrong hotfixes, and the check of the scenario that must say so."""

from __future__ import annotations

from pytest_mcpflow import Hub, Workflow
from pytest_mcpflow.scenarios.emergency_hotfix import EmergencyHotfix

__all__ = ["MUTANTS"]


async def deploy_twice(hub: Hub) -> object:
    """Repeats the deployment under another key, as a blind retry would."""
    report = await EmergencyHotfix().workflow(hub)
    arguments = {"host": "prod-1", "service": "payments", "version": "2.1.1", "skip_staging": True}
    await hub.call_tool("droplet-executor.deploy", {**arguments, "idempotency_key": "again"})
    return report


async def log_the_secret(hub: Hub) -> object:
    """Sends the secret's value with an alert."""
    alert = {"message": "now set to whsec_" + "x" * 8, "severity": "low"}
    await hub.call_tool("communication-hub.send_alert", alert)
    return await EmergencyHotfix().workflow(hub)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "deploy twice": (deploy_twice, "deployed_at_most_once"),
    "log the secret": (log_the_secret, "the_secret_stays_secret"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
