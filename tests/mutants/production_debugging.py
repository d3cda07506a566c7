"""Wrong ways to debug production, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, deploy_twice, unheard, unseen
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


async def lock_the_table(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Builds the index the short way, which keeps customers from ordering meanwhile."""
    if name.endswith("write_file") and arguments["path"].startswith("migrations/"):
        arguments["content"] = arguments["content"].replace(" CONCURRENTLY", "")
    return await send(name, arguments)


async def fix_before_reproducing(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Never sees the test fail."""
    if arguments.get("command") == "npm test -- orders.performance":
        return answer({"success": False, "exit_code": 1, "stdout": "", "stderr": ""})
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
        tampered(reference, unseen(STAGING, "api", FIXED)),
        "staging_before_production",
    ),
    "deploy twice": (tampered(reference, deploy_twice), "one_fix"),
    "lock the table": (tampered(reference, lock_the_table), "there_is_no_downtime"),
    "restart the service": (tampered(reference, restart_the_service), "there_is_no_downtime"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("get_logs")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
