"""The shortest way through the protocol: a session that calls a fake's tools and listens to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp import ClientSession
from mcp_types import DiscoverResult, ServerCapabilities

from pytest_mcpflow.journal import Journal
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.checking import spare_listing
from pytest_mcpflow.ways import Era
from pytest_mcpflow.wire import tapped

if TYPE_CHECKING:
    from pytest_mcpflow.served import Source

__all__ = ["Line", "line_to"]

_STATELESS = DiscoverResult(supported_versions=[Era.STATELESS], capabilities=ServerCapabilities())
"""All that a client has to know of a server before it calls a tool."""


@dataclass(frozen=True, eq=False)
class Line:
    """A session that calls tools of a fake which ask nothing, and listens to nothing, so that nothing has to be running
    for it."""

    session: ClientSession
    channel: Channel

    async def close(self) -> None:
        """End the calls that go on."""
        await self.channel.aclose()


def line_to(source: Source, server: str, journal: Journal) -> Line | None:
    """A line to the fake behind a server, if it is one that can be reached by a channel."""
    channel = source.channel()
    if channel is None:
        return None
    session = ClientSession(dispatcher=tapped(channel, server, journal))
    session.adopt(_STATELESS)
    spare_listing(session, channel.schema_of)
    channel.open()
    return Line(session, channel)
