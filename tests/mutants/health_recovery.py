"""Wrong watches, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from planned import Fault, under
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._health_workflow import RESTART, Watch
from pytest_mcpflow.scenarios.health_recovery import RUN, HealthRecovery

__all__ = ["MUTANTS"]


async def restart_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats a restart ten seconds later, to be sure of it."""
    result = await send(name, arguments)
    if name == RUN:
        await asyncio.sleep(10)
        await send(name, arguments)
    return result


async def never_give_up(hub: Hub) -> None:
    """Tries again every minute, whether it helps or not."""
    context = hub.create_context().id
    for _ in range(10):
        for tool, arguments in (("docker.docker_ps", {}), (RUN, {"command": RESTART})):
            with contextlib.suppress(ToolError):
                await hub.call_tool(tool, arguments, context)
        await asyncio.sleep(60)


async def restart_at_once(hub: Hub) -> Watch:
    """Restarts an engine that is well, before it has looked."""
    await hub.call_tool(RUN, {"command": RESTART}, hub.create_context().id)
    await asyncio.sleep(60)
    return await HealthRecovery().workflow(hub)


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Loses the alert of a recovery that failed."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


async def look_away(hub: Hub) -> object:
    """Lets two checks go by after the watch has begun."""
    calls = iter(range(1_000))

    async def skip(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if name.endswith("docker_ps") and next(calls) in (13, 14):
            return answer({"success": True, "containers": []})
        return await send(name, arguments)

    return await tampered(HealthRecovery().workflow, skip)(hub)


async def call_it_well(hub: Hub) -> Watch:
    """Reports more than was seen."""
    report = await HealthRecovery().workflow(hub)
    return replace(report, healthy=dict.fromkeys(report.healthy, 21))


def _of(tamper: Tamper) -> Workflow:
    return tampered(HealthRecovery().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "restart twice": (_of(restart_twice), "no_recovery_storm"),
    "never give up": (under(never_give_up, {"docker_ps": Fault.REFUSE}), "no_recovery_storm"),
    "restart at once": (restart_at_once, "only_the_unhealthy_are_helped"),
    "fail unheard": (under(_of(fail_unheard), {RUN: Fault.REFUSE}), "a_failed_recovery_is_alerted"),
    "look away": (look_away, "nobody_stops_looking"),
    "call it well": (call_it_well, "expect"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
