"""Wrong optimizations, and the check of the scenario that must say so."""

from __future__ import annotations

import json
from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._optimization_workflow import ANALYSE, APPLIED, FIX, PROFILE, Optimization
from pytest_mcpflow.scenarios.performance_optimization_chain import LEAKS, PerformanceOptimizationChain

__all__ = ["MUTANTS"]

RUN = "desktop-commander.execute_command"


async def take_missing_for_leaks(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Believes that there are leaks, since the analysis did not say that there are none."""
    if arguments.get("command") == ANALYSE:
        return answer({"success": True, "exit_code": 0, "stdout": json.dumps(LEAKS), "stderr": ""})
    return await send(name, arguments)


async def analyse_in_vain(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reads an analysis that has failed as if it named leaks."""
    if arguments.get("command") == ANALYSE:
        await send(name, {"command": f"{ANALYSE} --no-such-option"})
        return answer({"success": True, "exit_code": 0, "stdout": json.dumps(LEAKS), "stderr": ""})
    return await send(name, arguments)


async def fix_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats the fix, as after a lost answer."""
    if arguments.get("command") == FIX:
        await send(name, arguments)
    return await send(name, arguments)


async def keep_it_quiet(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Fixes without a word."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


async def tell_without_fixing(hub: Hub) -> Optimization:
    """Alerts of a remedy that was not applied."""
    context = hub.create_context().id
    for command in (PROFILE, ANALYSE):
        await hub.call_tool(RUN, {"command": command}, context)
    await hub.call_tool("communication-hub.send_alert", {"message": APPLIED, "severity": "medium"}, context)
    return Optimization(success=True, fixed=True)


def _of(tamper: Tamper) -> Workflow:
    return tampered(PerformanceOptimizationChain().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take missing for leaks": (_of(take_missing_for_leaks), "nothing_is_fixed_without_a_sound_analysis"),
    "analyse in vain": (_of(analyse_in_vain), "nothing_is_fixed_without_a_sound_analysis"),
    "fix twice": (_of(fix_twice), "the_fix_runs_once"),
    "tell without fixing": (tell_without_fixing, "a_fix_is_only_told_of_when_it_was_made"),
    "keep it quiet": (_of(keep_it_quiet), "a_leak_is_heard_of"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
