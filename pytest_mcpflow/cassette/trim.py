"""`mcpflow trim`: a cassette with less on it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pytest_mcpflow.cassette.files import renumbered, write_new
from pytest_mcpflow.cassette.format import OPENINGS, Frame, Session
from pytest_mcpflow.cassette.header import headed
from pytest_mcpflow.cassette.operations import Operation, operations
from pytest_mcpflow.cassette.reading import read_cassette, read_frames
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError, nearest_phrase

__all__ = ["Keep", "add_arguments", "run", "trimmed"]

TRIMMED, NOT_TRIMMED = 0, 2
CALL, LIST = "tools/call", "tools/list"


@dataclass(frozen=True, kw_only=True)
class Keep:
    """What stays on a cassette. The handshake and what the client announced stay with every session that stays.

    Args:
        sessions: Numbers of the sessions that stay; all if there are none.
        tools: Patterns of the tools whose calls stay; all if there are none.
        drop_unused: Whether what no call needs goes away: listings but that of the tools, resources, prompts,
            messages that belong to no call, and what was not MCP.
        drop_unanswered: Whether requests go away that the cassette has no answer to.
        drop_timing: Whether it is forgotten when things passed.
    """

    sessions: Collection[int] = ()
    tools: Sequence[str] = ()
    drop_unused: bool = False
    drop_unanswered: bool = False
    drop_timing: bool = False


def trimmed(path: Path, keep: Keep) -> list[bytes]:
    """The lines of a cassette that stay.

    Sessions are numbered from 1, and the header tells of the first that was opened; apart from that, lines are what
    they were.

    Raises:
        CassetteError: It cannot be read, has no such session, or there is no call of such a tool.
    """
    cassette = read_cassette(path)
    numbers = [session.number for session in cassette.sessions]
    for number in keep.sessions:
        if number not in numbers:
            raise CassetteError(
                f"{path} has no session {number}; it has {', '.join(map(str, numbers)) or 'none'}"
            )
    kept = [session for session in cassette.sessions if not keep.sessions or session.number in keep.sessions]
    called = {each.name for session in kept for each in operations(session) if each.method == CALL}
    for pattern in keep.tools:
        if not any(fnmatchcase(name, pattern) for name in called):
            raise CassetteError(
                f"{path} has no call of {pattern!r}; {nearest_phrase(pattern, sorted(called))}"
            )
    header = read_frames(path)[0][0].raw + b"\n"
    numbered = enumerate(kept, 1)
    return headed(
        header,
        [renumbered(frame, number) for number, session in numbered for frame in _frames(session, keep)],
    )


def _frames(session: Session, keep: Keep) -> Iterator[Frame]:
    gone, kept = set[int](), set[int]()
    for operation in operations(session):
        (kept if _stays(operation, keep) else gone).update(operation.lines)
    messages = [frame.message for frame in session.frames if frame.line in gone and frame.kind == "message"]
    ids = [message.body["id"] for message in messages if message.is_request]
    was_dropped = False
    for frame in session.frames:
        if frame.kind == "timing":
            if not was_dropped and not keep.drop_timing:
                yield frame
            continue
        was_dropped = frame.line in gone or (frame.line not in kept and not _belongs(frame, ids, keep))
        if not was_dropped:
            yield frame


def _stays(operation: Operation, keep: Keep) -> bool:
    if operation.method in OPENINGS:
        return True
    if keep.drop_unanswered and operation.last_line == operation.line:
        return False
    if operation.method == CALL:
        return not keep.tools or any(fnmatchcase(operation.name, pattern) for pattern in keep.tools)
    return operation.method == LIST or not keep.drop_unused


def _belongs(frame: Frame, gone: Collection[object], keep: Keep) -> bool:
    """Whether a frame of no operation stays: not if it is about a request that is gone."""
    if frame.kind == "noise":
        return not keep.drop_unused
    if frame.kind == "cut":
        return frame.data.get("request") not in gone
    if frame.kind != "message":
        return True
    message = frame.message
    body = message.body
    if "method" not in body:
        return body.get("id") not in gone
    if message.sender == "server":
        return not keep.drop_unused
    params = as_object(body.get("params"))
    return "requestId" not in params or params["requestId"] not in gone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = "Write a cassette with less on it: what is asked for, and the handshakes it needs."
    parser.add_argument("cassette", type=Path, metavar="CASSETTE")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the new cassette")
    parser.add_argument(
        "--session", type=int, action="append", default=[], metavar="N", help="keep this session (repeatable)"
    )
    parser.add_argument(
        "--tool",
        action="append",
        default=[],
        metavar="TOOL",
        help="keep calls of this tool or pattern (repeatable)",
    )
    parser.add_argument(
        "--drop-unused", action="store_true", help="keep nothing but handshakes, the tools' list and calls"
    )
    parser.add_argument("--drop-unanswered", action="store_true", help="drop requests that have no answer")
    parser.add_argument("--drop-timing", action="store_true", help="forget when things passed")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")


def run(options: argparse.Namespace) -> int:
    """Trim; exit code 0, or 2 if it cannot be done."""
    keep = Keep(
        sessions=options.session,
        tools=options.tool,
        drop_unused=options.drop_unused,
        drop_unanswered=options.drop_unanswered,
        drop_timing=options.drop_timing,
    )
    try:
        write_new(options.output, trimmed(options.cassette, keep), force=options.force)
    except CassetteError as error:
        print(f"mcpflow trim: {error}", file=sys.stderr)
        return NOT_TRIMMED
    return TRIMMED
