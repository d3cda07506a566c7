"""Wrong ways to develop the feature, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, pretend, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._feature_workflow import BRANCH, QUESTION, FeatureReport
from pytest_mcpflow.scenarios.feature_development import FeatureDevelopment

__all__ = ["MUTANTS"]

PASSED = {"success": True, "exit_code": 0, "stdout": "Coverage: 100%", "stderr": ""}
reference = FeatureDevelopment().workflow


async def append(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Appends to files instead of writing them, so that the skeleton stays."""
    if name.endswith("write_file"):
        arguments["mode"] = "append"
    return await send(name, arguments)


async def believe_in_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Takes every test for passed."""
    result = await send(name, arguments)
    return answer(PASSED) if "npm test" in arguments.get("command", "") else result


async def change_after_the_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tidies up between the tests and the commit."""
    if arguments.get("command", "").startswith("git add"):
        await send("desktop-commander.write_file", {"path": "src/auth/jwt.service.ts", "content": "//\n"})
    return await send(name, arguments)


async def propose_for_two_branches(hub: Hub) -> object:
    """Proposes the branch for another base, too."""
    report = await reference(hub)
    pull = {"owner": "shop", "repo": "api", "title": "Again", "head": BRANCH, "base": "develop"}
    await hub.call_tool("github.create_pull_request", pull)
    return report


async def claim(hub: Hub) -> FeatureReport:
    """Says that all is done."""
    await hub.call_tool("communication-hub.list_messages", {})
    return FeatureReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "append": (tampered(reference, append), "no_file_is_half_written"),
    "change after the tests": (tampered(reference, change_after_the_tests), "what_is_proposed_was_tested"),
    "propose for two branches": (propose_for_two_branches, "one_pull_request_for_a_branch"),
    "believe in tests": (tampered(reference, believe_in_tests), "no_pull_request_while_tests_fail"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "ask nobody": (
        tampered(
            reference, pretend("request_approval", {"approved": True, "reason": "surely"}, question=QUESTION)
        ),
        "nothing_is_proposed_unasked",
    ),
    "claim": (claim, "success_is_a_pull_request_with_reviewers"),
    "fail unheard": (tampered(reference, unheard("create_directory")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
