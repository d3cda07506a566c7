"""One server of a hub, whatever stands behind its name."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from mcp import Client, ClientSession, MCPError, StdioServerParameters
from mcp.client import Transport
from mcp.server import MCPServer, Server
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.cassette.pending import Recorder
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor, Rule
from pytest_mcpflow.cassette.replay import ReplayTransport
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.connection import Connection, unwrapped
from pytest_mcpflow.errors import ServerStartError, VirtualTimeError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.heard import Heard, listening_to_a_server
from pytest_mcpflow.hub_client import ClientFactory, client_factory
from pytest_mcpflow.orders import Orders
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.refusal import output_schema
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.http import http_transport
from pytest_mcpflow.serve.memory import memory_transport
from pytest_mcpflow.serve.outside import carries_lines, wire_to_command, wire_to_url
from pytest_mcpflow.serve.stdio import stdio_transport
from pytest_mcpflow.server import Ledger, serve_fake
from pytest_mcpflow.ways import Era, Way

__all__ = [
    "CassetteSource",
    "FakeSource",
    "OutsideSource",
    "RecordedSource",
    "ServerSource",
    "Source",
    "StandIn",
    "recorded_source",
    "refuse_outside",
    "source_of",
]


class Source(ABC):
    """What stands behind a server's name.

    `orders` is the book in which those who carry its bytes find how answers are to be spoilt.
    """

    orders: Orders

    @abstractmethod
    def connect(self, make_client: ClientFactory) -> AbstractAsyncContextManager[Client]:
        """A context in which a client is connected to it."""

    @abstractmethod
    def carrier(self) -> Transport:
        """A transport for a client that somebody else makes, and that speaks the era it likes."""

    def channel(self) -> Channel | None:
        """The short way to it, if there is one."""
        return None

    def explanation(self, error: Exception) -> str | None:
        """What the server said beside its answers, if that may be the reason for the error of a call."""
        return None

    @property
    def wire(self) -> Way | None:
        """The way whose bytes it is reached by, if answers can be spoilt on them."""
        return None


class ServerSource(Source):
    """An SDK server of this process, ours or the user's."""

    def __init__(self, server: Server[Any] | MCPServer, *, way: Way, era: Era) -> None:
        # MCPServer shows the lowlevel server it wraps under no public name (mcp 2.3).
        self._server: Server[Any] = server._lowlevel_server if isinstance(server, MCPServer) else server  # pyright: ignore[reportPrivateUsage]
        self._way, self._era = way, era
        self.orders = Orders()

    def connect(self, make_client: ClientFactory) -> AbstractAsyncContextManager[Client]:
        return make_client(self.carrier(), self._era.client_mode)

    def carrier(self) -> Transport:
        match self._way:
            case Way.STDIO:
                return stdio_transport(self._server, self.orders)
            case Way.HTTP:
                return http_transport(self._server, self.orders)
            case Way.DIRECT | Way.MEMORY:  # a real client has no direct way, so it gets the nearest one
                return memory_transport(self._server)

    @property
    def wire(self) -> Way | None:
        return self._way


class FakeSource(ServerSource):
    """A fake."""

    def __init__(self, fake: Fake, name: str, *, way: Way, era: Era, ledger: Ledger) -> None:
        super().__init__(serve_fake(fake, name=name, ledger=ledger), way=way, era=era)
        self.fake = fake

    def connect(self, make_client: ClientFactory) -> AbstractAsyncContextManager[Client]:
        channel = self.channel()
        if channel is not None:
            return make_client(channel, self._era.client_mode)
        if self._way is Way.STDIO and self._era is Era.STATELESS:
            return make_client(
                stdio_transport(self._server, self.orders, self._channel), self._era.client_mode
            )
        return super().connect(make_client)

    def channel(self) -> Channel | None:
        return self._channel() if self._way.is_in_process and self._era is Era.STATELESS else None

    def _channel(self) -> Channel:
        return Channel(self._server, self._schema_of)

    def _schema_of(self, tool: str) -> Mapping[str, Any] | None:
        spec = contract_of(self.fake).tools[tool]
        of_success = spec.output_schema if spec.listed is None else spec.listed.get("outputSchema")
        return output_schema(self.fake, of_success)


class OutsideSource(Source):
    """A server that nobody here serves: a command, a URL, or any transport.

    Args:
        target: What to connect to.
        name: Its name in the hub, for messages.
        mode: The protocol mode, by default whatever the server speaks.
        limit: Real seconds it may take until it has answered for the first time.
    """

    def __init__(
        self, target: StdioServerParameters | str | Transport, name: str, *, mode: str, limit: float
    ) -> None:
        self._target, self._name, self._mode, self._limit = target, name, mode, limit
        self._heard: Heard | None = None
        self.orders = Orders()

    def connect(self, make_client: ClientFactory) -> AbstractAsyncContextManager[Client]:
        return self._connected(make_client)

    def carrier(self) -> Transport:
        return self._carried()

    @asynccontextmanager
    async def _carried(self) -> AsyncGenerator[Any]:
        with listening_to_a_server() as heard:
            async with self._transport(heard.errors) as streams:
                yield streams

    def explanation(self, error: Exception) -> str | None:
        if self._heard is None or getattr(error, "code", None) not in (CONNECTION_CLOSED, REQUEST_TIMEOUT):
            return None
        return f"server {self._name!r} is {self._what}{self._heard}"

    @asynccontextmanager
    async def _connected(self, make_client: ClientFactory) -> AsyncGenerator[Client]:
        async with AsyncExitStack() as stack:
            self._heard = heard = stack.enter_context(listening_to_a_server())
            client = make_client(self._transport(heard.errors), self._mode)
            client.message_handler = client.message_handler or heard.notice
            try:
                async with asyncio.timeout(self._limit):
                    await stack.enter_async_context(client)
            except TimeoutError:
                raise self._start_error(f"did not answer within {self._limit:g} s", heard) from None
            except (OSError, MCPError, RuntimeError, ExceptionGroup) as error:
                cause = unwrapped(error)
                raise self._start_error(f"{type(cause).__name__}: {cause}", heard) from cause
            try:
                yield client
            finally:
                self._heard = None

    @property
    def wire(self) -> Way | None:
        if isinstance(self._target, StdioServerParameters):
            return Way.STDIO if carries_lines(self._target) else None
        return Way.HTTP if isinstance(self._target, str) else None

    def _transport(self, said: TextIO) -> Transport:
        match self._target:
            case StdioServerParameters():
                return wire_to_command(self._target, f"the server {self._name}", said, self.orders)
            case str():
                return wire_to_url(self._target, self.orders)
            case _:
                return self._target

    @property
    def _what(self) -> str:
        match self._target:
            case StdioServerParameters():
                return f"`{shortened(' '.join([self._target.command, *self._target.args]))}`"
            case str():
                return self._target
            case _:
                return "its transport"

    def _start_error(self, why: str, heard: Heard) -> ServerStartError:
        match self._target:
            case StdioServerParameters():
                cure = "run the command by hand to see whether it is an MCP server that speaks stdio"
            case str():
                cure = "check the address, and that the server is up"
            case _:
                cure = "check the transport given to hub.use()"
        return ServerStartError(f"server {self._name!r}: {self._what} {why}{heard}; {cure}")


class CassetteSource(OutsideSource):
    """A cassette in place of a server.

    Args:
        path: The cassette.
        name: The server's name in the hub, in place of what the server called itself.
        era: The protocol era to speak, in place of the one of the recording.
        playback: How it answers.
        redaction: What is taken out of requests besides secrets, if it was taken out of the recording.

    Raises:
        CassetteError: The cassette is missing or broken.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        era: Era | None = None,
        playback: Playback | None = None,
        redaction: Sequence[Rule] = (),
    ) -> None:
        tape = Tape.load(path, playback)
        self.name = name or tape.cassette.server_name or path.stem
        redactor = Redactor.of_tape(tape.cassette.redaction, redaction)
        self.player = Player(tape, self.name, redactor)
        mode = (era or Era(tape.cassette.era)).client_mode
        super().__init__(ReplayTransport(self.player), self.name, mode=mode, limit=60.0)

    def carrier(self) -> Transport:
        return ReplayTransport(self.player)  # a transport carries one client at a time


class RecordedSource(Source):
    """A server whose every session is recorded.

    Args:
        source: The server.
        recorder: Records it.
    """

    def __init__(self, source: Source, recorder: Recorder) -> None:
        self._source, self._recorder = source, recorder
        self.orders = source.orders

    def connect(self, make_client: ClientFactory) -> AbstractAsyncContextManager[Client]:
        return self._connected(make_client)

    def carrier(self) -> Transport:
        return self._recorded_carrier()

    def explanation(self, error: Exception) -> str | None:
        return self._source.explanation(error)

    @asynccontextmanager
    async def _recorded_carrier(self) -> AsyncGenerator[Any]:
        with self._recorder.session() as session:
            async with recorded(self._source.carrier(), session) as streams:
                session.connected()
                yield streams

    @asynccontextmanager
    async def _connected(self, make_client: ClientFactory) -> AsyncGenerator[Client]:
        with self._recorder.session() as session:

            def make_recorded_client(transport: Transport, mode: str) -> Client:
                return make_client(recorded(transport, session), mode)

            async with self._source.connect(make_recorded_client) as client:
                session.connected()
                yield client


class StandIn:
    """The live server behind a cassette that has not everything; started when it is needed for the first time.

    Args:
        name: The server's name in the hub.
        source: The server, recorded.
        desk: Who answers what it asks.
        forgive: Takes back that the cassette had no answer; whether that was what failed.
    """

    def __init__(self, name: str, source: Source, desk: Desk, forgive: Callable[[str], bool]) -> None:
        make_client = client_factory(name, None, desk, ours=False)
        self._connection = Connection(name, lambda: source.connect(make_client))
        self._forgive = forgive

    async def session_for(self, error: MCPError) -> ClientSession | None:
        """The session that answers in place of one that failed with `error`, if that was for want of a recording."""
        return (await self._connection.client()).session if self._forgive(str(error)) else None

    async def close(self) -> None:
        await self._connection.close()


def source_of(
    target: Server[Any] | MCPServer | StdioServerParameters | Transport | str,
    name: str,
    *,
    way: Way,
    era: Era,
    limit: float,
) -> Source:
    """What stands behind a server that the test did not fake; one from outside is spoken to as it likes."""
    if isinstance(target, Server | MCPServer):
        return ServerSource(cast("Server[Any]", target), way=way, era=era)
    mode = era.client_mode if era is Era.HANDSHAKE else "auto"
    return OutsideSource(target, name, mode=mode, limit=limit)


def recorded_source(
    source: Source,
    target: Server[Any] | MCPServer | StdioServerParameters | Transport | str,
    path: Path,
    redaction: Sequence[Rule],
    *,
    rewrites: bool = False,
    begun: Callable[[], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> Source:
    """The same server, recorded; see `Recorder`."""
    match target:
        case StdioServerParameters():
            transport, command = "stdio", [target.command, *target.args]
        case str():
            transport, command = "http", [target]
        case _:
            transport, command = "memory", list[str]()
    recorder = Recorder(
        path,
        redactor=Redactor(redaction),
        transport=transport,
        command=command,
        rewrites=rewrites,
        begun=begun,
        clock=clock,
    )
    return RecordedSource(source, recorder)


def refuse_outside(name: str, target: object) -> None:
    """Virtual time and a server outside of this process do not go together.

    Raises:
        VirtualTimeError: `target` is outside.
    """
    if isinstance(target, StdioServerParameters | str):
        what = f"the command `{target.command}`" if isinstance(target, StdioServerParameters) else target
        raise VirtualTimeError(
            f"server {name!r} is {what}, outside of this process, where virtual time cannot stop the clock; "
            "mark the test @pytest.mark.mcpflow(virtual_time=False)"
        )
