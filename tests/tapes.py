"""Tapes written by hand, message by message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.speaker import Speaker
from pytest_mcpflow.cassette.writer import CassetteWriter, SessionWriter

__all__ = ["Said", "ask", "called", "give_up", "opened", "player", "say", "tell", "write"]

Json = Mapping[str, Any]
Said = tuple[Side, Json]
ABOUT: Json = {"capabilities": {"tools": {}}, "serverInfo": {"name": "hand-made", "version": "1"}}


def ask(number: int, method: str, **params: Any) -> Said:
    """A request of the client."""
    return "client", {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def say(number: int, **answer: Any) -> Said:
    """An answer of the server: `result=` or `error=`."""
    return "server", {"jsonrpc": "2.0", "id": number, **answer}


def tell(method: str, **params: Any) -> Said:
    """A notification of the server."""
    return "server", {"jsonrpc": "2.0", "method": method, "params": params}


def give_up(number: int) -> Said:
    """The client's word that it waits no more."""
    return "client", {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": number},
    }


def called(number: int, name: str, arguments: Json, text: str, **meta: Any) -> list[Said]:
    """A tool call and its answer."""
    params: dict[str, Any] = {"name": name, "arguments": arguments} | ({"_meta": meta} if meta else {})
    return [
        ask(number, "tools/call", **params),
        say(number, result={"content": [{"type": "text", "text": text}]}),
    ]


def opened(number: int = 0) -> list[Said]:
    """The handshake of protocol 2025-11-25."""
    return [
        ask(number, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={}),
        say(number, result={**ABOUT, "protocolVersion": "2025-11-25"}),
    ]


def write(path: Path, *sessions: Iterable[Said]) -> Path:
    """A cassette of several sessions, each ended by its client."""
    with CassetteWriter(path) as writer:
        for messages in sessions:
            session: SessionWriter = writer.session(transport="stdio", command=["hand-made"])
            for sender, body in messages:
                session.message(sender, body)
            session.end(by="client", exit_code=0)
    return path


def player(path: Path, *sessions: Iterable[Said]) -> tuple[Player, Speaker]:
    """A new cassette being played to a client."""
    found = Player(Tape.load(write(path, *sessions)), "hand-made")
    return found, Speaker(found)
