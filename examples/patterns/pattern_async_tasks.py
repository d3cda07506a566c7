"""Work in the background that always comes to an end, and is said to have failed when it did."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.security_scanner import SecurityScanner

Status = Literal["running", "completed", "failed"]


# region: pattern
class Tasks:
    def __init__(self, hub: Hub, group: asyncio.TaskGroup, *, limit: float = 3600) -> None:
        self._hub, self._group, self._limit = hub, group, limit
        self.status: dict[str, Status] = {}
        self.results: dict[str, CallResult] = {}

    def submit(self, name: str, tool: str, arguments: dict[str, Any]) -> None:
        self.status[name] = "running"
        self._group.create_task(self._run(name, tool, arguments))

    async def _run(self, name: str, tool: str, arguments: dict[str, Any]) -> None:
        try:
            self.results[name] = await self._hub.call_tool(tool, arguments, timeout=self._limit)
            self.status[name] = "completed"
        except Exception as error:
            self.status[name] = "failed"
            alert = {"message": f"{name} ({tool}) failed: {error}", "severity": "medium"}
            await self._hub.call_tool("communication-hub.send_alert", alert, timeout=60)

    # endregion


# region: test
async def test_a_task_without_an_answer_has_failed_after_its_limit(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner(takes={"bandit_scan": 120.0}))
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("security-scanner.bandit_scan#2=lose_reply")

    async with asyncio.TaskGroup() as group:
        tasks = Tasks(mcpflow, group)
        tasks.submit("first", "security-scanner.bandit_scan", {"path": "src/"})
        tasks.submit("second", "security-scanner.bandit_scan", {"path": "lib/"})
        await asyncio.sleep(60)
        assert tasks.status == {"first": "running", "second": "running"}

    assert tasks.status == {"first": "completed", "second": "failed"}
    assert people.alerts[0].message.startswith("second (security-scanner.bandit_scan) failed")
    assert mcpflow.clock.now() == 3600
    # endregion
