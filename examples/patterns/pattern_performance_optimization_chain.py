"""Measure, judge, and repair only what the measurement really showed."""

from __future__ import annotations

import json
from typing import Any, cast

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script

ANALYSE, FIX = "python analyse_memory.py", "python fix_leaks.py"


# region: pattern
def leaks_in(report: str) -> list[str]:
    """The leaks that an analysis names.

    Raises:
        ValueError: It is no analysis.
    """
    analysis = cast("object", json.loads(report))
    leaks = cast("dict[str, Any]", analysis).get("leaks") if isinstance(analysis, dict) else None
    if not isinstance(leaks, list):
        raise ValueError(f"no analysis: {report[:80]!r}")
    return [str(leak) for leak in cast("list[object]", leaks)]


async def optimize(hub: Hub) -> str:
    analysed = await hub.call_tool("desktop-commander.execute_command", {"command": ANALYSE}, timeout=600)
    try:
        leaks = leaks_in(analysed["stdout"]) if analysed["success"] else None
    except ValueError:
        leaks = None
    if leaks is None:
        outcome, severity = "Memory could not be analysed; nothing was changed", "high"
    elif not leaks:
        return "no leaks"
    else:
        fixed = await hub.call_tool("desktop-commander.execute_command", {"command": FIX}, timeout=600)
        outcome = f"{len(leaks)} leaks {'fixed' if fixed['success'] else 'found and not fixed'}"
        severity = "medium" if fixed["success"] else "high"
    alert = {"message": outcome, "severity": severity}
    await hub.call_tool("communication-hub.send_alert", alert, timeout=60)
    return outcome
    # endregion


def desktop(analysis: str) -> DesktopCommander:
    return DesktopCommander(scripts=[Script(ANALYSE, stdout=analysis), Script(FIX, stdout="fixed")])


# region: test
async def test_half_an_analysis_fixes_nothing(mcpflow: Hub) -> None:
    machine = mcpflow.serve(desktop('{"leaks": ["src/cache.py'))
    people = mcpflow.serve(CommunicationHub())

    await optimize(mcpflow)

    assert [ran.command for ran in machine.history] == [ANALYSE]
    assert people.alerts[0].message == "Memory could not be analysed; nothing was changed"
    # endregion


async def test_leaks_that_the_analysis_names_are_fixed_and_told(mcpflow: Hub) -> None:
    machine = mcpflow.serve(desktop('{"leaks": ["src/cache.py:40"]}'))
    people = mcpflow.serve(CommunicationHub())

    assert await optimize(mcpflow) == "1 leaks fixed"

    assert [ran.command for ran in machine.history] == [ANALYSE, FIX]
    assert people.alerts[0].severity == "medium"
