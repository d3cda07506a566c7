"""Wrong reviews, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, ToolError, Workflow
from pytest_mcpflow.scenarios.docs_code_review import DocsCodeReview

__all__ = ["MUTANTS"]


async def take_copies_for_current(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Overlooks that an answer is an old copy."""
    result = await send(name, arguments)
    return answer({**result, "stale": False}) if "context7" in name else result


async def tell_no_age(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Marks the review, but tells people the verdict alone."""
    if name.endswith("send_notification"):
        arguments["message"] = arguments["message"].replace(" (stale: copy of 2025-12-31T22:00:00Z)", "")
    return await send(name, arguments)


async def know_it_by_heart(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reviews without having asked for best practices."""
    if name.endswith("get_examples"):
        return answer({"source": "live", "stale": False, "examples": []})
    return await send(name, arguments)


async def ignore_deprecations(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reads neither what is deprecated nor what to avoid."""
    result = await send(name, arguments)
    return answer({**result, "sections": [], "examples": []}) if "context7" in name else result


async def leave_out_what_is_hard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Leaves out a file whose library gives no answer, and alerts nobody."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    if "context7" in name and arguments["library"] == "httpx":
        raise ToolError("context7", name, "502 Bad Gateway")
    return await send(name, arguments)


def _of(tamper: Tamper) -> Workflow:
    return tampered(DocsCodeReview().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take copies for current": (_of(take_copies_for_current), "old_copies_are_marked"),
    "tell no age": (_of(tell_no_age), "old_copies_are_marked"),
    "know it by heart": (_of(know_it_by_heart), "nothing_passes_unchecked"),
    "ignore deprecations": (_of(ignore_deprecations), "what_is_advised_against_does_not_pass"),
    "leave out what is hard": (_of(leave_out_what_is_hard), "a_file_without_a_review_is_named"),
    "leave out what is hard, unheard": (_of(leave_out_what_is_hard), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
