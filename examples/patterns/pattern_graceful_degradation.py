"""Another tool stands in for one that fails; people are told, and both errors are when both fail."""

from __future__ import annotations

import pytest
from mcp import MCPError

from pytest_mcpflow import CallResult, Hub, ToolError
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.security_scanner import SecurityScanner


# region: pattern
async def scan(hub: Hub, path: str) -> CallResult:
    try:
        return await hub.call_tool("security-scanner.bandit_scan", {"path": path}, timeout=300)
    except (ToolError, MCPError) as primary:
        try:
            command = {"command": f"bandit -r {path}"}
            result = await hub.call_tool("desktop-commander.execute_command", command, timeout=300)
        except (ToolError, MCPError) as secondary:
            alert = {"message": f"Nothing was scanned: {primary}; {secondary}", "severity": "high"}
            await hub.call_tool("communication-hub.send_alert", alert, timeout=60)
            raise
        notice = {"message": f"Scanned with a command, since {primary}", "channels": ["dashboard"]}
        await hub.call_tool("communication-hub.send_notification", notice, timeout=60)
        return result
    # endregion


# region: test
async def test_a_command_stands_in_for_the_scanner(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner())
    machine = mcpflow.serve(DesktopCommander(scripts=[Script("bandit *", stdout="no issues")]))
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("security-scanner.bandit_scan#1=refuse")

    result = await scan(mcpflow, "src/")

    assert result["stdout"] == "no issues"
    assert [ran.command for ran in machine.history] == ["bandit -r src/"]
    assert people.texts()[0].startswith("Scanned with a command, since security-scanner.bandit_scan")


async def test_when_both_fail_people_hear_of_both(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner())
    mcpflow.serve(DesktopCommander())
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("security-scanner.bandit_scan#1=refuse, desktop-commander.execute_command#1=lose_reply")

    with pytest.raises(MCPError):
        await scan(mcpflow, "src/")

    assert "bandit_scan" in people.alerts[0].message
    assert "timed out" in people.alerts[0].message
    # endregion
