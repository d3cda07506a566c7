"""Long-running calls in the background: submitted, looked after, and never left without an outcome."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Careful, Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._storage import versions_of

__all__ = ["TaskManager", "TaskStatus", "TasksReport", "release"]

Callback = Callable[[Mapping[str, Any]], Awaitable[object]]
POLL_SECONDS, BOARD = 30.0, "tasks.json"


@dataclass(frozen=True)
class TaskStatus:
    """Where a task is: `result` is what its tool answered, `error` why there is none."""

    state: Literal["running", "completed", "failed", "not_found"]
    result: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True)
class TasksReport:
    """The state of every task when the last one had ended; `untold` are messages nobody received."""

    success: bool
    states: Mapping[str, str]
    untold: tuple[str, ...] = ()


@dataclass
class _Task:
    tool: str
    running: asyncio.Task[None]
    status: TaskStatus
    callbacks: list[Callback]


class TaskManager:
    """Runs calls in the background. Leaving it cancels what still runs.

    Args:
        desk: Where failures are told.
        calls: How the calls of tasks are made.
        limit: Seconds after which a task that has no outcome has failed.
    """

    def __init__(self, desk: Desk, calls: Careful, *, limit: float = 1800.0) -> None:
        self._desk, self._calls, self._limit = desk, calls, limit
        self._tasks: dict[str, _Task] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.running.cancel()
        await asyncio.gather(*(task.running for task in self._tasks.values()), return_exceptions=True)

    def submit(
        self,
        task_id: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        done: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Begin a call; `done` finds out whether one that must not be repeated took place.

        Raises:
            ValueError: There is a task of that id.
        """
        if task_id in self._tasks:
            raise ValueError(
                f"there is a task {task_id!r} already, {self._tasks[task_id].tool}; ids are used once"
            )
        running = asyncio.create_task(self._run(task_id, arguments, done))
        self._tasks[task_id] = _Task(tool, running, TaskStatus("running"), [])

    def status(self, task_id: str) -> TaskStatus:
        """Where a task is."""
        return self._tasks[task_id].status if task_id in self._tasks else TaskStatus("not_found")

    def on_completion(self, task_id: str, callback: Callback) -> None:
        """Call back with the result of a task; callbacks run one after the other, in this order."""
        self._tasks[task_id].callbacks.append(callback)

    async def result(self, task_id: str) -> TaskStatus:
        """Wait until a task has ended and its callbacks have run."""
        await asyncio.wait([self._tasks[task_id].running])
        return self.status(task_id)

    async def _run(
        self, task_id: str, arguments: Mapping[str, Any], done: Callable[[], Awaitable[bool]] | None
    ) -> None:
        task = self._tasks[task_id]
        try:
            async with asyncio.timeout(self._limit):
                result = await self._call(task.tool, arguments, done)
        except TimeoutError:
            await self._fail(task_id, f"no outcome within {self._limit:g} s")
        except Exception as error:
            await self._fail(task_id, str(error))
        else:
            task.status = TaskStatus("completed", result=result)
            await self._call_back(task_id, result)

    async def _call(
        self, tool: str, arguments: Mapping[str, Any], done: Callable[[], Awaitable[bool]] | None
    ) -> Mapping[str, Any]:
        if done is not None:
            await self._calls.once(tool, arguments, done=done)
            return {"success": True}
        answer = await self._calls.repeat(tool, arguments)
        if not answer.get("success", False):
            raise RuntimeError(f"{tool} did not succeed: {dict(answer)}")
        return answer

    async def _fail(self, task_id: str, error: str) -> None:
        task = self._tasks[task_id]
        task.status = TaskStatus("failed", error=error)
        server, _, tool = task.tool.partition(".")
        about = {"task_id": task_id, "server": server, "tool": tool}
        await self._desk.alert(f"Long-running task {task_id} failed: {error}", about, severity="medium")

    async def _call_back(self, task_id: str, result: Mapping[str, Any]) -> None:
        for number, callback in enumerate(self._tasks[task_id].callbacks, 1):
            try:
                await callback(result)
            except Exception as error:
                about = {"task_id": task_id, "callback": number}
                message = f"Callback {number} of task {task_id} failed: {error}"
                await self._desk.alert(message, about, severity="medium")


async def release(hub: Hub, manager: type[TaskManager] = TaskManager) -> TasksReport:
    """Scan, back up and verify in the background, and keep a board of how far they are."""
    with context_of(hub, "async-tasks") as context_id:
        desk = Desk(hub, context_id=context_id)
        # What seems lost may still be at work: wait for that, too, before looking whether it was done.
        calls = Careful(hub, timeout=300.0, pauses=(60.0, 120.0, 240.0), context_id=context_id)
        async with manager(desk, calls) as tasks:
            states = await _watched(desk, tasks, _submitted(desk, tasks))
        if desk.untold:
            await desk.alert(f"Not told: {'; '.join(desk.untold)}", severity="medium")
        success = not desk.untold and set(states.values()) == {"completed"}
        return TasksReport(success, states, tuple(desk.untold))


def _submitted(desk: Desk, tasks: TaskManager) -> list[str]:
    async def is_backed_up() -> bool:
        return await versions_of(desk, "emergency/high/production-data") > 0

    data = {"source": "production-data", "priority": "high", "idempotency_token": "release 2.0.0"}
    tasks.submit("scan", "security-scanner.comprehensive_scan", {"scope": "full", "severity": "medium"})
    tasks.submit("backup", "s3-storage.emergency_backup", data, done=is_backed_up)
    app = {"service": "app", "environment": "production", "timeout": 120}
    tasks.submit("verify", "prometheus-monitoring.verify_service_health", app)
    ids = ["scan", "backup", "verify"]
    tasks.on_completion(
        "scan", lambda scan: desk.notify(f"Scan finished, {len(scan['findings'])} findings", "slack")
    )
    tasks.on_completion("backup", lambda _: desk.notify("Production data is backed up", "slack"))
    tasks.on_completion(
        "verify", lambda app: desk.notify(f"app is healthy after {app['waited']:g} s", "slack")
    )
    tasks.on_completion("verify", lambda _: desk.notify("Release 2.0.0 is out", "slack"))
    return ids


async def _watched(desk: Desk, tasks: TaskManager, ids: list[str]) -> dict[str, str]:
    """Write down where the tasks are, until the last one has ended; a board that fails stops no task."""
    ended, is_written = asyncio.gather(*(tasks.result(task_id) for task_id in ids)), False
    while not (ended.done() and is_written):
        await asyncio.wait([ended], timeout=POLL_SECONDS)
        is_last = ended.done()
        try:
            await desk.write(BOARD, json.dumps({task_id: tasks.status(task_id).state for task_id in ids}))
            is_written = is_last
        except Exception as error:
            if is_last:
                desk.untold.append(f"{BOARD} is out of date: {error}")
                break
    return {task_id: tasks.status(task_id).state for task_id in ids}
