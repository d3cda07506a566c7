"""A hub on which a call goes wrong: what is left of a workflow's promises then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from enum import StrEnum
from typing import Any

from mcp import MCPError
from mcp.types import REQUEST_TIMEOUT

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.direct import ProgressCallback
from pytest_mcpflow.transcript import matches

__all__ = ["Fault", "FaultyHub", "under"]


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


class FaultyHub(Hub):
    """Passes calls on to another hub, all but one call, or all but those of one tool.

    Args:
        hub: Where the world is.
        fault: What goes wrong.
        nth: With which call, counted from 0.
        pattern: With the calls of which tools, where `nth` is not given.
    """

    def __init__(self, hub: Hub, fault: Fault, *, nth: int | None = None, pattern: str | None = None) -> None:
        super().__init__()
        self._world, self._fault, self._nth, self._pattern, self._count = hub, fault, nth, pattern, 0
        self.clock = hub.clock
        self.late: list[asyncio.Task[CallResult]] = []

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context_id: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Coroutine[Any, Any, CallResult]:
        number, self._count = self._count, self._count + 1
        hit = number == self._nth or (self._pattern is not None and matches(self._pattern, name))
        if not hit:
            return self._world.call_tool(
                name, arguments, context_id, timeout=timeout, on_progress=on_progress
            )
        return self._fail(name, arguments, timeout)

    async def _fail(
        self, name: str, arguments: Mapping[str, Any] | None, timeout: float | None
    ) -> CallResult:
        server, _, tool = name.partition(".")
        if self._fault is Fault.REFUSE:
            raise ToolError(server, tool, "503 Service Unavailable")
        if self._fault is Fault.LOSE_REPLY:
            with contextlib.suppress(ToolError):  # a refusal is lost like any other answer
                await self._world.call_tool(name, arguments)
        if timeout is None:
            await asyncio.Event().wait()  # a workflow without a time limit waits for ever
        await asyncio.sleep(timeout or 0)
        if self._fault is Fault.DELIVER_LATE:
            self.late.append(asyncio.create_task(self._deliver(name, arguments)))
        raise MCPError(REQUEST_TIMEOUT, f"{name}: no answer within {timeout} s")

    async def _deliver(self, name: str, arguments: Mapping[str, Any] | None) -> CallResult:
        await asyncio.sleep(LATE)
        return await self._world.call_tool(name, arguments)


def under(
    workflow: Workflow, fault: Fault, *, nth: int | None = None, pattern: str | None = None
) -> Workflow:
    """The same workflow on a hub where a call goes wrong."""

    async def run(hub: Hub) -> Any:
        faulty = FaultyHub(hub, fault, nth=nth, pattern=pattern)
        try:
            return await workflow(faulty)
        finally:
            await asyncio.gather(*faulty.late, return_exceptions=True)

    return run
