"""The clients that a hub connects: their requests are written down, and the test answers what servers ask them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcp import Client, ClientSession
from mcp.client import Transport

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.journal import Journal
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.checking import spare_listing
from pytest_mcpflow.wire import Elsewhere, tap

__all__ = ["ClientFactory", "client_factory"]

ClientFactory = Callable[[Transport, str], Client]
"""Makes a client over a transport, in a protocol mode of the SDK, with the hub's callbacks."""


def client_factory(
    server: str,
    journal: Journal | None,
    desk: Desk,
    *,
    ours: bool,
    elsewhere: Elsewhere | None = None,
    tape: Player | None = None,
) -> ClientFactory:
    """Makes clients whose requests are written down, if there is a journal, and whose questions the test answers."""

    def make_client(transport: Transport, mode: str) -> Client:
        channel = transport if isinstance(transport, Channel) else None

        def connected(session: ClientSession) -> None:
            if channel is not None:
                spare_listing(session, channel.schema_of)
            if journal is not None:
                tap(session, server, journal, ours=ours, elsewhere=elsewhere, tape=tape, channel=channel)

        return _HubClient(
            transport,
            mode=mode,
            elicitation_callback=desk.elicitation_callback(server),
            sampling_callback=desk.sampling_callback(server),
            cache=None,  # an answer out of a cache would be a call that nobody sees
            on_connected=connected,
        )

    return make_client


@dataclass(kw_only=True)
class _HubClient(Client):
    """A client that says when its session is connected."""

    on_connected: Callable[[ClientSession], None]

    async def __aenter__(self) -> Client:
        await super().__aenter__()
        self.on_connected(self.session)
        return self
