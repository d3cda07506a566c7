"""Writing a cassette: what passed is on the tape before it is handed on.

Only the standard library is imported, since the recorder runs between a client and its server.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

from pytest_mcpflow.cassette.format import OPENINGS, PROTOCOL_VERSION, SERVER_INFO
from pytest_mcpflow.cassette.header import headed, new_header, says_whose
from pytest_mcpflow.cassette.kinds import Side, is_rpc
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.shared import SharedFile
from pytest_mcpflow.cassette.values import DEPTH, as_object, decoded, depth_of, dump
from pytest_mcpflow.errors import CassetteError

__all__ = ["CassetteWriter", "Redacting", "SessionWriter"]

TRACES = frozenset({"traceparent", "tracestate", "baggage"})
KEPT_HEADERS = ("www-authenticate", "retry-after", "location", "content-type")


class Redacting(Protocol):
    """What takes secrets out; see `redact.Redactor`."""

    @property
    def fingerprint(self) -> str: ...

    def suspects(self, raw: bytes) -> bool: ...

    def text(self, text: str) -> str: ...

    def arguments(self, arguments: Sequence[str]) -> list[str]: ...

    def message(self, body: Mapping[str, Any], *, answers: str | None) -> Mapping[str, Any]: ...


class CassetteWriter:
    """Appends sessions to a cassette; whatever is written is in the file when the call returns.

    The file is locked while a frame is written, so that recorders of one file never mix lines. A torn last line, left
    by a recorder that was killed, is cut off.

    Args:
        path: The file, made with mode 0600 if it is not there.
        redactor: Takes out secrets before anything is written; `None` writes what passed.
        timing: Whether to note when each frame came.
        clock: Seconds, by which it is noted.

    Raises:
        CassetteError: The file cannot be written, is something else than a cassette, or was redacted by other rules;
            later, too, where a frame cannot be written any more, or the file was deleted or replaced.
    """

    def __init__(
        self,
        path: Path,
        *,
        redactor: Redacting | None = None,
        timing: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.redactor, self.timing, self.clock = path, redactor, timing, clock
        self._sessions = 0
        self._has_header_settled = False
        self._file = SharedFile(path)
        try:
            with self._file:
                self._begin()
        except BaseException:
            self._file.close()
            raise

    def session(self, *, transport: str, command: Sequence[str] = ()) -> SessionWriter:
        """Begin a session.

        Args:
            transport: What carries it: stdio, http or memory.
            command: How the server is started or reached. Of absolute paths only the last part is written, since the
                rest is this machine's.
        """
        words = [os.path.basename(word) if os.path.isabs(word) else word for word in command]
        if self.redactor is not None:
            words = self.redactor.arguments(words)
        with self._file:
            number = self._look_for_sessions() + 1
            # A frame of its own, so that a session without messages has its number, too.
            session = {"command": words, "kind": "session", "session": number, "transport": transport}
            self._file.append(dump(session))
        return SessionWriter(self, number)

    def redacted(self, text: str) -> str:
        """A text that is no message, without secrets."""
        return text if self.redactor is None else self.redactor.text(text)

    def write(self, *frames: bytes) -> None:
        """Append frames, in one piece."""
        with self._file:
            self._file.append(*frames)

    def write_opened(self, *frames: bytes) -> None:
        """Append frames with an `opened` one among them; the first of a file is told by its header from then on.

        Nobody finds the header without the frames, or the frames without the header. It stays as it is where the file
        cannot be replaced.
        """
        if self._has_header_settled:
            self.write(*frames)
            return
        with self._file:
            header, *lines = self._file.lines()
            if says_whose(header) or not self._file.replace(*headed(header, [*lines, *frames])):
                self._file.append(*frames)
        self._has_header_settled = True

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """Write the header of a new file, and check the one of an old file."""
        rules = None if self.redactor is None else self.redactor.fingerprint
        if self._file.size == 0:
            self._file.append(new_header(rules))
            return
        cassette = read_cassette(self.path)
        self._file.looked_to = self._file.size
        self._sessions = max((each.number for each in cassette.sessions), default=0)
        recorded = cassette.redaction
        if recorded != rules:
            raise CassetteError(
                f"cassette {self.path} was recorded under redaction rules {recorded}, and these are {rules}; "
                "record all of it again into a new file"
            )

    def _look_for_sessions(self) -> int:
        """The number of the last session, also if another recorder of this file began it."""
        for line in self._file.unseen():
            if b'"kind":"session"' in line:  # written by a recorder, so that this is how it stands there
                frame = as_object(decoded(line))
                if frame.get("kind") == "session":
                    self._sessions = max(self._sessions, frame["session"])
        return self._sessions


class SessionWriter:
    """Writes what passes over one connection."""

    def __init__(self, writer: CassetteWriter, number: int) -> None:
        self.number = number
        self._writer = writer
        self._began = writer.clock()
        self._asked: dict[tuple[Side, int | str], str] = {}
        self._states: dict[str, str] = {}
        self._opened = False
        self._version: str | None = None
        """The protocol version of the last request that named one, until the session is opened."""

    def line(self, sender: Side, line: bytes) -> None:
        """Write a line that went from one side to the other: a message, a batch of them, or noise."""
        try:
            body = decoded(line, depth=DEPTH - 1)  # a frame is one more around it
        except (ValueError, RecursionError):
            body = None
        batch = cast("list[object]", body) if isinstance(body, list) else [body]
        if batch and all(map(is_rpc, batch)):
            for message in batch:
                self.message(sender, cast("dict[str, Any]", message))
        elif line.strip():
            self.noise(sender, line.decode(errors="replace").rstrip("\r\n"))

    def noise(self, sender: Side, text: str) -> None:
        """Write what is not a message of JSON-RPC, or none that could be read back."""
        self._write_frame({"from": sender, "kind": "noise", "text": self._writer.redacted(text)})

    def message(self, sender: Side, body: Mapping[str, Any]) -> None:
        """Write a JSON-RPC message; as noise if it is nested too deeply."""
        answers = self._answers(sender, body)
        content = self._without_state(_without_traces(body))
        frame = {"from": sender, "kind": "message", "message": content, "session": self.number}
        line, redactor = dump(frame), self._writer.redactor
        if line.count(b"{") + line.count(b"[") > DEPTH and depth_of(frame) > DEPTH:
            self.noise(sender, dump(content).decode().rstrip("\n"))
            return
        if redactor is not None and redactor.suspects(line):
            content = redactor.message(content, answers=answers)
            line = dump({**frame, "message": content})
        opened = None if self._opened else self._opens(sender, content, answers)
        if opened is not None:
            self._opened = True
            self._write(line, dump({**opened, "session": self.number}), opens=True)
            return
        self._write(line)

    def http(self, *, request: int | str | None, status: int, headers: Mapping[str, str], body: str) -> None:
        """Write an HTTP answer that was no JSON-RPC."""
        lower = {name.lower(): value for name, value in headers.items()}
        kept = {name: self._writer.redacted(lower[name]) for name in KEPT_HEADERS if name in lower}
        text = self._writer.redacted(body)
        self._write_frame(
            {"body": text, "headers": kept, "kind": "http", "request": request, "status": status}
        )

    def end(self, *, by: Side, exit_code: int | None = None) -> None:
        """Write who ended the connection, and the exit code of a server that was a process."""
        self._write_frame({"by": by, "exit_code": exit_code, "kind": "end"})

    def _write_frame(self, frame: Mapping[str, Any]) -> None:
        self._write(dump({**frame, "session": self.number}))

    def _write(self, *lines: bytes, opens: bool = False) -> None:
        if self._writer.timing:
            elapsed = round((self._writer.clock() - self._began) * 1000)
            lines += (dump({"kind": "timing", "ms": elapsed, "session": self.number}),)
        if opens:
            self._writer.write_opened(*lines)
        else:
            self._writer.write(*lines)

    def _opens(
        self, sender: Side, content: Mapping[str, Any], answers: str | None
    ) -> Mapping[str, Any] | None:
        """What a message tells of the server, if it is the first that does."""
        if sender == "client":
            version = as_object(as_object(content.get("params")).get("_meta")).get(PROTOCOL_VERSION)
            self._version = version if isinstance(version, str) else self._version
            return None
        if answers is None or "result" not in content:
            return None
        if answers in OPENINGS:
            return _opened(content["result"], has_handshake=answers == "initialize")
        server = as_object(as_object(as_object(content["result"]).get("_meta")).get(SERVER_INFO))
        is_being_asked = not OPENINGS.isdisjoint(self._asked.values())
        if not server or self._version is None or is_being_asked:
            return None
        # Nobody asked what it offers; each of its results says who it is.
        return {
            "capabilities": {},
            "era": "2026-07-28",
            "kind": "opened",
            "protocol": self._version,
            "server": server,
        }

    def _answers(self, sender: Side, body: Mapping[str, Any]) -> str | None:
        """Remember what is asked, to know the method that an answer belongs to."""
        if "id" not in body:
            return None
        if "method" in body:
            self._asked[sender, body["id"]] = body["method"]
            return None
        other: Side = "client" if sender == "server" else "server"
        return self._asked.pop((other, body["id"]), None)

    def _without_state(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """`requestState` is sealed anew in each process and of no use to anybody else: only which is which counts."""
        part = "params" if "method" in body else "result"
        content = as_object(body.get(part))
        state = content.get("requestState")
        if not isinstance(state, str):
            return body
        name = self._states.setdefault(state, f"state-{len(self._states) + 1}")
        return {**body, part: {**content, "requestState": name}}


def _without_traces(body: Mapping[str, Any]) -> Mapping[str, Any]:
    params = as_object(body.get("params"))
    meta = as_object(params.get("_meta"))
    if TRACES.isdisjoint(meta):
        return body
    kept = {name: value for name, value in meta.items() if name not in TRACES}
    return {**body, "params": {**params, "_meta": kept}}


def _opened(result: object, *, has_handshake: bool) -> dict[str, Any]:
    said = as_object(result)
    if has_handshake:
        era, protocol, server = "2025-11-25", said.get("protocolVersion"), said.get("serverInfo")
    else:
        era = protocol = "2026-07-28"
        server = as_object(said.get("_meta")).get(SERVER_INFO)
    return {
        "capabilities": as_object(said.get("capabilities")),
        "era": era,
        "kind": "opened",
        "protocol": protocol if isinstance(protocol, str) else era,
        "server": as_object(server),
    }
