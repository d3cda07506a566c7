"""Wrong retries, and the check of the scenario that must say so."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._retry_workflow import NOTE, RESTART, Rollout
from pytest_mcpflow.scenarios.retry_backoff import RetryBackoff

__all__ = ["MUTANTS"]


async def restart_blindly(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats a restart as if its answer had been lost."""
    result = await send(name, arguments)
    return await send(name, arguments) if name == RESTART else result


async def note_blindly(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats a note as if its answer had been lost."""
    result = await send(name, arguments)
    return await send(name, arguments) if name == NOTE else result


async def hammer(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tries again at once before each pause."""
    if name.endswith("kubectl_apply"):
        with contextlib.suppress(ToolError):
            return await send(name, arguments)
    return await send(name, arguments)


async def keep_retries_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Sends no notice of a retry."""
    if name.endswith("send_notification"):
        return answer({"success": True, "message_id": "message-1"})
    return await send(name, arguments)


async def keep_the_failure_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Sends no alert when it gives up."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


async def forget_why(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Gives up, and does not say after which error."""
    if name.endswith("send_alert"):
        arguments["metadata"] = {**arguments["metadata"], "error": "unknown"}
    return await send(name, arguments)


async def leave_out_what_failed(hub: Hub) -> Rollout:
    """Does not report what it gave up."""
    report = await RetryBackoff().workflow(hub)
    return replace(report, steps=report.steps[:-1])


def _of(tamper: Tamper) -> Workflow:
    return tampered(RetryBackoff().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "restart blindly": (_of(restart_blindly), "what_counts_twice_is_not_done_twice"),
    "note blindly": (_of(note_blindly), "what_counts_twice_is_not_done_twice"),
    "hammer": (_of(hammer), "pauses_grow"),
    "keep retries quiet": (_of(keep_retries_quiet), "every_retry_is_noticed"),
    "keep the failure quiet": (_of(keep_the_failure_quiet), "what_is_not_done_is_alerted"),
    "forget why": (_of(forget_why), "expect"),
    "leave out what failed": (leave_out_what_failed, "expect"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
