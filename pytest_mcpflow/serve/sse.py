"""Server-sent events out of a stream of bytes that is cut anywhere."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Event", "EventSplitter", "is_event_stream"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def is_event_stream(content_type: str) -> bool:
    """Whether a `content-type` announces server-sent events."""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


class Event(NamedTuple):
    """An event: its type (`message` unless it says otherwise), its data, and its own id, empty if it has none."""

    type: str
    data: bytes
    id: str


class EventSplitter:
    """Finds events as soon as the empty line that ends them is there.

    Lines end in LF, CR or CR LF, as the HTML standard has it (section 9.2, server-sent events); an event that the
    stream breaks off in is none. Time and memory are linear in what it is fed, however small the pieces.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._type, self._id = "", ""
        self._is_first_line, self._after_cr = True, False

    @property
    def is_between_events(self) -> bool:
        """Whether nothing of an event or of a comment is waiting for its end."""
        return not (self._line or self._data or self._type or self._id)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; the events that end in them, in order."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CR LF, whose first half ended the line
        self._after_cr = chunk.endswith(b"\r")
        events: list[Event] = []
        for piece in chunk.splitlines(keepends=True):
            line = piece.rstrip(b"\r\n")
            self._line.append(line)
            if len(line) < len(piece):
                whole = b"".join(self._line)
                self._line.clear()
                event = self._take(whole)
                if event is not None:
                    events.append(event)
        return events

    def _take(self, line: bytes) -> Event | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._type or "message", b"\n".join(self._data), self._id) if self._data else None
        self._data, self._type, self._id = [], "", ""
        return event
