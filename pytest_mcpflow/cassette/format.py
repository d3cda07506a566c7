"""What a cassette is made of; the format is described in docs/reference/cassette-format.md.

Only the standard library is imported, since recorders and replaying servers start with every client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.values import as_object

__all__ = [
    "FORMAT",
    "OPENINGS",
    "PROTOCOL_VERSION",
    "SERVER_INFO",
    "Cassette",
    "Frame",
    "Message",
    "Session",
]

FORMAT = 1
"""The version that is written; those before it are read."""

SERVER_INFO = "io.modelcontextprotocol/serverInfo"
PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"
"""What results and requests of protocol 2026-07-28, which has no handshake, say in their `_meta`."""

OPENINGS = frozenset({"initialize", "server/discover"})
"""The requests by which a client learns who the server is."""

_decode = json.JSONDecoder().decode
"""For lines that were checked when they were read."""


class Frame(NamedTuple):
    """One line of a cassette, decoded when it is asked for: a long tape is mostly never looked at."""

    line: int
    kind: str
    session: int
    raw: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        return cast("dict[str, Any]", _decode(self.raw.decode()))

    @property
    def message(self) -> Message:
        """What a frame of kind `message` holds."""
        data = self.data
        return Message(data["from"], data["message"], self.line)


@dataclass(frozen=True, slots=True)
class Message:
    """A JSON-RPC message, who sent it, and on which line of the cassette it stands."""

    sender: Side
    body: Mapping[str, Any]
    line: int = 0

    @property
    def is_request(self) -> bool:
        return "method" in self.body and "id" in self.body

    @property
    def is_response(self) -> bool:
        return "method" not in self.body and "id" in self.body


@dataclass(frozen=True)
class Session:
    """What passed over one connection, in order; request ids are unique within it, not beyond."""

    number: int
    frames: list[Frame] = field(default_factory=list[Frame], repr=False)

    @property
    def line(self) -> int:
        """Where it begins in the cassette."""
        return self.frames[0].line

    @property
    def messages(self) -> list[Message]:
        return [frame.message for frame in self.frames if frame.kind == "message"]

    @cached_property
    def began(self) -> Mapping[str, Any]:
        return self._first("session")

    @cached_property
    def opened(self) -> Mapping[str, Any]:
        """The frame that says what the handshake came to; empty where there was none."""
        return self._first("opened")

    @property
    def transport(self) -> str:
        return str(self.began.get("transport", "stdio"))

    @property
    def command(self) -> list[str]:
        """How the server was started or reached, without secrets."""
        return [str(word) for word in self.began.get("command", ())]

    @cached_property
    def era(self) -> str:
        """The protocol version that names the era: 2026-07-28, or 2025-11-25 for all with a handshake."""
        if "era" in self.opened:
            return str(self.opened["era"])
        for message in (frame.message for frame in self.frames if frame.kind == "message"):
            if (
                message.sender == "client"
                and message.is_request
                and message.body["method"] != "server/discover"
            ):
                meta = as_object(as_object(message.body.get("params")).get("_meta"))
                return "2026-07-28" if PROTOCOL_VERSION in meta else "2025-11-25"
        return "2026-07-28"

    @property
    def protocol(self) -> str:
        return str(self.opened.get("protocol", self.era))

    @property
    def server_name(self) -> str | None:
        name = self._server.get("name")
        return None if name is None else str(name)

    @property
    def server_version(self) -> str | None:
        version = self._server.get("version")
        return None if version is None else str(version)

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.opened.get("capabilities", {}))

    @property
    def _server(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.opened.get("server", {}))

    def _first(self, kind: str) -> Mapping[str, Any]:
        nothing: Mapping[str, Any] = {}
        return next((frame.data for frame in self.frames if frame.kind == kind), nothing)


@dataclass(frozen=True)
class Cassette:
    """A recording.

    Args:
        path: Where it was read from.
        sessions: Its sessions, in the order in which they began.
        torn: Whether the last line was cut off by a crash; it is left out.
        redaction: The fingerprint of the rules that took out secrets; `None` if nothing was taken out.
        format: The version of the format that it is in.
    """

    path: Path
    sessions: tuple[Session, ...]
    torn: bool = False
    redaction: str | None = None
    format: int = FORMAT

    @property
    def server_name(self) -> str | None:
        """What the server called itself."""
        return next((each.server_name for each in self.sessions if each.server_name is not None), None)

    @property
    def era(self) -> str:
        """The era of the first session."""
        return self.sessions[0].era if self.sessions else "2026-07-28"

    def __str__(self) -> str:
        count = sum(len(session.messages) for session in self.sessions)
        return f"{self.path.name}: {self.server_name or 'a server'}, {len(self.sessions)} sessions, {count} messages"
