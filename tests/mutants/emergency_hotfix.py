"""Wrong hotfixes, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._hotfix_workflow import HotfixReport
from pytest_mcpflow.scenarios.emergency_hotfix import EmergencyHotfix

__all__ = ["MUTANTS"]

reference = EmergencyHotfix().workflow
PASSED = {"success": True, "exit_code": 0, "stdout": "Tests: 48 passed", "stderr": ""}
STAGED = {"host": "staging-1", "service": "payments", "version": "2.1.1"}


async def deploy_twice(hub: Hub) -> object:
    """Repeats the deployment under another key, as a blind retry would."""
    report = await reference(hub)
    arguments = {"host": "prod-1", "service": "payments", "version": "2.1.1", "skip_staging": True}
    await hub.call_tool("droplet-executor.deploy", {**arguments, "idempotency_key": "again"})
    return report


async def ask_nobody(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Puts the version on staging for an instant, so that nobody is asked."""
    if name.endswith(".deploy"):
        await send(name, STAGED)
        return await send(name, arguments)
    if name.endswith("list_deployments"):
        result = await send(name, arguments)
        unasked = {"approval": {"approve": True, "reason": "surely"}}
        return answer({"result": [{**each, **unasked} for each in result["result"]]})
    return await send(name, arguments)


async def log_the_secret(hub: Hub) -> object:
    """Sends the secret's value with an alert."""
    alert = {"message": "now set to whsec_" + "x" * 8, "severity": "low"}
    await hub.call_tool("communication-hub.send_alert", alert)
    return await reference(hub)


async def believe_in_recovery(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes the first look at the errors for the last."""
    if name.endswith("get_metrics"):
        return answer({"services": {"payments": {"error_rate": 0.0}}})
    return await send(name, arguments)


async def believe_in_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Fixes nothing, and takes the tests for passed."""
    if name.endswith("edit_block"):
        return answer({"result": "Successfully applied 1 edit"})
    result = await send(name, arguments)
    return answer(PASSED) if arguments.get("command") == "npm test" else result


async def close_at_once(hub: Hub) -> HotfixReport:
    """Resolves its own alert, and gives up."""
    alert = await hub.call_tool("communication-hub.send_alert", {"message": "broken", "severity": "low"})
    await hub.call_tool("communication-hub.resolve_alert", {"alert_id": alert["alert_id"]})
    return HotfixReport(error="gave up")


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "deploy twice": (deploy_twice, "deployed_at_most_once"),
    "ask nobody": (tampered(reference, ask_nobody), "no_production_deploy_without_approval"),
    "log the secret": (log_the_secret, "the_secret_stays_secret"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "believe in recovery": (tampered(reference, believe_in_recovery), "recovered_is_what_was_measured"),
    "believe in tests": (
        tampered(reference, believe_in_tests),
        "no_fix_is_proposed_or_deployed_while_tests_fail",
    ),
    "close at once": (close_at_once, "a_failure_is_heard"),
    "fail unheard": (tampered(reference, unheard("deploy")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
