"""Wrong ways to work together, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from typing import Any

from common_mistakes import commit_everything, pretend, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._chat_workflow import EDGE, INTEGRATION_TESTS, SPEC, ChatReport
from pytest_mcpflow.scenarios.multi_agent_feature import MultiAgentFeature

__all__ = ["MUTANTS", "forget_redis"]

reference = MultiAgentFeature().workflow
PASSED = {"success": True, "exit_code": 0, "stdout": "21 integration tests passed", "stderr": ""}


async def commit_half(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Forgets a file in the commit."""
    if "git add" in arguments.get("command", ""):
        arguments["command"] = arguments["command"].replace("src/chat/history.ts ", "")
    return await send(name, arguments)


async def guess_the_specification(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Lets the frontend begin while the specification is still being written."""
    if arguments.get("path") == SPEC and "content" in arguments:
        asyncio.get_running_loop().create_task(_later(name, arguments, send))
        return answer({"result": "ok"})
    return await send(name, arguments)


async def _later(name: str, arguments: dict[str, Any], send: Send) -> None:
    await asyncio.sleep(10)
    await send(name, arguments)


async def invent_an_event(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Builds on an event that the backend does not know."""
    if "content" in arguments:
        arguments["content"] = arguments["content"].replace(
            "socket.emit('message:send'", "socket.emit('shout'"
        )
    return await send(name, arguments)


async def forget_redis(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Installs nothing on the edge."""
    if arguments.get("host") == EDGE and name.endswith("run_command"):
        return answer(PASSED)
    return await send(name, arguments)


async def forget_redis_and_believe(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The same, without listening to the integration tests."""
    if arguments.get("command") == INTEGRATION_TESTS:
        await send(name, arguments)
        return answer(PASSED)
    return await forget_redis(name, arguments, send)


async def claim(hub: Hub) -> ChatReport:
    """Says that the chat works."""
    await hub.call_tool("droplet-executor.list_hosts", {})
    return ChatReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "commit half": (tampered(reference, commit_half), "no_half_commit"),
    "guess the specification": (tampered(reference, guess_the_specification), "order_of_dependency"),
    "invent an event": (
        tampered(reference, invent_an_event),
        "the_frontend_speaks_the_specified_language",
    ),
    "forget Redis and believe": (
        tampered(reference, forget_redis_and_believe),
        "success_is_a_chat_that_works",
    ),
    "skip the integration tests": (
        tampered(reference, pretend("run_command", PASSED, command=INTEGRATION_TESTS)),
        "what_does_not_work_together_does_not_stay",
    ),
    "claim": (claim, "success_is_a_chat_that_works"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("upload_file")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
