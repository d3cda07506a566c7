"""Unchanged client code, pointed at a hub.

The SDK has three ways out of a process: `stdio_client`, `streamable_http_client` and `sse_client`. While a
redirection lasts they lead to servers of a hub, however they were imported: each runs a function that it keeps in a
closure cell, and what is in the cell is exchanged. What goes through is seen where the client's messages are sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import (
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from importlib.metadata import version
from inspect import signature
from types import CellType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp import Client, ClientSession
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import OnRequest
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.clock import background, is_ours, ours
from pytest_mcpflow.errors import HubError, nearest_phrase
from pytest_mcpflow.journal import Journal
from pytest_mcpflow.members import Member, Members
from pytest_mcpflow.wire import tap_in_place

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp.client import Transport
    from mcp.client._transport import TransportStreams

__all__ = ["Redirection", "Target"]

Target = StdioServerParameters | str
"""Where a client connects to: a command or a URL."""

WAYS_OUT = (stdio_client, streamable_http_client, sse_client)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(eq=False)
class Redirection:
    """Leads connections to where a hub says. It begins with the first target, and ends when it is closed.

    Args:
        members: The servers of the hub.
        journal: Where the requests of redirected clients are written down.
        desk: Answers what a server asks in calls in which the plan says what the answer is.
    """

    members: Members
    journal: Journal
    desk: Desk
    _routes: list[tuple[Target, str]] = field(default_factory=list[tuple[Target, str]], init=False)
    _arrivals: dict[int, Member] = field(default_factory=dict[int, Member], init=False)
    _refused: list[HubError] = field(default_factory=list[HubError], init=False)
    _changed: ExitStack = field(default_factory=ExitStack, init=False)

    def add(self, target: Target, *, to: str) -> None:
        """Lead connections to `target` to a server of the hub.

        Raises:
            UnknownNameError: The hub has no such server.
            HubError: `target` is redirected already, is neither a command nor a URL, or the SDK has moved its seams.
        """
        self.members.get(to)
        if not isinstance(target, StdioServerParameters | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise HubError(
                f"hub.redirect() takes a URL or StdioServerParameters, got {target!r}; a server object or a transport "
                "is handed to the client as it is"
            )
        if isinstance(target, str) and urlsplit(target).scheme not in DEFAULT_PORTS:
            raise HubError(
                f"hub.redirect() takes a URL, as in 'https://example.com/mcp', got {target!r}; "
                "a command is StdioServerParameters(command=..., args=[...])"
            )
        earlier = self._route(target)
        if earlier is not None:
            raise HubError(f"{shown(target)} is redirected to {earlier!r} already")
        if not self._routes:
            self._begin()
        self._routes.append((target, to))

    def close(self) -> None:
        """Let clients connect as they did before."""
        self._changed.close()
        self._routes.clear()

    def verify(self) -> None:
        """Fail where a client wanted to connect to something else, even if the workflow went on.

        Raises:
            HubError: One did.
        """
        if self._refused:
            raise self._refused[0]

    def _begin(self) -> None:
        with ExitStack() as stack:
            for way_out in WAYS_OUT:
                stack.enter_context(_exchanged(_cell(way_out), self._instead_of))
            stack.enter_context(_told_of_dispatchers(self._arrived))
            stack.enter_context(_made_anew())
            self._changed = stack.pop_all()

    def _instead_of(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def streams(*args: Any, **options: Any) -> AsyncGenerator[TransportStreams]:
            if is_ours():  # the hub connects, to a server that is used
                found: AsyncGenerator[TransportStreams] = original(*args, **options)
                return found
            return self._streams_of(args[0] if args else options.get("server", options.get("url")))

        return streams

    async def _streams_of(self, asked: object) -> AsyncGenerator[TransportStreams]:
        target = asked if isinstance(asked, StdioServerParameters) else str(asked)
        to = self._route(target)
        if to is None:
            raise self._refusal(target)
        member = self.members.get(to)
        async with _as_infrastructure(member.behind.carrier()) as streams:
            self._arrivals[id(streams[0])] = member
            try:
                yield streams
            finally:
                del self._arrivals[id(streams[0])]

    def _arrived(self, dispatcher: JSONRPCDispatcher[Any], reading: object) -> None:
        member = self._arrivals.get(id(reading))
        if member is not None:
            tap_in_place(
                dispatcher,
                member.name,
                self.journal,
                ours=member.fake is not None,
                elsewhere=member.stand_in,
                tape=member.tape,
            )
            self._overrule_client_of(dispatcher, member.name)

    def _overrule_client_of(self, dispatcher: JSONRPCDispatcher[Any], server: str) -> None:
        """Take hold of the session of a dispatcher as soon as it listens."""
        run = dispatcher.run

        async def run_for(on_request: OnRequest, *args: Any, **options: Any) -> None:
            session = getattr(on_request, "__self__", None)
            if isinstance(session, ClientSession):
                if not hasattr(session, "dispatch_input_request"):
                    raise _moved("ClientSession.dispatch_input_request")
                self.desk.overrule(session, server)
            await run(on_request, *args, **options)

        dispatcher.run = run_for  # type: ignore[method-assign]  # of this object alone

    def _route(self, target: Target) -> str | None:
        return next((to for known, to in self._routes if _leads(known, target)), None)

    def _refusal(self, target: Target) -> HubError:
        nearest = nearest_phrase(shown(target), [shown(known) for known, _ in self._routes])
        error = HubError(
            f"a client connects to {shown(target)}, which is not redirected; {nearest}. Redirect it with "
            "hub.redirect(..., to='server'), to a server that hub.use() reaches if it is meant to be the real one"
        )
        self._refused.append(error)
        return error


@asynccontextmanager
async def _as_infrastructure(carrier: Transport) -> AsyncGenerator[TransportStreams]:
    """Enter and leave a transport as a hub does its own: what it opens is counted, what it waits for is not."""
    stack = AsyncExitStack()
    with background(), ours():
        streams = await stack.enter_async_context(carrier)
    try:
        yield streams
    except BaseException as error:
        with background(), ours():
            if not await stack.__aexit__(type(error), error, error.__traceback__):
                raise
    else:
        with background(), ours():
            await stack.aclose()


def shown(target: Target) -> str:
    """A command as it is typed, or the URL without what may be secret."""
    if isinstance(target, StdioServerParameters):
        return f"`{' '.join([target.command, *target.args])}`"
    address = urlsplit(target)
    return address._replace(netloc=address.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _leads(known: Target, asked: Target) -> bool:
    """Whether what is asked for is what is known: a query counts only where the known one has one."""
    if isinstance(known, StdioServerParameters) or isinstance(asked, StdioServerParameters):
        return _command(known) == _command(asked)
    here, there = urlsplit(known), urlsplit(asked)
    return _place(known) == _place(asked) and (not here.query or here.query == there.query)


def _command(target: Target) -> list[str] | None:
    return [target.command, *target.args] if isinstance(target, StdioServerParameters) else None


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme), parts.path.rstrip("/")


def _cell(way_out: Callable[..., Any]) -> CellType:
    """Where a function made by `asynccontextmanager` keeps what it runs."""
    code, cells = getattr(way_out, "__code__", None), getattr(way_out, "__closure__", None)
    if code is None or not cells or "func" not in code.co_freevars:
        raise _moved(f"what {getattr(way_out, '__name__', way_out)} runs")
    cell: CellType = cells[code.co_freevars.index("func")]
    return cell


def _moved(what: str) -> HubError:
    return HubError(
        f"mcp {version('mcp')} does not have {what} where pytest-mcpflow takes hold of it to redirect clients; use a "
        "version of pytest-mcpflow made for this one"
    )


@contextmanager
def _exchanged(
    cell: CellType, instead_of: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Generator[None]:
    before = cell.cell_contents
    if before.__module__ == __name__:
        raise HubError("another hub redirects the clients of this process; close it first")
    cell.cell_contents = instead_of(before)
    try:
        yield
    finally:
        cell.cell_contents = before


@contextmanager
def _told_of_dispatchers(arrived: Callable[[JSONRPCDispatcher[Any], object], None]) -> Generator[None]:
    """Tell of everything that sends messages over a pair of streams, when it is made."""
    before = JSONRPCDispatcher.__init__
    if [*signature(before).parameters][1:2] != ["read_stream"]:
        raise _moved("the first argument of JSONRPCDispatcher")

    def made(self: JSONRPCDispatcher[Any], read_stream: Any, *args: Any, **options: Any) -> None:
        before(self, read_stream, *args, **options)
        arrived(self, read_stream)

    JSONRPCDispatcher.__init__ = made  # type: ignore[method-assign]  # and put back below
    try:
        yield
    finally:
        JSONRPCDispatcher.__init__ = before  # type: ignore[method-assign]  # what was there


@contextmanager
def _made_anew() -> Generator[None]:
    """Let clients that were made before the redirection find their way when they are entered."""
    before = Client.__aenter__
    if not hasattr(Client, "__post_init__"):
        raise _moved("Client.__post_init__")

    async def entered(self: Client) -> Client:
        if isinstance(self.server, StdioServerParameters | str):
            self.__post_init__()
        return await before(self)

    Client.__aenter__ = entered  # type: ignore[method-assign]  # and put back below
    try:
        yield
    finally:
        Client.__aenter__ = before  # type: ignore[method-assign]  # what was there
