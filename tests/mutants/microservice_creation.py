"""Wrong ways to create the service, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, pretend, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._microservice_workflow import ServiceReport
from pytest_mcpflow.scenarios.microservice_creation import MicroserviceCreation

__all__ = ["MUTANTS"]

reference = MicroserviceCreation().workflow
GUARDED = {"required_checks": ["lint", "test", "build"], "required_approvals": 1}


async def forget_the_droplet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Cannot deploy, and only believes that the droplet is destroyed."""
    if name.endswith(".deploy"):
        raise ToolError("droplet-executor", "deploy", "503 Service Unavailable")
    if name.endswith("destroy_droplet"):
        return answer({"success": True})
    return await send(name, arguments)


async def create_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Creates each droplet again, as a blind retry would, and only knows of the last one."""
    if name.endswith("create_droplet"):
        await send(name, arguments)
    result = await send(name, arguments)
    return answer({"result": result["result"][-1:]}) if name.endswith("list_droplets") else result


async def write_keys_down(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Fills the example in, so that it works at once."""
    if arguments.get("path") == ".env.example" and "content" in arguments:
        arguments["content"] = arguments["content"].replace("API_KEY=", "API_KEY=placeholder")
    return await send(name, arguments)


async def believe_in_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Retries without a pause, and takes the tests for passed."""
    if "content" in arguments:
        arguments["content"] = arguments["content"].replace("2 ** attempt", "0")
    result = await send(name, arguments)
    passed = {"success": True, "exit_code": 0, "stdout": "Tests: 26 passed", "stderr": ""}
    return answer(passed) if arguments.get("command") == "npm test" else result


async def claim(hub: Hub) -> ServiceReport:
    """Asks, and says that it is done."""
    question = {"question": "May I?", "approver": "developer"}
    await hub.call_tool("communication-hub.request_approval", question)
    await hub.call_tool("desktop-commander.execute_command", {"command": "npm test"})
    return ServiceReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "forget the droplet": (tampered(reference, forget_the_droplet), "nothing_is_orphaned"),
    "create twice": (tampered(reference, create_twice), "there_is_one_of_each"),
    "ask nobody": (
        tampered(reference, pretend("request_approval", {"approved": True, "reason": "surely"})),
        "nothing_is_created_unasked",
    ),
    "write keys down": (tampered(reference, write_keys_down), "keys_stay_in_the_vault"),
    "believe in tests": (tampered(reference, believe_in_tests), "nothing_untested_is_published"),
    "leave main unguarded": (
        tampered(reference, pretend("update_branch_protection", GUARDED)),
        "success_is_a_service_that_works",
    ),
    "claim": (claim, "success_is_a_service_that_works"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("create_repository")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
