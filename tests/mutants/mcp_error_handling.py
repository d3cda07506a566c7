"""Wrong ways to handle errors, and the check of the scenario that must say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._error_handling_workflow import Session
from pytest_mcpflow.scenarios._retry_manager import RetryManager
from pytest_mcpflow.scenarios.mcp_error_handling import McpErrorHandling, SessionReport

__all__ = ["MUTANTS"]


class KnockSoon(RetryManager):
    """Backs off as usual, whatever the server asks for."""

    def pause_after(self, error: Exception, attempt: int) -> float | None:
        return 2.0**attempt if super().pause_after(error, attempt) is not None else None


class RepeatEverything(RetryManager):
    """Sends again what the server has called wrong."""

    def pause_after(self, error: Exception, attempt: int) -> float | None:
        return super().pause_after(error, attempt) or 2.0**attempt


async def count_successes_only(hub: Hub) -> SessionReport:
    """Leaves failed attempts out of the metrics."""
    report = await McpErrorHandling().workflow(hub)
    successes = {key: count for key, count in report.requests.items() if key[1] == "success"}
    return replace(report, requests=successes)


async def count_requests_once(hub: Hub) -> SessionReport:
    """Counts a request once, however often it was sent."""
    report = await McpErrorHandling().workflow(hub)
    return replace(report, requests=dict.fromkeys(report.requests, 1))


async def show_no_durations(hub: Hub) -> SessionReport:
    """Measures how long tools take, and does not publish it."""
    report = await McpErrorHandling().workflow(hub)
    lines = [line for line in report.exposition.splitlines() if "duration" not in line]
    return replace(report, exposition="\n".join(lines))


async def lose_the_weather_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Gets no weather, and keeps it to itself."""
    if name.endswith("get_weather"):
        raise ToolError("utility", "get_weather", "502 Bad Gateway")
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


def _with(retries: RetryManager) -> Workflow:
    async def run(hub: Hub) -> SessionReport:
        with context_of(hub, "wrong") as context_id:
            return await Session(hub, context_id, retries).run()

    return run


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "knock soon": (_with(KnockSoon()), "nobody_knocks_before_the_quota_is_free"),
    "never give up": (_with(KnockSoon(max_retries=9)), "three_retries_at_most"),
    "pause no longer each time": (_with(RetryManager(backoff_factor=1.0)), "pauses_grow"),
    "repeat everything": (_with(RepeatEverything()), "what_cannot_help_is_not_repeated"),
    "count successes only": (count_successes_only, "counters_equal_the_transcript"),
    "count requests once": (count_requests_once, "counters_equal_the_transcript"),
    "show no durations": (show_no_durations, "counters_equal_the_transcript"),
    "lose the weather unheard": (
        tampered(McpErrorHandling().workflow, lose_the_weather_unheard),
        "a_failure_is_heard",
    ),
}
"""Workflow and the check that catches it, by what is wrong with it."""
