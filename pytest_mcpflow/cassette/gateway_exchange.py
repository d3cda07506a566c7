"""The copy of an HTTP request and its answer that goes to the tape, message by message, before they are handed on."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_mcpflow.cassette.gateway_address import Upstream
from pytest_mcpflow.cassette.gateway_tape import Conversation, HttpTape, RequestId, messages_in
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.serve.sse import Event, EventSplitter, is_event_stream

__all__ = ["Exchange", "RecordedExchange", "UnreadableAnswerError"]

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
MOVED = (307, 308)
NO_STREAM = 405
"""How a server says that it has no stream for a GET, as it may. Not written: when the client asks is chance."""


class UnreadableAnswerError(Exception):
    """The server encoded its answer in a way that was not asked for and that nobody here can read."""


class Exchange:
    """A request and its answer, as they pass. This one leaves no trace, see `RecordedExchange`."""

    def asked(self, body: bytes) -> None:
        """The request is here, whole."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer has begun.

        Raises:
            UnreadableAnswerError: It cannot be recorded.
        """

    def take(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer.

        Returns:
            What may be handed on now: the same bytes, but for the absolute address in an `endpoint` event. What may
            become such an event is held until it is whole.

        Raises:
            UnreadableAnswerError: They are not what the header says.
        """
        return chunk

    def complete(self) -> bytes:
        """The answer is here, whole.

        Returns:
            What was held and may be handed on now.
        """
        return b""

    def broke_off(self) -> None:
        """The server's answer broke off."""

    def client_left(self) -> None:
        """The client went away before the end of the answer."""

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> None:
        """The client gets this answer: the server's own that is no message, or the gateway's in its place."""

    @property
    def request(self) -> RequestId | None:
        """The id of the request, if there is one and no more."""
        return None


class RecordedExchange(Exchange):
    """A request and its answer that are written down.

    Args:
        tape: Where to.
        method: The HTTP method.
        target: The path and query.
        session_id: The request's `mcp-session-id`.
        connection: The connection of the client.
        resumes: Whether it asks for a stream to go on from an event.
        upstream: The server.
        public: The gateway's scheme, host and port, which take the server's place in what the client is told.
    """

    def __init__(
        self,
        tape: HttpTape,
        *,
        method: str,
        target: str,
        session_id: str | None,
        connection: object,
        resumes: bool,
        upstream: Upstream,
        public: str,
    ) -> None:
        self._tape, self._method, self._target = tape, method, target
        self._session_id, self._connection, self._resumes = session_id, connection, resumes
        self._upstream, self._public = upstream, public
        self._conversation: Conversation | None = None
        self._sent = b""
        self._asked: list[RequestId] = []
        self._status, self._headers = 0, dict[str, str]()
        self._body: list[bytes] = []
        self._events: EventSplitter | None = None
        self._is_old_stream = self._had_event_id = self._is_over = False
        self._held: bytes | None = None
        self._decoder: Any = None  # zlib has no name for its type

    def asked(self, body: bytes) -> None:
        if self._method != "POST":
            return
        messages = messages_in(body)
        self._sent = body
        self._asked = [message["id"] for message in messages or () if "method" in message and "id" in message]
        self._conversation = self._tape.moved(body)
        if self._conversation is None:
            self._here(messages or ()).write("client", body, messages)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self._status, self._headers = status, dict(headers)
        encoding = headers.get("content-encoding", "identity")
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(GZIP_OR_ZLIB)
        elif encoding != "identity":
            raise UnreadableAnswerError(f"content-encoding {encoding!r}")
        given = headers.get("mcp-session-id")
        if given is not None and self._conversation is not None and self._session_id is None:
            self._tape.name(self._conversation, given)
        if 200 <= status < 300 and is_event_stream(headers.get("content-type", "")):
            self._events = EventSplitter()
            if self._method == "GET" and self._session_id is None and self._decoder is None:
                self._held = b""

    def take(self, chunk: bytes) -> bytes:
        content = chunk if self._decoder is None else self._decoded(chunk)
        if self._events is None:
            self._body.append(content)
            return chunk
        if self._held is not None:
            chunk = self._held + chunk
        for event in self._events.feed(content):
            if self._held is not None and event.type == "endpoint":
                chunk = self._led_here(chunk, event.data)
            self._held = None
            self._take_event(event)
        if self._held is None:
            return chunk
        self._held = b"" if self._events.is_between_events else chunk
        return b"" if self._held else chunk

    def complete(self) -> bytes:
        self._is_over = True
        if self._events is not None:
            self._stream_ended()
        elif self._method == "DELETE" and 200 <= self._status < 300:
            self._tape.end(self._here(), by="client")
        else:
            self._take_body(b"".join(self._body))
        held, self._held = self._held or b"", None
        return held

    def broke_off(self) -> None:
        self._cut("server", self._unanswered)

    def client_left(self) -> None:
        """The client went away before the end of the answer.

        In protocol 2026-07-28 this is how a request is cancelled over HTTP, and stands on the tape as it would over
        any other transport; before, it says nothing about the request.
        """
        if self._is_over:
            return
        dropped: list[RequestId] = []
        for number in self._unanswered:
            if self._here().waiting[number]:
                self._here().cancel(number)
            else:
                dropped.append(number)
        self._cut("client", dropped)

    def refused(self, status: int, headers: Mapping[str, str], body: str) -> None:
        session = self._here().session
        for number in self._unanswered:
            session.http(request=number, status=status, headers=headers, body=body)
            del self._here().waiting[number]
        if not self._asked:
            session.http(request=None, status=status, headers=headers, body=body)

    @property
    def request(self) -> RequestId | None:
        return self._asked[0] if len(self._asked) == 1 else None

    @property
    def _unanswered(self) -> list[RequestId]:
        waiting = self._conversation.waiting if self._conversation is not None else ()
        return [number for number in self._asked if number in waiting]

    def _here(self, messages: Sequence[Mapping[str, Any]] = ()) -> Conversation:
        """The session on the tape, which is found, or begun, when there is something to write."""
        if self._conversation is None:
            self._conversation = self._tape.find(
                session_id=self._session_id,
                target=self._target,
                connection=self._connection,
                messages=messages,
            )
        return self._conversation

    def _take_event(self, event: Event) -> None:
        if event.type == "endpoint":
            if self._conversation is None:
                self._conversation = self._tape.begin()
                self._is_old_stream = True
            target = self._upstream.target_of(event.data.decode(errors="replace"), self._target)
            if target is not None:
                self._tape.endpoint(self._conversation, target)
        self._had_event_id = self._had_event_id or bool(event.id)
        if event.type != "message" or not event.data.strip():
            return
        if event.id:
            content = hash(event.data)
            if self._resumes and self._here().events.get(event.id) == content:
                return
            self._here().events[event.id] = content
        self._here().write("server", event.data, messages_in(event.data))

    def _take_body(self, body: bytes) -> None:
        messages = messages_in(body) if self._status in (200, 202) else None
        if messages is not None:
            self._here().write("server", body, messages)
        elif self._is_redirected:
            if self._sent:
                self._tape.move(self._sent, self._here())
        elif not self._says_nothing(body):
            self.refused(self._status, self._headers, body.decode(errors="replace"))

    @property
    def _is_redirected(self) -> bool:
        """Whether the client is to send the same once more, to another path of the same server."""
        location = self._headers.get("location")
        return (
            self._status in MOVED
            and location is not None
            and self._upstream.target_of(location, self._target) is not None
        )

    def _says_nothing(self, body: bytes) -> bool:
        if self._method == "GET" and self._status == NO_STREAM:
            return True
        return self._status == 202 or (200 <= self._status < 300 and not body and not self._asked)

    def _stream_ended(self) -> None:
        # A stream with event ids may end before the answer, which the client then fetches with a GET.
        waiting = self._conversation.waiting if self._conversation is not None else {}
        self._cut(
            "server",
            [number for number in self._unanswered if waiting[number] or not self._had_event_id],
        )

    def _cut(self, by: Side, numbers: Sequence[RequestId]) -> None:
        for number in numbers:
            self._here().cut(number, by=by)
        if self._is_old_stream:
            self._tape.end(self._here(), by=by)

    def _led_here(self, held: bytes, address: bytes) -> bytes:
        """The bytes of an `endpoint` event that leads to the gateway; a relative address does so already."""
        text = address.decode(errors="replace")
        target = self._upstream.target_of(text, self._target)
        if target is None or "//" not in text.partition("?")[0]:
            return held
        return held.replace(address, (self._public + target).encode(), 1)

    def _decoded(self, chunk: bytes) -> bytes:
        try:
            return bytes(self._decoder.decompress(chunk))
        except zlib.error as error:
            raise UnreadableAnswerError(f"content-encoding: {error}") from error
