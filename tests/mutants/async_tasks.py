"""Wrong managers of background tasks, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from common_mistakes import one_after_the_other
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios._async_tasks_workflow import TaskManager, TasksReport, TaskStatus, release
from pytest_mcpflow.scenarios._careful import Careful, Desk
from pytest_mcpflow.scenarios.async_tasks import TOOLS, AsyncTasks

__all__ = ["MUTANTS"]


class Forgetful(TaskManager):
    """Tells of a failure, and leaves the task running."""

    async def _fail(self, task_id: str, error: str) -> None:
        await super()._fail(task_id, error)
        self._tasks[task_id].status = TaskStatus("running")


class Quiet(TaskManager):
    """Notes a failure, and tells nobody which task it was."""

    async def _fail(self, task_id: str, error: str) -> None:
        self._tasks[task_id].status = TaskStatus("failed", error=error)
        await self._desk.alert(f"A task failed: {error}", severity="low")


class Patient(TaskManager):
    """Waits as long as it takes."""

    def __init__(self, desk: Desk, calls: Careful) -> None:
        super().__init__(desk, calls, limit=100_000.0)


class Optimistic(TaskManager):
    """Takes whatever ends for completed."""

    async def _fail(self, task_id: str, error: str) -> None:
        self._tasks[task_id].status = TaskStatus("completed", result={})


class Insistent(TaskManager):
    """Repeats what must not be repeated, without the token that would tell."""

    async def _call(
        self, tool: str, arguments: Mapping[str, Any], done: Callable[[], Awaitable[bool]] | None
    ) -> Mapping[str, Any]:
        if done is not None:
            arguments = {name: value for name, value in arguments.items() if name != "idempotency_token"}
            await self._calls.repeat(tool, arguments)
        return await super()._call(tool, arguments, done)


async def refuse_the_backup(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The storage has no room."""
    if name.endswith("emergency_backup"):
        raise ToolError("s3-storage", "emergency_backup", "503 Slow Down")
    return await send(name, arguments)


async def never_scan(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """The scanner takes a day, and the answer to whoever waits that long is an empty one."""
    if name.endswith("comprehensive_scan"):
        await asyncio.sleep(86_400)
        return answer({"success": True, "findings": []})
    return await send(name, arguments)


async def write_the_board_at_the_end(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Says how far the tasks are when they are over."""
    if name.endswith("write_file") and "running" in arguments["content"]:
        return answer({"result": "written"})
    return await send(name, arguments)


async def forget_failures(hub: Hub) -> TasksReport:
    return await release(hub, Forgetful)


async def fail_quietly(hub: Hub) -> TasksReport:
    return await release(hub, Quiet)


async def wait_for_ever(hub: Hub) -> TasksReport:
    return await release(hub, Patient)


async def call_it_completed(hub: Hub) -> TasksReport:
    return await release(hub, Optimistic)


async def repeat_the_backup(hub: Hub) -> TasksReport:
    return await release(hub, Insistent)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "leave a failed task running": (tampered(forget_failures, refuse_the_backup), "nothing_runs_for_ever"),
    "wait for ever": (tampered(wait_for_ever, never_scan), "nothing_runs_for_ever"),
    "fail quietly": (tampered(fail_quietly, refuse_the_backup), "a_failed_task_alerts_medium"),
    "write the board at the end": (
        tampered(AsyncTasks().workflow, write_the_board_at_the_end),
        "expect",
    ),
    "wait for each task": (one_after_the_other(AsyncTasks().workflow, *TOOLS), "expect"),
    "call a failure completed": (tampered(call_it_completed, refuse_the_backup), "completed_means_done"),
    "repeat the backup": (repeat_the_backup, "one_backup"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
