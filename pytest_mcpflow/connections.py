"""How a hub reaches its servers: by one client each, which is connected when it is needed first.

A call of a fake in the same process needs no client that listens, unless the tool may ask or report something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.direct import ProgressCallback
from pytest_mcpflow.journal import Journal
from pytest_mcpflow.members import Member, Members

if TYPE_CHECKING:
    from mcp import Client

    from pytest_mcpflow.line import Line

__all__ = ["Connections"]


@dataclass(eq=False)
class Connections:
    """The connections of one hub, and what their clients have to do with."""

    members: Members
    journal: Journal
    desk: Desk

    async def client(self, name: str) -> Client:
        """The connected client of one server.

        Raises:
            UnknownNameError: There is no such server.
            ServerStartError: The server could not be reached.
        """
        member = self.members.get(name)
        if member.connection is None:
            from pytest_mcpflow.connection import Connection
            from pytest_mcpflow.hub_client import client_factory

            source = member.behind
            is_ours = member.fake is not None
            make_client = client_factory(
                name, self.journal, self.desk, ours=is_ours, elsewhere=member.stand_in, tape=member.tape
            )
            member.connection = Connection(name, lambda: source.connect(make_client))
        return await member.connection.client()

    async def call_tool(
        self,
        member: Member,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float | None,
        on_progress: ProgressCallback | None,
    ) -> None:
        """Call a tool; what comes of it is written down by whoever sees the request.

        Raises:
            Exception: What a client raises.
        """
        if on_progress is None and member.tools is not None and not member.tools[tool].may_speak:
            line = member.line or self._line(member)
            if line is not None:
                await line.session.call_tool(tool, dict(arguments), timeout)
                return
        client = await self.client(member.name)
        try:
            await client.call_tool(
                tool, dict(arguments), read_timeout_seconds=timeout, progress_callback=on_progress
            )
        except Exception as error:
            said = None if member.source is None else member.source.explanation(error)
            if said is not None:
                error.add_note(said)
            raise

    def _line(self, member: Member) -> Line | None:
        from pytest_mcpflow.line import line_to

        member.line = line_to(member.behind, member.name, self.journal)
        return member.line

    async def close(self) -> list[tuple[str, Exception]]:
        """Leave every client, the last one connected first; what went wrong, by the names of the servers."""
        errors: list[tuple[str, Exception]] = []
        for member in reversed(list(self.members)):
            reached = (member.connection, member.line, member.stand_in)
            member.connection = member.line = None
            for each in reached:
                if each is not None:
                    try:
                        await each.close()
                    except Exception as error:
                        errors.append((member.name, error))
        return errors
