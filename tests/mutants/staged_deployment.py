"""Wrong rollouts, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import pretend, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._staged_deployment_world import BROKEN
from pytest_mcpflow.scenarios._staged_workflow import NEW, SMOKE_TESTS, STAGING, StagedReport
from pytest_mcpflow.scenarios.staged_deployment import StagedDeployment

__all__ = ["MUTANTS"]

reference = StagedDeployment().workflow
PASSED = {"success": True, "exit_code": 0, "stdout": "12 smoke tests passed", "stderr": ""}


async def deploy_what_is_broken(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Deploys a candidate that does not answer, and believes that it does."""
    if name.endswith(".deploy"):
        broken = {**arguments, "version": BROKEN, "idempotency_key": f"broken on {arguments['host']}"}
        if arguments["host"] != STAGING:
            return await send(name, broken)
        await send(name, broken)
    if name.endswith("check_health"):
        result = await send(name, arguments)
        seen = {"healthy": True, "version": NEW, "idle_version": NEW, "idle_healthy": True}
        return answer({"services": {"api": {**result["services"]["api"], **seen}}})
    return await send(name, arguments)


async def switch_one_host(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Leaves the second host on its colour, and does not notice."""
    if arguments.get("host") == "prod-2" and name.endswith(("switch_live_colour", "check_health")):
        arguments = {**arguments, "host": "prod-1"}
    return await send(name, arguments)


async def give_up_half_way(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Cannot watch, and only pretends to go back."""
    if name.endswith("get_metrics"):
        raise ToolError("droplet-executor", "get_metrics", "503 Service Unavailable")
    if arguments.get("colour") == "blue":
        return answer({"success": True})
    return await send(name, arguments)


async def read_the_environment(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Looks up where to deploy to, and so has the secret in its log."""
    if arguments.get("command") == "git pull --ff-only":
        await send("desktop-commander.read_file", {"path": ".env"})
    return await send(name, arguments)


async def claim(hub: Hub) -> StagedReport:
    """Says that all is done."""
    await hub.call_tool("droplet-executor.list_hosts", {})
    return StagedReport(True, NEW)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "skip the smoke tests": (
        tampered(reference, pretend("run_command", PASSED, command=SMOKE_TESTS)),
        "production_waits_for_staging",
    ),
    "ask nobody": (
        tampered(reference, pretend("request_approval", {"approved": True, "reason": "surely"})),
        "production_waits_for_approval",
    ),
    "deploy what is broken": (tampered(reference, deploy_what_is_broken), "production_always_answers"),
    "switch one host": (tampered(reference, switch_one_host), "one_live_colour"),
    "give up half way": (tampered(reference, give_up_half_way), "a_failed_rollout_goes_back"),
    "read the environment": (
        tampered(reference, read_the_environment),
        "the_secret_stays_on_the_desktop",
    ),
    "claim": (claim, "success_is_what_production_serves"),
    "fail unheard": (tampered(reference, unheard("deploy")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
