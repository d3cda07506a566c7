"""The one seam for messages: between a client's session and whatever carries its requests.

Here everything is seen that a client does, on every transport and in both eras: the hub's own calls, a
workflow's `mcp.Client`, and what other libraries do with its session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from functools import partial
from importlib.metadata import version
from typing import Any, Protocol, cast

import anyio
from anyio.abc import TaskStatus
from mcp import ClientSession, MCPError
from mcp.shared.dispatcher import CallOptions, Dispatcher, OnNotify, OnNotifyIntercept, OnRequest
from mcp_types import REQUEST_TIMEOUT

from pytest_mcpflow.errors import HubError
from pytest_mcpflow.journal import Entry, GoingWrong, Journal, Progress
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.tamper import TAMPER_KEY
from pytest_mcpflow.server import INTERACTION_KEY
from pytest_mcpflow.transcript import NOISE

__all__ = ["Elsewhere", "announced_entry", "current_entry", "tap", "tap_in_place", "tapped"]

_OURS = frozenset({"on_progress", "timeout"})
"""What a call that goes wrong does not leave to the SDK."""

announced_entry: ContextVar[Entry | None] = ContextVar("announced_entry", default=None)
"""The interaction that `hub.call_tool` has opened, for the request it leads to: calls stand in the order in which they
were made, whatever each had to wait for until its server was connected."""

current_entry: ContextVar[Entry | None] = ContextVar("current_entry", default=None)
"""The interaction that the running task is in the middle of."""


NO_TOOLS: Mapping[str, Any] = {"cacheScope": "private", "resultType": "complete", "tools": [], "ttlMs": 0}
"""An empty list of tools, with what the stateless era demands of one."""


class Elsewhere(Protocol):
    """Knows another session that may answer where this one failed."""

    async def session_for(self, error: MCPError) -> ClientSession | None: ...


class Tape(Protocol):
    """A recording in place of a server, of which each tool call is used up by its answer."""

    def give_back(self, method: str, params: Mapping[str, Any]) -> None: ...

    def knows(self, method: str) -> bool: ...


def tap(
    session: ClientSession,
    server: str,
    journal: Journal,
    *,
    ours: bool,
    elsewhere: Elsewhere | None = None,
    tape: Tape | None = None,
    channel: Channel | None = None,
) -> None:
    """Write every request of `session` into the journal.

    Args:
        session: A connected session.
        server: Its name in the hub.
        journal: Where to write.
        ours: Whether the server is a fake of this process, which is then told the number of the interaction.
        elsewhere: Where to ask once more what failed here.
        tape: What answers, if it is a recording: an answer that a fault keeps from the caller does not use it up.
        channel: What carries the requests, if it can do so without the session's dispatcher.

    Raises:
        HubError: The SDK has moved the seam.
    """
    # The SDK has no public hook on a client's requests; the attribute is checked.
    session._dispatcher = _Tap(  # pyright: ignore[reportPrivateUsage]
        _dispatcher(session), server, journal, ours, elsewhere, tape, channel
    )


def tapped(dispatcher: Dispatcher[Any], server: str, journal: Journal) -> Dispatcher[Any]:
    """The same for a dispatcher that leads to a fake, and for a session that is yet to be made of it."""
    return _Tap(dispatcher, server, journal, True, None, None, None)


def tap_in_place(
    dispatcher: Dispatcher[Any],
    server: str,
    journal: Journal,
    *,
    ours: bool,
    elsewhere: Elsewhere | None,
    tape: Tape | None,
) -> None:
    """The same for a dispatcher whose session somebody else makes, and which stays the object that it is."""
    requests = _Tap(dispatcher, server, journal, ours, elsewhere, tape, None)
    dispatcher.send_raw_request = requests.send_raw_request  # type: ignore[method-assign]  # of this object alone


def _dispatcher(session: ClientSession) -> Dispatcher[Any]:
    inner: Any = getattr(session, "_dispatcher", None)
    if not callable(getattr(inner, "send_raw_request", None)):
        raise HubError(
            f"mcp {version('mcp')} has no ClientSession._dispatcher.send_raw_request any more, where pytest-mcpflow "
            "sees a client's requests; use a version of pytest-mcpflow made for this one"
        )
    return cast("Dispatcher[Any]", inner)


class _Tap:
    def __init__(
        self,
        inner: Dispatcher[Any],
        server: str,
        journal: Journal,
        ours: bool,
        elsewhere: Elsewhere | None,
        tape: Tape | None,
        channel: Channel | None,
    ) -> None:
        self._inner, self._server, self._journal, self._ours = inner, server, journal, ours
        self._send = inner.send_raw_request if channel is None else partial(channel.carry, inner)
        self._elsewhere, self._tape = elsewhere, tape
        self._in_rounds: dict[str, Entry] = {}

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        asked = params or {}
        entry = self._in_rounds.pop(asked.get("requestState") or "", None)
        if entry is not None:
            entry.is_between_rounds = False
        announced = announced_entry.get()
        if entry is None and method == "tools/call" and announced is not None and not announced.is_sent:
            entry = announced
            entry.is_sent = True
        # The SDK asks for the list of tools in the middle of a call whose answer it has; no fault concerns that.
        by_itself = method == "tools/list" and announced is not None and announced.server == self._server
        if entry is None:
            name = str(asked.get("name") or asked.get("uri") or "")
            entry = self._journal.open(self._server, method, name, asked.get("arguments") or {})
        if method not in NOISE:  # the SDK lists the tools by itself, after the call that the caller is in
            current_entry.set(entry)
        if self._ours and method not in NOISE:
            params = {**asked, "_meta": {**asked.get("_meta", {}), INTERACTION_KEY: entry.key}}
        faults = self._journal.faults
        faulted = None if faults is None or by_itself else faults.about(entry)
        try:
            if by_itself and self._tape is not None and not self._tape.knows(method):
                # Other clients never asked, and nobody asks now: without a schema the SDK checks nothing.
                result = dict(NO_TOOLS)
            elif faulted is None:
                result = await self._request(method, params, opts)
            else:
                result = await self._go_wrong(faulted, method, params or {}, opts)
        except asyncio.CancelledError:
            self._journal.cancel(entry)
            raise
        except BaseException as error:
            self._journal.fail(entry, error)
            raise
        if result.get("resultType") == "input_required":
            self._in_rounds[result.get("requestState") or ""] = entry
            entry.is_between_rounds = True
        else:
            self._journal.close(entry, result)
        return result

    async def _go_wrong(
        self, faulted: GoingWrong, method: str, params: Mapping[str, Any], opts: CallOptions | None
    ) -> dict[str, Any]:
        """The time limit is kept here, since a fault may keep the request from ever being sent."""
        options = opts or CallOptions()
        timeout = options.get("timeout")

        async def send(arguments: Mapping[str, Any] | None, on_progress: Progress | None) -> dict[str, Any]:
            sent = params if arguments is None else {**params, "arguments": arguments}
            if faulted.spoils is not None:
                sent = {**sent, "_meta": {**sent.get("_meta", {}), TAMPER_KEY: faulted.spoils}}
            without_limit = {key: value for key, value in options.items() if key not in _OURS}
            if on_progress is not None:
                without_limit["on_progress"] = on_progress
            limitless = cast("CallOptions", without_limit)
            return await borrowed.send(sent, self._send(method, sent, limitless))

        borrowed = _Borrowed(self._tape, method)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                result = await faulted.go_wrong(send, timeout=timeout, on_progress=options.get("on_progress"))
            borrowed.keep(result)
        except TimeoutError:
            if not limit.expired():
                raise
            raise MCPError(REQUEST_TIMEOUT, f"Request {method!r} timed out") from None
        finally:
            borrowed.end()
        faulted.check(result)  # the session would see it, too, but in words that are not those of other ways
        # What a fault made up has no tag, which 2026-07-28 demands.
        return {"resultType": "complete", **result}

    async def _request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None
    ) -> dict[str, Any]:
        try:
            return await self._send(method, params, opts)
        except MCPError as error:
            other = None if self._elsewhere is None else await self._elsewhere.session_for(error)
            if other is None:
                raise
        return await _dispatcher(other).send_raw_request(method, params, opts)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        await self._inner.notify(method, params, opts)

    async def run(
        self,
        on_request: OnRequest,
        on_notify: OnNotify,
        on_notify_intercept: OnNotifyIntercept | None = None,
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        await self._inner.run(on_request, on_notify, on_notify_intercept, task_status=task_status)

    def __getattr__(self, name: str) -> Any:
        # Other clients ask their dispatcher for more than the protocol has.
        return getattr(self._inner, name)


class _Borrowed:
    """What a call that goes wrong takes from a tape, and gives back unless its caller gets it."""

    def __init__(self, tape: Tape | None, method: str) -> None:
        self._tape, self._method = tape, method
        self._held: tuple[Mapping[str, Any], dict[str, Any]] | None = None
        self._is_over = False

    async def send(self, params: Mapping[str, Any], request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        self._give_back()  # what is delivered twice was recorded once
        result = await request
        self._held = (params, result)
        if self._is_over:
            self._give_back()
        return result

    def keep(self, result: Mapping[str, Any]) -> None:
        """The caller gets this; if it is what the tape answered, that is used up."""
        if self._held is not None and self._held[1] == result:
            self._held = None

    def end(self) -> None:
        """What comes from here on comes too late for the caller."""
        self._is_over = True
        self._give_back()

    def _give_back(self) -> None:
        if self._tape is not None and self._held is not None:
            self._tape.give_back(self._method, self._held[0])
        self._held = None
