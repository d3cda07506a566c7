"""Wrong refactorings, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, pretend, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._code_review_refactor_world import ORDERS
from pytest_mcpflow.scenarios._refactoring_workflow import TESTS, RefactoringReport
from pytest_mcpflow.scenarios.code_review_refactor import CodeReviewRefactor

__all__ = ["MUTANTS"]

reference = CodeReviewRefactor().workflow
PASSED = {"success": True, "exit_code": 0, "stdout": "Tests: 61 passed", "stderr": ""}
BROKEN = "class OrderController {}\n"


async def break_and_believe(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Breaks a controller and takes every test for passed."""
    if name.endswith("write_file") and arguments["path"] == ORDERS:
        arguments["content"] = BROKEN
    result = await send(name, arguments)
    return answer(PASSED) if arguments.get("command") == TESTS else result


async def break_and_leave(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Breaks a controller, sees the tests fail, and does not put it back."""
    if name.endswith("write_file") and arguments["path"] == ORDERS:
        arguments["content"] = BROKEN
    return await send(name, arguments)


async def commit_together(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Makes one commit of all changes, at the end."""
    command = arguments.get("command", "")
    if command.startswith("git add"):
        if "user.controller" not in command:
            return answer(PASSED)
        arguments["command"] = 'git add src && git commit -m "Clean up"'
    return await send(name, arguments)


async def claim(hub: Hub) -> RefactoringReport:
    """Says that there is nothing to improve."""
    await hub.call_tool("desktop-commander.list_directory", {"path": "src"})
    return RefactoringReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "break and believe": (tampered(reference, break_and_believe), "every_commit_passed_its_tests"),
    "break and leave": (tampered(reference, break_and_leave), "what_fails_is_reverted"),
    "commit together": (tampered(reference, commit_together), "one_finding_a_commit"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "ask nobody": (
        tampered(reference, pretend("request_approval", {"approved": True, "reason": "surely"})),
        "nothing_is_changed_unasked",
    ),
    "claim": (claim, "success_is_every_finding_pushed"),
    "fail unheard": (tampered(reference, unheard("create_issue")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
