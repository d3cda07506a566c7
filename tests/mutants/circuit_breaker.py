"""Wrong circuit breakers, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._breaker import Rules
from pytest_mcpflow.scenarios._circuit_breaker_workflow import Board, watch
from pytest_mcpflow.scenarios.circuit_breaker import CircuitBreaker

__all__ = ["MUTANTS"]


def with_rules(rules: Rules) -> Workflow:
    """The board with breakers that follow other rules."""

    async def run(hub: Hub) -> Board:
        return await watch(hub, hub.create_context().id, rules)

    return run


async def send_all_through(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Lets two calls see whether the cluster answers again."""
    if name.endswith("kubectl_get"):
        first, second = await asyncio.gather(
            send(name, arguments), send(name, arguments), return_exceptions=True
        )
        if isinstance(first, BaseException):
            raise first
        return first if isinstance(second, BaseException) else second
    return await send(name, arguments)


async def keep_it_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tells nobody that the board shows what it remembers."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


async def show_memory_as_fresh(hub: Hub) -> Board:
    """Does not say that an answer is an old one."""
    board = await CircuitBreaker().workflow(hub)
    fresh = [replace(each, state="fresh") if each.answer is not None else each for each in board.sights]
    return replace(board, sights=tuple(fresh))


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "open after six failures": (with_rules(Rules(failure_threshold=6)), "no_call_while_open"),
    "look at failures in a row only": (with_rules(Rules(failure_rate=1.1)), "no_call_while_open"),
    "rest for 20 seconds": (with_rules(Rules(rest_seconds=20.0)), "no_call_while_open"),
    "exclude refusals": (with_rules(Rules(excluded=(ToolError,))), "no_call_while_open"),
    "count what is not there": (with_rules(Rules(excluded=())), "expect"),
    "send all through": (tampered(CircuitBreaker().workflow, send_all_through), "one_probe_at_a_time"),
    "keep it quiet": (tampered(CircuitBreaker().workflow, keep_it_quiet), "an_open_circuit_is_told"),
    "show memory as fresh": (show_memory_as_fresh, "memory_is_never_shown_as_fresh"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
