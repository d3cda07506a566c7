"""The reference answer to `performance-optimization-chain`: profile, draw, analyse, and fix only what is certain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["ANALYSE", "APPLIED", "DRAW", "FIX", "PROFILE", "Optimization", "leaks_in", "optimize"]

RUN = "desktop-commander.execute_command"
PROFILE = "pytest tests/memory/ --memray --memray-bin-path=.memray"
DRAW = "memray flamegraph .memray/*.bin -o memory_profile.html"
ANALYSE = "python scripts/analyze_memory_usage.py --detect-leaks"
FIX = "python scripts/auto_fix_memory_issues.py"
APPLIED = "Memory leaks detected and auto-remediation applied"


@dataclass(frozen=True)
class Optimization:
    """What leaked (as `file:line`), and whether that is over. `success` is: it was analysed, and nothing leaks now."""

    success: bool
    leaks: tuple[str, ...] = ()
    fixed: bool = False
    error: str | None = None


def leaks_in(analysis: Mapping[str, Any]) -> tuple[str, ...]:
    """The leaks that the answer of the analysis names.

    Raises:
        ValueError: The analysis did not run, or does not say clearly whether anything leaks.
    """
    if analysis["exit_code"] != 0:
        raise ValueError(f"the analysis exited with {analysis['exit_code']}: {analysis['stderr']}")
    try:
        said: dict[str, Any] = json.loads(analysis["stdout"])
    except ValueError as error:
        raise ValueError(f"the analysis is not JSON: {error}") from None
    match said:
        case {"memory_leaks_detected": False, "leaks": []}:
            return ()
        case {"memory_leaks_detected": True, "leaks": [*leaks]} if leaks:
            try:
                return tuple(f"{each['file']}:{each['line']}" for each in leaks)
            except (KeyError, TypeError) as error:
                raise ValueError(f"a leak has no {error}: {leaks}") from None
        case _:
            raise ValueError(f"the analysis does not say clearly whether anything leaks: {said}")


async def optimize(desk: Desk) -> Optimization:
    """Profile the memory, look for leaks, and fix them if there are any for certain."""
    report = Optimization(success=False)
    try:
        await _command(desk, PROFILE)
        await _command(desk, DRAW)
        analysis = await desk.run(ANALYSE)
        report = replace(report, leaks=leaks_in(analysis))
        if not report.leaks:
            return replace(report, success=True)
        await _fix(desk)
        report = replace(report, fixed=True)
    except Exception as error:
        found = (
            f"Memory leaks in {', '.join(report.leaks)} are not fixed"
            if report.leaks
            else "Memory is not analysed"
        )
        await desk.alert(f"{found}: {error}", severity="high")
        return replace(report, error=str(error))
    await desk.alert(APPLIED, {"analysis": json.loads(analysis["stdout"])}, severity="medium")
    return replace(report, success=not desk.untold, error="; ".join(desk.untold) or None)


async def _command(desk: Desk, command: str) -> None:
    ran = await desk.run(command)
    if not ran["success"]:
        raise RuntimeError(f"{command!r} exited with {ran['exit_code']}: {ran['stderr']}")


async def _fix(desk: Desk) -> None:
    """Run the fix once, and see by a new profile that nothing leaks any more."""

    async def is_fixed() -> bool:
        await _command(desk, PROFILE)
        return leaks_in(await desk.run(ANALYSE)) == ()

    await desk.once(RUN, {"command": FIX}, done=is_fixed)
    if not await is_fixed():
        raise RuntimeError("what the fix changed does not help")
