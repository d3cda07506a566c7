"""Wrong ways to create the endpoint, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._endpoint_workflow import CONTROLLER, MIGRATION, UNDO, EndpointReport
from pytest_mcpflow.scenarios.api_endpoint_creation import ApiEndpointCreation

__all__ = ["MUTANTS", "break_the_migration", "leave_it_open"]

reference = ApiEndpointCreation().workflow


async def break_the_migration(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Writes a migration that fails."""
    if arguments.get("path") == MIGRATION:
        arguments["content"] = "CREATE TABEL user_exports;\n"
    return await send(name, arguments)


async def leave_it_half(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Does not roll a failed migration back."""
    if arguments.get("command") == UNDO:
        return answer({"success": True, "exit_code": 0, "stdout": "", "stderr": ""})
    return await break_the_migration(name, arguments, send)


async def publish_first(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Merges the documentation and deploys afterwards."""
    if name.endswith(".deploy"):
        pull = {"owner": "shop", "repo": "api", "pull_number": 1}
        await send("github.merge_pull_request", pull)
    return await send(name, arguments)


async def leave_it_open(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Forgets that user data is personal."""
    if arguments.get("path") == CONTROLLER and "content" in arguments:
        arguments["content"] = arguments["content"].replace("authenticate, ", "")
    return await send(name, arguments)


async def leave_it_open_and_believe(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The same, without listening to the smoke tests."""
    if name.endswith("run_command"):
        return answer({"success": True, "exit_code": 0, "stdout": "", "stderr": ""})
    return await leave_it_open(name, arguments, send)


async def believe_in_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Writes no service, and takes the tests for passed."""
    if arguments.get("path") == "src/users/export.service.ts":
        arguments["content"] = "// to do\n"
    result = await send(name, arguments)
    passed = {"success": True, "exit_code": 0, "stdout": "Coverage: 100%", "stderr": ""}
    return answer(passed) if "npm test" in arguments.get("command", "") else result


async def test_first(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Runs the tests while there is no service yet."""
    if arguments.get("path") == "src/users/export.service.ts":
        await send("desktop-commander.execute_command", {"command": "npm test -- --coverage"})
    return await send(name, arguments)


async def deploy_everywhere(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes staging and production together."""
    result = await send(name, arguments)
    if name.endswith(".deploy"):
        await send(name, {**arguments, "host": "prod-1", "idempotency_key": "prod-1"})
    return result


async def claim(hub: Hub) -> EndpointReport:
    """Says that it is there."""
    await hub.call_tool("droplet-executor.list_hosts", {})
    return EndpointReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "leave it half": (tampered(reference, leave_it_half), "a_failed_migration_is_rolled_back"),
    "publish first": (tampered(reference, publish_first), "docs_describe_only_what_is_deployed"),
    "test before there is a service": (
        tampered(reference, test_first),
        "each_layer_stands_on_the_one_below",
    ),
    "leave it open": (tampered(reference, leave_it_open_and_believe), "user_data_is_guarded"),
    "believe in tests": (
        tampered(reference, believe_in_tests),
        "nothing_is_proposed_or_deployed_untested",
    ),
    "deploy everywhere": (tampered(reference, deploy_everywhere), "production_is_left_alone"),
    "claim": (claim, "success_is_an_endpoint_that_answers"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("deploy")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
