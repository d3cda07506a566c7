"""A hub on which calls go wrong: what is left of a workflow's promises then.

Only for worlds in process (`Way.DIRECT`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from enum import StrEnum
from typing import Any

from mcp import MCPError
from mcp.types import REQUEST_TIMEOUT

from pytest_mcpflow import CallResult, Context, Hub, ToolError, UnknownNameError, Workflow
from pytest_mcpflow.direct import ProgressCallback
from pytest_mcpflow.journal import Entry
from pytest_mcpflow.transcript import matches

__all__ = ["Fault", "under"]


class Fault(StrEnum):
    """What goes wrong with a call."""

    REFUSE = "refuse"
    """The server refuses and does nothing."""
    LOSE_REQUEST = "lose_request"
    """The server never hears of it; the workflow waits until its time limit."""
    LOSE_REPLY = "lose_reply"
    """The server does it; the workflow waits until its time limit."""
    DELIVER_LATE = "deliver_late"
    """The workflow waits until its time limit; the server does it `LATE` seconds after that."""


LATE = 0.5
"""Less than any pause before a second attempt, so that looking in between finds what was done."""


def under(workflow: Workflow, faults: Mapping[int | str, Fault]) -> Workflow:
    """The same workflow on a hub where calls go wrong: by their number from 0, or all of a tool by its pattern."""

    async def run(hub: Hub) -> Any:
        faulty = _FaultyHub(hub, faults)
        try:
            return await workflow(faulty)
        finally:
            await asyncio.gather(*faulty.late, return_exceptions=True)

    return run


class _FaultyHub(Hub):
    def __init__(self, world: Hub, faults: Mapping[int | str, Fault]) -> None:
        super().__init__()
        self.clock, self.contexts = world.clock, world.contexts
        self.late: list[asyncio.Task[None]] = []
        self._world, self._wrong, self._count, self._delivered = world, faults, 0, 0
        # What goes wrong belongs into the transcript, too, as the workflow sees it.
        self._journal = world._journal  # pyright: ignore[reportPrivateUsage]

    @property
    def servers(self) -> tuple[str, ...]:
        return self._world.servers

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context_id: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Coroutine[Any, Any, CallResult]:
        if name.partition(".")[0] not in self._world.servers:
            return self._world.call_tool(name, arguments, context_id)  # no call at all, and in no transcript
        number, self._count = self._count, self._count + 1
        for key, fault in self._wrong.items():
            if key == number or (isinstance(key, str) and matches(key, name)):
                return self._fail(fault, name, arguments or {}, context_id, timeout)
        return self._world.call_tool(name, arguments, context_id, timeout=timeout, on_progress=on_progress)

    def create_context(self, context_id: str | None = None) -> Context:
        return self._world.create_context(context_id)

    async def _fail(
        self,
        fault: Fault,
        name: str,
        arguments: Mapping[str, Any],
        context_id: str | None,
        timeout: float | None,
    ) -> CallResult:
        server, _, tool = name.partition(".")
        entries, began = self._journal.entries, self.clock.now()
        if fault is Fault.LOSE_REPLY:
            # A refusal is lost like any other answer; a tool that takes longer than the limit does nothing.
            entry = await self._deliver(name, arguments, timeout)
            entry.result = entry.outcome = entry.until = None
            entry.context_id = context_id
        else:
            params = {"name": tool, "arguments": arguments}
            entry = self._journal.open(server, "tools/call", params, context_id=context_id)
        if fault is Fault.REFUSE:
            refusal = {"isError": True, "content": [{"type": "text", "text": "503 Service Unavailable"}]}
            self._journal.close(entry, refusal)
            raise ToolError(server, tool, "503 Service Unavailable")
        try:
            if timeout is None:
                await asyncio.Event().wait()  # a workflow without a time limit waits for ever
            await asyncio.sleep((timeout or 0) - (self.clock.now() - began))
        except asyncio.CancelledError:
            self._journal.cancel(entry)
            raise
        if fault is Fault.DELIVER_LATE:

            async def deliver() -> None:
                await asyncio.sleep(LATE)
                delivered = await self._deliver(name, arguments)
                entries.remove(delivered)
                entry.effect = delivered.effect

            self.late.append(asyncio.create_task(deliver()))
        error = MCPError(REQUEST_TIMEOUT, f"{name}: no answer within {timeout} s")
        self._journal.fail(entry, error)
        raise error

    async def _deliver(self, name: str, arguments: Mapping[str, Any], timeout: float | None = None) -> Entry:
        """Call the world, and find the entry of this call among those that other calls make meanwhile."""
        self._delivered += 1
        mark = f"delivered behind the workflow's back: {self._delivered}"
        with contextlib.suppress(ToolError, MCPError, UnknownNameError):
            await self._world.call_tool(name, arguments, mark, timeout=timeout)
        return next(entry for entry in self._journal.entries if entry.context_id == mark)
