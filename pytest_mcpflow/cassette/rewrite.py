"""A cassette with what a live server says now, in place of what it said when it was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_mcpflow.cassette.files import write_lines
from pytest_mcpflow.cassette.format import Cassette, Frame, Session
from pytest_mcpflow.cassette.header import headed
from pytest_mcpflow.cassette.judging import server_info
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.operations import Operation
from pytest_mcpflow.cassette.reading import read_frames
from pytest_mcpflow.cassette.values import as_object, dump
from pytest_mcpflow.cassette.writer import Redacting

__all__ = ["Rewrite"]

Said = Sequence[tuple[Side, Mapping[str, Any]]]


class Rewrite:
    """The lines of a cassette, of which those of some operations are replaced.

    Lines of other operations stay as they are to the byte, so that a diff shows what changed and nothing else.

    Args:
        tape: The cassette.
        redactor: Its redaction.
    """

    def __init__(self, tape: Cassette, redactor: Redacting | None) -> None:
        self._tape, self._redactor = tape, redactor
        self._fresh: dict[int, list[Mapping[str, Any]]] = {}
        """New frames by the line that they stand in place of; none where a line goes away."""
        self._restated: set[int] = set()

    @property
    def has_changed(self) -> bool:
        return bool(self._fresh)

    def session(self, session: Session, recorded: Iterable[Operation], fresh: Mapping[int, Said]) -> None:
        """Replace operations of a session.

        Args:
            session: The session.
            recorded: Its operations.
            fresh: What passed with the live server, by the lines of the operations to replace.
        """
        frames = {frame.line: frame for frame in session.frames}
        ids = _Ids(session)
        for operation in recorded:
            if operation.line not in fresh:
                continue
            self._fresh |= {line: [] for line in operation.lines}
            bodies = ids.given(fresh[operation.line], [frames[line] for line in operation.lines])
            self._fresh[operation.line] = [
                {"from": sender, "kind": "message", "message": body, "session": session.number}
                for sender, body in self._redacted(bodies)
            ]
            if operation.method in ("initialize", "server/discover"):
                self._reopen(session, fresh[operation.line])

    def write(self) -> None:
        """Put the new cassette in place of the old one, in one step.

        Raises:
            CassetteError: The folder cannot be written to.
        """
        write_lines(self._tape.path, self.lines())

    def lines(self) -> list[bytes]:
        """The lines of the new cassette."""
        header, *lines = self._lines()
        return headed(header, lines)

    def _lines(self) -> Iterator[bytes]:
        states: dict[int, dict[str, str]] = {}
        gone = False
        for frame in read_frames(self._tape.path)[0]:
            if frame.kind == "timing" and gone:
                continue  # when something passed that is not there any more
            gone = frame.line in self._fresh
            if not gone and b'"requestState"' not in frame.raw:
                yield frame.raw + b"\n"
                continue
            names = states.setdefault(frame.session, {})
            for content in self._fresh.get(frame.line, [frame.data]):
                yield dump(
                    {**content, "message": _restated(content["message"], names)}
                    if "message" in content
                    else content
                )

    def _redacted(self, messages: Said) -> Said:
        if self._redactor is None:
            return messages
        asked: dict[tuple[Side, object], str] = {}
        redacted = list[tuple[Side, Mapping[str, Any]]]()
        for sender, body in messages:
            other: Side = "client" if sender == "server" else "server"
            answers = None if "method" in body else asked.get((other, body.get("id")))
            if "method" in body and "id" in body:
                asked[sender, body["id"]] = body["method"]
            redacted.append((sender, self._redactor.message(body, answers=answers)))
        return redacted

    def _reopen(self, session: Session, said: Said) -> None:
        """The frame that sums up the handshake says what the new one came to."""
        opened = next((frame for frame in session.frames if frame.kind == "opened"), None)
        results = [
            as_object(body["result"]) for sender, body in said if sender == "server" and "result" in body
        ]
        if opened is None or not results:
            return
        summary = {
            "capabilities": as_object(results[-1].get("capabilities")),
            "protocol": str(results[-1].get("protocolVersion", session.protocol)),
            "server": server_info(results[-1]),
        }
        self._fresh[opened.line] = [{**opened.data, **summary}]


class _Ids:
    """Gives the messages of a live server the ids that a recorded session has for them."""

    def __init__(self, session: Session) -> None:
        numbers = [message.body.get("id") for message in session.messages]
        self._last = max((number for number in numbers if isinstance(number, int)), default=0)

    def given(self, said: Said, frames: Iterable[Frame]) -> Said:
        """The messages with recorded ids, and with new ones where there are more requests than were recorded."""
        messages = [frame.message for frame in frames if frame.kind == "message"]
        free = {
            side: [each.body["id"] for each in messages if each.sender == side and each.is_request]
            for side in ("client", "server")
        }
        names: dict[tuple[Side, object], object] = {}
        renamed = list[tuple[Side, Mapping[str, Any]]]()
        for sender, body in said:
            if "id" not in body:
                renamed.append((sender, body))
                continue
            asker: Side = sender if "method" in body else ("client" if sender == "server" else "server")
            key = (asker, body["id"])
            if key not in names:
                names[key] = free[asker].pop(0) if free[asker] else self._new()
            renamed.append((sender, {**body, "id": names[key]}))
        return renamed

    def _new(self) -> int:
        self._last += 1
        return self._last


def _restated(body: Mapping[str, Any], names: dict[str, str]) -> Mapping[str, Any]:
    """A message whose `requestState` is a name in the order of appearance, as the recorder writes it."""
    part = "params" if "method" in body else "result"
    content = as_object(body.get(part))
    state = content.get("requestState")
    if not isinstance(state, str):
        return body
    name = names.setdefault(state, f"state-{len(names) + 1}")
    return {**body, part: {**content, "requestState": name}}
