"""How a hub's tool call finds its way: to a fake's method, or through a client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import from_json

from pytest_mcpflow.direct import Directly, ProgressCallback
from pytest_mcpflow.errors import ArgumentError, ToolError, UnknownNameError
from pytest_mcpflow.hub_clock import HubClock
from pytest_mcpflow.journal import Entry, Journal
from pytest_mcpflow.members import Member, Members
from pytest_mcpflow.result import CallResult, text_of
from pytest_mcpflow.schema import RawResult
from pytest_mcpflow.vacuity import Promises
from pytest_mcpflow.ways import Way

if TYPE_CHECKING:
    from pytest_mcpflow.connections import Connections

__all__ = ["Calls"]

_MAPPINGS = (dict, Mapping)  # a dict is one, and asking an abstract class takes longer


@dataclass(eq=False, kw_only=True)
class Calls:
    """The tool calls of one hub, and all that has a part in them."""

    way: Way
    members: Members
    journal: Journal
    promises: Promises
    connections: Connections
    directly: Directly
    clock: HubClock

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        context_id: str | None,
        timeout: float | None,
        on_progress: ProgressCallback | None,
    ) -> CallResult:
        """See `Hub.call_tool`."""
        __tracebackhide__ = True  # where the workflow called it is what its reader wants to see
        self.promises.begun += 1
        member, tool = self.members.resolve(name)
        self.clock.start()
        if not isinstance(arguments, _MAPPINGS):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            why = f"they go by the names of parameters, {{'name': value}}, got {arguments!r}"
            raise self._unsendable(member, tool, why, context_id)
        try:
            entry = self.journal.open(member.name, "tools/call", tool, arguments, context_id=context_id)
        except ValueError as failure:
            raise self._unsendable(member, tool, f"not JSON ({failure})", context_id) from None
        if member.tools is not None and tool not in member.tools:
            error = UnknownNameError("tool", name, (f"{member.name}.{known}" for known in member.tools))
            self.journal.fail(entry, error)
            raise error
        if self.way is Way.DIRECT and member.fake is not None and member.tools is not None:
            spec = member.tools[tool]
            raw = await self.directly.call(member.fake, spec, entry, timeout=timeout, on_progress=on_progress)
        else:
            raw = await self._through_client(member, tool, entry, arguments, timeout, on_progress)
        if raw.get("isError"):
            text = text_of(raw)
            raise (ArgumentError if text.startswith(ArgumentError.BEGINNING) else ToolError)(
                member.name, tool, text
            )
        return CallResult(raw)

    def _unsendable(self, member: Member, tool: str, why: str, context_id: str | None) -> ArgumentError:
        """The error of a call that no message could carry, which is written down as one that has failed."""
        error = ArgumentError(member.name, tool, f"{ArgumentError.BEGINNING}{tool}: {why}")
        entry = self.journal.open(member.name, "tools/call", tool, {}, context_id=context_id)
        self.journal.fail(entry, error)
        return error

    async def _through_client(
        self,
        member: Member,
        tool: str,
        entry: Entry,
        arguments: Mapping[str, Any],
        timeout: float | None,
        on_progress: ProgressCallback | None,
    ) -> RawResult:
        __tracebackhide__ = True
        from pytest_mcpflow.wire import announced_entry

        try:
            announcement = announced_entry.set(entry)
            try:
                await self.connections.call_tool(
                    member, tool, arguments, timeout=timeout, on_progress=on_progress
                )
            finally:
                announced_entry.reset(announcement)
        except asyncio.CancelledError:
            self.journal.cancel(entry)
            raise
        except Exception as error:
            if entry.until is None:
                self.journal.fail(entry, entry.unanswered or error)
            cause = entry.unanswered or entry.crash or self.promises.miss_behind(error)
            if cause is not None:
                raise cause from None
            raise
        assert entry.result is not None
        return cast("RawResult", from_json(entry.result))
