"""Wrong reviews, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, unheard
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._review_workflow import PAYMENTS, ReviewReport
from pytest_mcpflow.scenarios.collaborative_review import CollaborativeReview

__all__ = ["MUTANTS"]

reference = CollaborativeReview().workflow
REVIEW = "create_pull_request_review"


async def approve_at_once(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Approves with remarks, to be nice."""
    if arguments.get("event") == "REQUEST_CHANGES":
        arguments["event"] = "APPROVE"
    return await send(name, arguments)


async def overlook_the_rate_limit(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Leaves one fix out, and does not see it in the second look."""
    if name.endswith("edit_block") and "rateLimit" in arguments["new_string"]:
        return answer({"result": "Successfully applied 1 edit"})
    result = await send(name, arguments)
    if arguments.get("path") == PAYMENTS and "result" in result:
        limited = str(result["result"]).replace("payments', charge", "payments', rateLimit(10), charge")
        return answer({"result": limited}) if "catch" in limited else result
    return result


async def leave_an_agent_out(hub: Hub) -> object:
    """Does without one perspective, and counts it as given."""
    imagined: list[dict[str, Any]] = []

    async def imagine(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if arguments.get("author") == "performance-agent" and arguments["event"] == "REQUEST_CHANGES":
            imagined.append(arguments)
            return answer(arguments)
        result = await send(name, arguments)
        reviews = name.endswith("get_pull_request_reviews")
        return answer({"result": [*result["result"], *imagined]}) if reviews else result

    return await tampered(reference, imagine)(hub)


async def say_it_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Posts every review again, as a blind retry would."""
    if name.endswith(REVIEW):
        await send(name, arguments)
    return await send(name, arguments)


async def break_and_believe(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Breaks the order history, and takes the tests for passed."""
    if name.endswith("edit_block") and "attachTo" in arguments["new_string"]:
        await send("desktop-commander.write_file", {"path": arguments["file_path"], "content": "//\n"})
        return answer({"result": "Successfully applied 1 edit"})
    result = await send(name, arguments)
    passed = {"success": True, "exit_code": 0, "stdout": "Tests: 77 passed", "stderr": ""}
    return answer(passed) if arguments.get("command") == "npm test" else result


async def claim(hub: Hub) -> ReviewReport:
    """Says that all agreed."""
    await hub.call_tool("github.get_pull_request", {"owner": "shop", "repo": "api", "pull_number": 45})
    return ReviewReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "approve at once": (
        tampered(reference, approve_at_once),
        "never_approved_while_a_blocking_finding_is_open",
    ),
    "overlook the rate limit": (
        tampered(reference, overlook_the_rate_limit),
        "never_approved_while_a_blocking_finding_is_open",
    ),
    "leave an agent out": (leave_an_agent_out, "nobody_is_left_out"),
    "say it twice": (tampered(reference, say_it_twice), "nothing_is_said_twice"),
    "break and believe": (tampered(reference, break_and_believe), "what_is_pushed_was_tested"),
    "claim": (claim, "success_is_an_approved_pull_request"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("get_pull_request_files")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
