"""The cassette format: append-only JSON lines, described in docs/reference/cassette-format.md.

Only the standard library is imported, since recorders and replaying servers start with every client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, cast

from pytest_mcpflow.cassette.unusable import unreadable
from pytest_mcpflow.errors import CassetteError

__all__ = [
    "FORMAT",
    "Cassette",
    "Frame",
    "Message",
    "Session",
    "Side",
    "as_object",
    "decoded",
    "depth_of",
    "dump",
    "is_rpc",
    "read_cassette",
    "read_frames",
]

FORMAT = 1
Side = Literal["client", "server"]
SERVER_INFO = "io.modelcontextprotocol/serverInfo"
DEPTH = 200
"""How deeply a line may be nested, so that whatever was written can be read wherever it is read."""

_NO_PARAMS: Mapping[str, object] = {}
_SIDES = ("client", "server")
DAMAGED = "the file was edited or damaged"


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
                return "2026-07-28" if "io.modelcontextprotocol/protocolVersion" in meta else "2025-11-25"
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
    """

    path: Path
    sessions: tuple[Session, ...]
    torn: bool = False
    redaction: str | None = None

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


def read_cassette(path: Path, visit: Callable[[Frame, Mapping[str, Any]], None] | None = None) -> Cassette:
    """Read a cassette.

    Args:
        path: The file.
        visit: Is shown each frame with its content, which is decoded here anyway.

    Raises:
        CassetteError: It is missing, empty, no cassette, of a newer format, or broken; names file and line.
    """
    data, torn = _load(path)
    header: Mapping[str, Any] = {}
    sessions: dict[int, Session] = {}
    for frame, content in _frames(path, data):
        if frame.line == 1:
            header = content
        if frame.session:
            session = sessions.get(frame.session)
            if session is None:
                session = sessions[frame.session] = Session(frame.session)
            session.frames.append(frame)
            if visit is not None:
                visit(frame, content)
    redaction = header.get("redaction")
    return Cassette(path, tuple(sessions.values()), torn, None if redaction is None else str(redaction))


def read_frames(path: Path) -> tuple[list[Frame], bool]:
    """All lines of a cassette, the header first, and whether a torn last line was left out.

    Raises:
        CassetteError: As `read_cassette`.
    """
    data, torn = _load(path)
    return [frame for frame, _ in _frames(path, data)], torn


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_encode_in_ascii = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def dump(frame: Mapping[str, Any]) -> bytes:
    """The one way to write a frame: a line in which nothing depends on who wrote it."""
    try:
        return _encode(frame).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        return _encode_in_ascii(frame).encode() + b"\n"


def as_object(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for whatever else a message holds in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def is_rpc(body: object) -> bool:
    """Whether it is a message of JSON-RPC 2.0, so that all who read a tape can rely on its parts."""
    if not isinstance(body, dict):
        return False
    message = cast("dict[str, object]", body)
    number = message.get("id")
    if "method" in message:
        fits = isinstance(message["method"], str) and isinstance(message.get("params", _NO_PARAMS), dict)
        return fits and (isinstance(number, int | str) or (number is None and "id" not in message))
    if isinstance(message.get("result"), dict):
        return isinstance(number, int | str)
    error = as_object(message.get("error"))
    is_error = isinstance(error.get("code"), int) and isinstance(error.get("message"), str)
    return is_error and "id" in message and (number is None or isinstance(number, int | str))


def _load(path: Path) -> tuple[list[bytes], bool]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    lines = data.split(b"\n")
    torn = lines.pop() != b""
    if not lines:
        raise CassetteError(f"cassette {path} is empty; record it again")
    return lines, torn


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def decoded(line: bytes, *, depth: int = DEPTH) -> object:
    """The value of a line, as strictly as RFC 8259 has it.

    Raises:
        ValueError: It is not JSON, or nested more deeply than `depth`.
    """
    text = line.decode()
    value, end = _raw_decode(text if text[:1] == "{" else text.strip())
    if end != len(text) and end != len(text.strip()):
        raise ValueError(f"extra data at character {end}")
    # Each level takes two characters at least, and counting them is quicker than going down.
    if end > 2 * depth and text.count("{") + text.count("[") > depth and depth_of(value) > depth:
        raise ValueError(f"nested more than {depth} deep")
    return value


def depth_of(value: object) -> int:
    """How many objects and lists are inside of one another."""
    depth, level = -1, [value]
    while level:
        depth += 1
        level = [inner for each in level for inner in _members(each)]
    return depth


def _members(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is more than a number can be")
    return number


_decode = json.JSONDecoder().decode
"""For lines that were checked already."""

_raw_decode = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite).raw_decode


def _frames(path: Path, lines: list[bytes]) -> Iterator[tuple[Frame, Mapping[str, Any]]]:
    for number, raw in enumerate(lines, 1):
        try:
            content = decoded(raw)
        except (ValueError, RecursionError) as error:
            raise CassetteError(f"{path}:{number} is not JSON ({error}); {DAMAGED}") from error
        if not isinstance(content, dict):
            raise CassetteError(f"{path}:{number} is not a JSON object; {DAMAGED}")
        frame = cast("dict[str, Any]", content)
        if number == 1:
            _check_header(path, frame)
            yield Frame(1, "header", 0, raw), frame
            continue
        kind: object = frame.get("kind")
        session: object = frame.get("session")
        if not isinstance(kind, str) or kind not in _CHECKS:
            continue  # a kind that a later version writes
        # Most lines are messages in order, for which this is enough.
        is_fine = kind == "message" and frame.get("from") in _SIDES and is_rpc(frame.get("message"))
        wrong = "" if is_fine else _CHECKS[kind](frame)
        if type(session) is not int or session < 1:
            raise CassetteError(f"{path}:{number} is a {kind} frame without a session; {DAMAGED}")
        if wrong:
            raise CassetteError(f"{path}:{number} is a {kind} frame {wrong}; {DAMAGED}")
        yield Frame(number, kind, session, raw), frame


def _check_header(path: Path, header: Mapping[str, Any]) -> None:
    number = header.get("format")
    if header.get("kind") != "header" or type(number) is not int:
        begins = json.dumps({"format": FORMAT, "kind": "header"})
        raise CassetteError(f"{path}:1 is not the header of a cassette, which begins like {begins}")
    if number > FORMAT:
        raise CassetteError(
            f"{path}:1 says format {number}, which is newer than {FORMAT}; update pytest-mcpflow"
        )


def _check_message(frame: Mapping[str, Any]) -> str:
    if frame.get("from") not in _SIDES:
        return "that does not say from whom"
    return "" if is_rpc(frame.get("message")) else "whose message is not JSON-RPC"


def _check_opened(frame: Mapping[str, Any]) -> str:
    parts = (frame.get("server", {}), frame.get("capabilities", {}))
    return (
        "" if all(isinstance(part, dict) for part in parts) else "whose server or capabilities are no objects"
    )


def _check_session(frame: Mapping[str, Any]) -> str:
    return "" if isinstance(frame.get("command", []), list) else "whose command is no list"


def _check_http(frame: Mapping[str, Any]) -> str:
    status, headers = frame.get("status"), frame.get("headers", {})
    fits = type(status) is int and 100 <= status <= 599 and isinstance(headers, dict)
    return "" if fits and isinstance(frame.get("body", ""), str) else "without a status, headers or a body"


def _check_timing(frame: Mapping[str, Any]) -> str:
    fits = type(frame.get("ms")) in (int, float) and 0 <= cast("float", frame["ms"]) < float("inf")
    return "" if fits else "without milliseconds"


def _no_check(_: Mapping[str, Any]) -> str:
    return ""


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "session": _check_session,
    "opened": _check_opened,
    "message": _check_message,
    "http": _check_http,
    "noise": _no_check,
    "timing": _check_timing,
    "cut": _no_check,
    "end": _no_check,
}
"""What is wrong with a frame, by its kind; nothing, where the answer is empty."""
