"""Which session of a cassette an HTTP request belongs to, and what is known of each session.

HTTP itself says it where the server gives out an `mcp-session-id`, or an endpoint of the old HTTP+SSE transport. All
else is a client's traffic without a session, as in protocol 2026-07-28: it goes to one session of the tape as long as
its request ids tell its requests apart, so that an answer on the tape always has one request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, cast

from pytest_mcpflow.cassette.format import PROTOCOL_VERSION
from pytest_mcpflow.cassette.kinds import Side, is_rpc
from pytest_mcpflow.cassette.values import as_object, dump
from pytest_mcpflow.cassette.writer import CassetteWriter, SessionWriter

__all__ = ["Conversation", "HttpTape", "RequestId", "messages_in"]

RequestId: TypeAlias = int | str
Message: TypeAlias = Mapping[str, Any]


def messages_in(body: bytes) -> list[Message] | None:
    """The JSON-RPC messages of a body or an event: one, or a batch; `None` if it is something else."""
    try:
        content: object = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    batch = cast("list[object]", content) if isinstance(content, list) else [content]
    return cast("list[Message]", batch) if batch and all(map(is_rpc, batch)) else None


@dataclass(eq=False)
class Conversation:
    """A session of the tape.

    Args:
        tape: The tape.
        session: Where it is written.
        waiting: The client's requests without an answer so far, and whether each is of the era without handshakes.
        answered: Those that have one.
        is_open: Whether the server has granted anything, which tells a probe that failed from a handshake.
        events: The ids of the server's events and what they held, to know what a resumed stream repeats.
    """

    tape: CassetteWriter
    session: SessionWriter
    waiting: dict[RequestId, bool] = field(default_factory=dict[RequestId, bool])
    answered: set[RequestId] = field(default_factory=set[RequestId])
    is_open: bool = False
    events: dict[str, int] = field(default_factory=dict[str, int])

    def write(self, sender: Side, body: bytes, messages: Sequence[Message] | None) -> None:
        """Write a body or an event, and remember what it asked and what it answered."""
        if messages is None:
            self._write_noise(sender, body.decode(errors="replace"))
            return
        for message in messages:
            try:
                self.session.message(sender, message)
            except RecursionError:  # nested so deeply that it can be read and not written
                self._write_noise(sender, body.decode(errors="replace"))
                return
            number = message.get("id")
            if number is None:
                continue
            if sender == "client" and "method" in message:
                meta = as_object(as_object(message.get("params")).get("_meta"))
                self.waiting[number] = PROTOCOL_VERSION in meta
            elif sender == "server" and "method" not in message:
                self.waiting.pop(number, None)
                self.answered.add(number)
                self.is_open = self.is_open or "result" in message

    def takes(self, messages: Sequence[Message]) -> bool:
        """Whether these can be told from all that was said before: their ids are new, and there is one handshake.

        The id of a request that HTTP refused is free: a client sends it again, with a token or after a while.
        """
        for message in messages:
            if "method" not in message:
                continue
            if message["method"] == "initialize" and self.is_open:
                return False
            if message.get("id") in self.waiting or message.get("id") in self.answered:
                return False
        return True

    def _write_noise(self, sender: Side, text: str) -> None:
        if text.strip():
            noise = {"from": sender, "kind": "noise", "text": self.tape.redacted(text)}
            self.tape.write(dump({**noise, "session": self.session.number}))

    def cancel(self, number: RequestId) -> None:
        """Write that the client gave a request up, in the words it has for that where it can say so."""
        params = {"requestId": number}
        self.session.message(
            "client", {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        )
        del self.waiting[number]
        self.answered.add(number)

    def cut(self, number: RequestId, *, by: Side) -> None:
        """Write that the answer to a request broke off; the client may send it again."""
        frame = {"by": by, "kind": "cut", "request": number, "session": self.session.number}
        self.tape.write(dump(frame))
        del self.waiting[number]


class HttpTape:
    """The sessions that a gateway records, by whatever names them."""

    def __init__(self, writer: CassetteWriter, url: str) -> None:
        self._writer, self._url = writer, url
        self._running: list[Conversation] = []
        self._named: dict[str, Conversation] = {}
        self._endpoints: dict[str, Conversation] = {}
        self._nameless: list[Conversation] = []
        self._last_on: dict[object, Conversation] = {}
        self._moved: dict[bytes, Conversation] = {}

    def begin(self) -> Conversation:
        """Begin a session of its own."""
        conversation = Conversation(self._writer, self._writer.session(transport="http", command=[self._url]))
        self._running.append(conversation)
        return conversation

    def find(
        self, *, session_id: str | None, target: str, connection: object, messages: Sequence[Message]
    ) -> Conversation:
        """The session that a request belongs to; a new one, if it belongs to none.

        Args:
            session_id: Its `mcp-session-id`.
            target: Its path and query.
            connection: The connection that it came over, which no two clients share.
            messages: What it says.
        """
        if session_id is not None:
            named = self._named.get(session_id)
            if named is None:
                named = self._named[session_id] = self.begin()
            return named
        if target in self._endpoints:
            return self._endpoints[target]
        known = [self._last_on[connection]] if connection in self._last_on else []
        for conversation in (*known, *reversed(self._nameless)):
            if conversation in self._nameless and conversation.takes(messages):
                break
        else:
            conversation = self.begin()
            self._nameless.append(conversation)
        self._nameless.remove(conversation)
        self._nameless.append(conversation)
        self._last_on[connection] = conversation
        return conversation

    def name(self, conversation: Conversation, session_id: str) -> None:
        """Take note of the `mcp-session-id` that the server gave."""
        self._named[session_id] = conversation
        if conversation in self._nameless:
            self._nameless.remove(conversation)

    def endpoint(self, conversation: Conversation, target: str) -> None:
        """Take note of where the client of an old HTTP+SSE stream posts."""
        self._endpoints[target] = conversation

    def leads_to_endpoint(self, target: str) -> bool:
        """Whether a client of an old HTTP+SSE stream posts there."""
        return target in self._endpoints

    def move(self, body: bytes, conversation: Conversation) -> None:
        """Take note that a client was told to send a body once more, to another path."""
        self._moved[body] = conversation

    def moved(self, body: bytes) -> Conversation | None:
        """The session in which a body was written already, when it was sent to another path."""
        return self._moved.pop(body, None)

    def end(self, conversation: Conversation, *, by: Side) -> None:
        """Write that a session has ended; what names it may name another from now on."""
        if conversation not in self._running:
            return
        self._running.remove(conversation)
        conversation.session.end(by=by)
        for names in (self._named, self._endpoints):
            for name in [name for name, each in names.items() if each is conversation]:
                del names[name]

    def close(self) -> None:
        """Write that the sessions still running end here, by the client's side: the server goes on."""
        for conversation in tuple(self._running):
            self.end(conversation, by="client")


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{number} cannot be written down again")
    return value
