"""The cassette format: append-only JSON lines, described in docs/reference/cassette-format.md.

Only the standard library is imported, since the recorder runs between a client and its server.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from pytest_mcpflow.errors import CassetteError

__all__ = ["FORMAT", "Cassette", "CassetteWriter", "Message", "Session", "read_cassette"]

FORMAT = 1
Side = Literal["client", "server"]
HEADER = {"format": FORMAT, "kind": "header", "recorder": "pytest-mcpflow"}


@dataclass(frozen=True, slots=True)
class Message:
    """A JSON-RPC message and who sent it."""

    sender: Side
    body: Mapping[str, Any]

    @property
    def is_request(self) -> bool:
        return "method" in self.body and "id" in self.body

    @property
    def is_response(self) -> bool:
        return "method" not in self.body and "id" in self.body


@dataclass(frozen=True, slots=True)
class Session:
    """The messages of one connection, in order; request ids are unique within it, not beyond."""

    messages: tuple[Message, ...]

    @property
    def handshake(self) -> Mapping[str, Any]:
        """The result of `initialize`, or of `server/discover`; empty where there was none."""
        for opening in ("initialize", "server/discover"):
            for request in self.messages:
                if request.sender == "client" and request.body.get("method") == opening:
                    answer = self.answer_to(request)
                    if answer is not None and "result" in answer.body:
                        return cast("Mapping[str, Any]", answer.body["result"])
        return {}

    def answer_to(self, request: Message) -> Message | None:
        """The response to a request, if it is on the tape."""
        for message in self.messages:
            if (
                message.is_response
                and message.sender != request.sender
                and message.body["id"] == request.body["id"]
            ):
                return message
        return None


@dataclass(frozen=True, slots=True)
class Cassette:
    """A recording.

    Args:
        path: Where it was read from.
        sessions: Its sessions, in the order in which they began.
        torn: Whether the last line was cut off by a crash; it is left out.
    """

    path: Path
    sessions: tuple[Session, ...]
    torn: bool = False

    @property
    def server_name(self) -> str | None:
        """What the server called itself."""
        for session in self.sessions:
            handshake = session.handshake
            info = handshake.get("serverInfo") or handshake.get("_meta", {}).get(
                "io.modelcontextprotocol/serverInfo"
            )
            if isinstance(info, Mapping) and "name" in info:
                return str(cast("Mapping[str, Any]", info)["name"])
        return None

    @property
    def mode(self) -> str:
        """The protocol mode of the SDK in which it was recorded: `legacy`, or a version."""
        methods = {message.body.get("method") for session in self.sessions for message in session.messages}
        return "legacy" if "initialize" in methods else "2026-07-28"

    def __str__(self) -> str:
        count = sum(len(session.messages) for session in self.sessions)
        return f"{self.path.name}: {self.server_name or 'a server'}, {len(self.sessions)} sessions, {count} messages"


def read_cassette(path: Path) -> Cassette:
    """Read a cassette.

    Raises:
        CassetteError: It is missing, empty, no cassette, of a newer format, or broken; names file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"cassette {path} cannot be read: {error.strerror or error}") from error
    lines = data.split(b"\n")
    torn = lines.pop() != b""
    frames = [_frame(path, number, line) for number, line in enumerate(lines, 1)]
    if not frames:
        raise CassetteError(f"cassette {path} is empty; record it again")
    header = frames[0]
    if header.get("kind") != "header" or not isinstance(header.get("format"), int):
        raise CassetteError(
            f"{path}:1 is not the header of a cassette; it should begin with {json.dumps(HEADER)}"
        )
    if header["format"] > FORMAT:
        raise CassetteError(
            f"cassette {path} has format {header['format']}, newer than {FORMAT}; update pytest-mcpflow"
        )
    sessions: dict[int, list[Message]] = {}
    for number, frame in enumerate(frames[1:], 2):
        if frame.get("kind") == "session" and isinstance(frame.get("session"), int):
            sessions.setdefault(frame["session"], [])
        elif frame.get("kind") == "message":
            session, message = _message(path, number, frame)
            sessions.setdefault(session, []).append(message)
    return Cassette(path, tuple(Session(tuple(messages)) for messages in sessions.values()), torn)


def _frame(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CassetteError(
            f"{path}:{number} is not JSON ({error}); the file was edited or damaged"
        ) from error
    if not isinstance(frame, dict):
        raise CassetteError(f"{path}:{number} is not a JSON object; the file was edited or damaged")
    return cast("dict[str, Any]", frame)


def _message(path: Path, number: int, frame: Mapping[str, Any]) -> tuple[int, Message]:
    session, sender, body = frame.get("session"), frame.get("from"), frame.get("message")
    if not isinstance(session, int) or sender not in ("client", "server") or not isinstance(body, dict):
        raise CassetteError(f"{path}:{number} is a message frame without session, from or message")
    return session, Message(sender, cast("dict[str, Any]", body))


class CassetteWriter:
    """Appends one session to a cassette; a frame is on the disk when `write` returns.

    A lock file beside the cassette is not needed: the cassette itself is locked while a frame is written, so
    that recorders of one file never mix lines.

    Raises:
        CassetteError: The file cannot be written, or is something else than a cassette.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise CassetteError(f"cassette {path} cannot be written: {error.strerror or error}") from error
        try:
            with self._locked():
                self._drop_torn_line()
                if os.fstat(self._file).st_size == 0:
                    self._append(HEADER)
                    self._session = 1
                else:
                    self._session = 1 + len(read_cassette(path).sessions)
                # A frame of its own, so that a session without messages has its number, too.
                self._append({"kind": "session", "session": self._session})
        except BaseException:
            os.close(self._file)
            raise

    def message(self, sender: Side, line: bytes) -> None:
        """Write a line that went from one side to the other."""
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            body = None
        frame: dict[str, Any] = {"from": sender, "session": self._session}
        if isinstance(body, dict):
            frame |= {"kind": "message", "message": body}
        else:
            frame |= {"kind": "noise", "text": line.decode(errors="replace").rstrip("\n")}
        with self._locked():
            self._append(frame)

    def end(self, exit_code: int) -> None:
        """Write how the server ended."""
        with self._locked():
            self._append({"exit_code": exit_code, "kind": "end", "session": self._session})

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def _drop_torn_line(self) -> None:
        """A recorder that was killed may have left half a line, which must not run into ours."""
        size = os.fstat(self._file).st_size
        data = os.pread(self._file, size, 0)
        if data and not data.endswith(b"\n") and data.startswith(b'{"format":'):
            os.ftruncate(self._file, data.rfind(b"\n") + 1)

    def _append(self, frame: Mapping[str, Any]) -> None:
        line = json.dumps(frame, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        data = line.encode("utf-8", errors="surrogatepass") + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)

    def _locked(self) -> _Lock:
        return _Lock(self._file)


class _Lock:
    def __init__(self, file: int) -> None:
        self._file = file

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
