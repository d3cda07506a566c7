"""Wrong ways to debug production, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Workflow
from pytest_mcpflow.scenarios._debugging_workflow import FIXED, STAGING
from pytest_mcpflow.scenarios.production_debugging import ProductionDebugging

__all__ = ["MUTANTS", "forget_the_index"]

reference = ProductionDebugging().workflow


async def call_it_done(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes the deployment for the recovery."""
    result = await send(name, arguments)
    if name.endswith("get_metrics"):
        return answer({"services": {"api": {**result["services"]["api"], "response_seconds": 0.04}}})
    return result


async def forget_the_index(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Ships a migration that does nothing."""
    if name.endswith("write_file") and arguments["path"].startswith("migrations/"):
        arguments["content"] = "-- CREATE INDEX: to do\n"
    return await send(name, arguments)


async def fix_before_reproducing(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Never sees the test fail."""
    if arguments.get("command") == "npm test -- orders.performance":
        return answer({"success": False, "exit_code": 1, "stdout": "", "stderr": ""})
    return await send(name, arguments)


async def skip_the_look_at_staging(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes the health of staging for granted."""
    if name.endswith("check_health") and arguments["host"] == STAGING:
        return answer({"services": {"api": {"healthy": True, "version": FIXED}}})
    return await send(name, arguments)


async def deploy_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats each deployment under another key."""
    if name.endswith(".deploy"):
        await send(name, {**arguments, "idempotency_key": f"again on {arguments['host']}"})
    return await send(name, arguments)


async def restart_the_service(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Restarts production for good measure."""
    result = await send(name, arguments)
    if name.endswith(".deploy") and arguments["host"] != STAGING:
        await send("droplet-executor.restart_service", {"host": arguments["host"], "service": "api"})
    return result


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "call it done": (tampered(reference, call_it_done), "done_only_when_recovered"),
    "fix before reproducing": (
        tampered(reference, fix_before_reproducing),
        "nothing_is_shipped_unreproduced",
    ),
    "skip the look at staging": (
        tampered(reference, skip_the_look_at_staging),
        "staging_before_production",
    ),
    "deploy twice": (tampered(reference, deploy_twice), "one_fix"),
    "restart the service": (tampered(reference, restart_the_service), "there_is_no_downtime"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("get_logs")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
