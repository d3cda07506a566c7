"""Reading cassettes, of each version that there was. What cannot be read is an error that names file and line."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pytest_mcpflow.cassette.format import FORMAT, Cassette, Frame, Session
from pytest_mcpflow.cassette.kinds import CHECKS, SIDES, is_rpc
from pytest_mcpflow.cassette.unusable import check_is_file, unreadable
from pytest_mcpflow.cassette.values import decoded_lines
from pytest_mcpflow.errors import CassetteError

__all__ = ["read_cassette", "read_frames"]

DAMAGED = "the file was edited or damaged"


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
    recorded_by = header.get("redaction")
    redaction = None if recorded_by is None else str(recorded_by)
    return Cassette(path, tuple(sessions.values()), torn, redaction, header["format"])


def read_frames(path: Path) -> tuple[list[Frame], bool]:
    """All lines of a cassette, the header first, and whether a torn last line was left out.

    Raises:
        CassetteError: As `read_cassette`.
    """
    data, torn = _load(path)
    return [frame for frame, _ in _frames(path, data)], torn


def _load(path: Path) -> tuple[list[bytes], bool]:
    try:
        check_is_file(path)
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    lines = data.split(b"\n")
    torn = lines.pop() != b""
    if not lines:
        raise CassetteError(f"cassette {path} is empty; record it again")
    return lines, torn


def _frames(path: Path, lines: list[bytes]) -> Iterator[tuple[Frame, Mapping[str, Any]]]:
    values = decoded_lines(lines)
    for number, raw in enumerate(lines, 1):
        try:
            content = next(values)
        except (ValueError, RecursionError) as error:
            if number == 1 and raw.startswith(BOM_UTF8):
                raise CassetteError(
                    f"{path}:1 begins with a byte order mark, which JSON has none of; save the file as UTF-8 without it"
                ) from error
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
        # Most lines are messages in order, for which this is enough; and one "message" does for all of them.
        if kind == "message" and frame.get("from") in SIDES and is_rpc(frame.get("message")):
            kind, wrong = "message", ""
        elif not isinstance(kind, str) or kind not in CHECKS:
            continue  # a kind that a later version writes
        else:
            wrong = CHECKS[kind](frame)
        if type(session) is not int or session < 1:
            raise CassetteError(f"{path}:{number} is a {kind} frame without a session; {DAMAGED}")
        if wrong:
            raise CassetteError(f"{path}:{number} is a {kind} frame {wrong}; {DAMAGED}")
        yield Frame(number, kind, session, raw), frame


def _check_header(path: Path, header: Mapping[str, Any]) -> None:
    number = header.get("format")
    if header.get("kind") != "header" or type(number) is not int or number < 1:
        begins = json.dumps({"format": FORMAT, "kind": "header"})
        raise CassetteError(f"{path}:1 is not the header of a cassette, which begins like {begins}")
    if number > FORMAT:
        raise CassetteError(
            f"{path}:1 says format {number}, which is newer than {FORMAT}; update pytest-mcpflow"
        )
