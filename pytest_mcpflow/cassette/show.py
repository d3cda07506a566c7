"""`mcpflow show`: what is on a cassette, one line for each thing that was asked."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.columns import COLUMNS, columns, counted, fitted, json_text, printable
from pytest_mcpflow.cassette.format import Cassette, Session
from pytest_mcpflow.cassette.judging import server_info, server_title, shown
from pytest_mcpflow.cassette.offers import LISTINGS
from pytest_mcpflow.cassette.operations import (
    Disconnected,
    Failure,
    Http,
    Notice,
    Operation,
    Questions,
    Result,
    operations,
)
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError

__all__ = ["add_arguments", "lines_of", "run", "summary"]

SHOWN, NOT_SHOWN = 0, 2
LISTS = {listing.member: listing.noun for listing in LISTINGS.values()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = "Show what is on a cassette, one line for each thing that was asked."
    parser.add_argument("cassette", type=Path, metavar="CASSETTE")
    parser.add_argument("--full", action="store_true", help="show each message as JSON")
    parser.add_argument("--session", type=int, metavar="N", help="only this session")


def run(options: argparse.Namespace) -> int:
    """Print the cassette; exit code 0, or 2 if it cannot be read."""
    try:
        cassette = read_cassette(options.cassette)
        for line in lines_of(cassette, session=options.session, full=options.full):
            print(line)
    except CassetteError as error:
        print(f"mcpflow show: {error}", file=sys.stderr)
        return NOT_SHOWN
    except RecursionError:
        print(f"mcpflow show: {options.cassette} is nested too deeply to be shown", file=sys.stderr)
        return NOT_SHOWN
    except BrokenPipeError:  # whoever reads has seen enough; nor must Python complain when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SHOWN


def lines_of(cassette: Cassette, *, session: int | None = None, full: bool = False) -> Iterator[str]:
    """What a person reads of a cassette, in lines of at most 80 columns unless `full`.

    Args:
        cassette: The cassette.
        session: The number of the only session to show.
        full: Whether to show the messages themselves, as JSON.

    Raises:
        CassetteError: There is no such session.
    """
    numbers = [each.number for each in cassette.sessions]
    if session is not None and session not in numbers:
        raise CassetteError(
            f"{cassette.path} has no session {session}; it has {', '.join(map(str, numbers)) or 'none'}"
        )
    yield fitted(summary(cassette), COLUMNS)
    for each in cassette.sessions:
        if session in (None, each.number):
            yield ""
            yield from _session(each, full=full)


def summary(cassette: Cassette) -> str:
    """A cassette in one line."""
    parts = [f"{cassette.path.name}: format {cassette.format}", counted(len(cassette.sessions), "session")]
    parts.append("not redacted" if cassette.redaction is None else f"redacted by {cassette.redaction}")
    if cassette.torn:
        parts.append("its last line is torn and left out")
    return ", ".join(parts)


def _session(session: Session, *, full: bool) -> Iterator[str]:
    server = " ".join(filter(None, (session.server_name or "a server", session.server_version)))
    yield fitted(f"session {session.number}: {server}, {session.protocol} over {session.transport}", COLUMNS)
    if session.command:
        yield fitted(f"  {' '.join(session.command)}", COLUMNS)
    if session.capabilities:
        yield fitted(f"  offers {', '.join(sorted(session.capabilities))}", COLUMNS)
    recorded = operations(session)
    width = len(str(recorded[-1].line)) if recorded else 1
    for operation in recorded:
        yield from _full(operation) if full else _brief(operation, width)
    noise = sum(frame.kind == "noise" for frame in session.frames)
    if noise:
        yield f"  {counted(noise, 'line')} of what is not MCP"


def _brief(operation: Operation, width: int) -> Iterator[str]:
    head = f"  {operation.line:>{width}}  "
    tail = _way(operation)
    room = COLUMNS - len(head) - len(" -> ") - columns(tail)
    outcome = fitted(_outcome(operation), room)
    call = fitted(shown(operation), max(room // 2, room - columns(outcome)))
    yield f"{head}{call} -> {fitted(outcome, room - columns(call))}{tail}"


def _way(operation: Operation) -> str:
    """What happened before the answer, counted."""
    steps = operation.steps
    notices = sum(isinstance(step, Notice) for step in steps) + len(operation.aftermath)
    questions = sum(len(step.requests) for step in steps if isinstance(step, Questions))
    both = ((notices, "notice"), (questions, "question"))
    parts = [counted(count, noun) for count, noun in both if count]
    return f" ({', '.join(parts)})" if parts else ""


def _outcome(operation: Operation) -> str:
    if not operation.is_complete:
        return "not recorded to its end"
    match operation.outcome:
        case Result(body=body):
            return ("refused: " if body.get("isError") is True else "") + _said(body)
        case Failure(error=error):
            return f"error {error.get('code')}: {error.get('message')}"
        case Http(status=status):
            return f"HTTP {status}"
        case Disconnected():
            return "the server went away"
        case _:
            return "the client gave up"


def _said(body: Mapping[str, Any]) -> str:
    """The gist of a result."""
    info = server_info(body)
    if "capabilities" in body and info:
        return server_title(info)
    for name, noun in LISTS.items():
        if isinstance(body.get(name), list):
            return counted(len(body[name]), noun)
    if "structuredContent" in body:
        return json_text(body["structuredContent"])
    for name in ("content", "contents", "messages"):
        if isinstance(body.get(name), list):
            return "; ".join(_block(as_object(block)) for block in body[name]) or "nothing"
    rest = {name: value for name, value in body.items() if name not in ("_meta", "resultType")}
    return json_text(rest) if rest else "ok"


def _block(block: Mapping[str, Any]) -> str:
    inner = as_object(block.get("content")) or block
    if isinstance(inner.get("text"), str):
        return " ".join(inner["text"].split())
    return str(inner.get("type") or inner.get("uri") or "something")


def _full(operation: Operation) -> Iterator[str]:
    yield ""
    yield printable(f"line {operation.line}: {shown(operation)}")
    yield from _json("asked", {"method": operation.method, "params": operation.params})
    for step in operation.steps:
        if isinstance(step, Notice):
            yield from _json("notice", step.message)
            continue
        for key, request in step.requests.items():
            yield from _json("question", request)
            yield from _json("answer", step.answers.get(key))
    match operation.outcome:
        case Result(body=body):
            yield from _json("result", body)
        case Failure(error=error):
            yield from _json("error", error)
        case Http(status=status, headers=headers, body=text):
            yield from _json("http", {"status": status, "headers": headers, "body": text})
        case _:
            yield f"  {_outcome(operation)}"
    for notice in operation.aftermath:
        yield from _json("later", notice.message)


def _json(title: str, value: object) -> Iterator[str]:
    """A value as it could be copied into a test: with nothing in it that a terminal obeys."""
    yield f"  {title}"
    for line in json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines():
        yield f"    {printable(line)}"
