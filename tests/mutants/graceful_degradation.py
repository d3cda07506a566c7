"""Wrong fallbacks, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from planned import Fault, under
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._degradation import BANDIT, SEMGREP, Review
from pytest_mcpflow.scenarios.graceful_degradation import COMMANDS, RUN, GracefulDegradation

__all__ = ["MUTANTS"]


async def use_the_fallback_at_once(hub: Hub) -> Review:
    """Runs the command first, and asks the scanner afterwards."""
    context = hub.create_context()
    await hub.call_tool(RUN, {"command": COMMANDS[BANDIT]}, context.id)
    return await GracefulDegradation().workflow(hub)


async def keep_it_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Does not say who answered."""
    if name.endswith("send_notification"):
        return answer({"success": True, "message_id": "message-1"})
    return await send(name, arguments)


async def lose_the_first_error(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Alerts of the last error only."""
    if name.endswith("send_alert"):
        arguments["metadata"] = {**arguments["metadata"], "primary_error": "unknown"}
    return await send(name, arguments)


async def not_say_who_failed(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Alerts of two errors, and of no server."""
    if name.endswith("send_alert"):
        errors = ("primary_error", "fallback_error")
        arguments["metadata"] = {each: arguments["metadata"][each] for each in errors}
    return await send(name, arguments)


async def end_with_another_error(hub: Hub) -> Review:
    """Says that something failed where nothing stands in, and not what."""
    try:
        return await GracefulDegradation().workflow(hub)
    except Exception:
        raise RuntimeError("the review failed") from None


async def take_missing_for_clean(hub: Hub) -> Review:
    """Goes on as if nothing had been found where nothing answered."""
    try:
        return await GracefulDegradation().workflow(hub)
    except Exception:
        return Review(True, {}, {})


def _of(tamper: Tamper) -> Workflow:
    return tampered(GracefulDegradation().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "use the fallback at once": (use_the_fallback_at_once, "nothing_stands_in_without_need"),
    "keep it quiet": (_of(keep_it_quiet), "a_fallback_is_noticed"),
    "lose the first error": (
        under(_of(lose_the_first_error), {RUN: Fault.REFUSE}),
        "what_fails_altogether_is_alerted_with_both_errors",
    ),
    "not say who failed": (
        under(_of(not_say_who_failed), {RUN: Fault.REFUSE}),
        "what_fails_altogether_is_alerted_with_both_errors",
    ),
    "end with another error": (
        under(end_with_another_error, {SEMGREP: Fault.REFUSE}),
        "the_last_error_is_raised",
    ),
    "take missing for clean": (
        under(take_missing_for_clean, {RUN: Fault.REFUSE}),
        "the_last_error_is_raised",
    ),
}
"""Workflow and the check that catches it, by what is wrong with it."""
