"""`mcpflow verify`: whether a live server still does what a cassette says."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mcpflow.cassette.arguments import (
    add_comparison_arguments,
    add_redaction_arguments,
    add_server_arguments,
    check_one_server,
    redactor_for,
)
from pytest_mcpflow.cassette.compare import check_pointer
from pytest_mcpflow.cassette.drift import Drift
from pytest_mcpflow.cassette.format import Cassette, Session
from pytest_mcpflow.cassette.operations import operations
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.writer import Redacting
from pytest_mcpflow.errors import CannotVerifyError, CassetteError

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.live import Target

__all__ = ["add_arguments", "run", "verify"]

SAME, DRIFT, NOT_VERIFIED = 0, 1, 2
LIMIT = 30.0
"""Seconds that a live server may take for one answer."""


async def verify(
    cassette: Cassette | Path,
    target: Target,
    *,
    allow: Collection[str] = (),
    ignore: Sequence[str] = (),
    exact: bool = False,
    limit: float = LIMIT,
    sessions: Collection[int] = (),
    headers: Mapping[str, str] | None = None,
    redactor: Redacting | None = None,
    update: bool = False,
) -> Drift:
    """Ask a live server what the client of a cassette asked, and compare the answers.

    Each session is played to a server of its own, in the cassette's era, with the recorded answers to the server's
    questions and with the live server's own ids, cursors and state. A tool that may destroy something, or does not say
    that it will not, is not called.

    Args:
        cassette: The recording.
        target: The live server: a command, a URL, a server object of the SDK, or a transport, which serves one session.
        allow: Patterns of tools that are called whatever they destroy; `*` stands for all.
        ignore: JSON pointers of places that do not count, like `/structuredContent/now`; `*` stands for one step.
        exact: Whether instants, identifiers, ports, durations and cursors count, too.
        limit: Seconds that one answer may take.
        sessions: Numbers of the sessions to verify; all by default.
        headers: HTTP headers for a URL.
        redactor: The redaction under which the cassette was recorded; by default the usual rules if there was any.
        update: Whether to write the live answers into the cassette, where they are otherwise.

    Raises:
        CannotVerifyError: The server cannot be started or reached, dies, hangs, or does not speak the era.
        CassetteError: The cassette is missing or broken, or there is nothing in it to verify.
        ValueError: One of `ignore` is no JSON pointer, or a transport is given for several sessions.
    """
    from pytest_mcpflow.cassette.client_side import ClientSide, Findings, Rules
    from pytest_mcpflow.cassette.given import Given, Secrets
    from pytest_mcpflow.cassette.live import is_reusable, live_server
    from pytest_mcpflow.cassette.redaction import Redactor
    from pytest_mcpflow.cassette.rewrite import Rewrite

    rules = Rules(allow=tuple(allow), ignore=tuple(map(check_pointer, ignore)), exact=exact)
    tape = read_cassette(cassette) if isinstance(cassette, Path) else cassette
    findings = Findings()
    redactor = None if tape.redaction is None else redactor or Redactor.of_tape(tape.redaction)
    if redactor is not None and redactor.fingerprint != tape.redaction:
        if update:
            raise CassetteError(
                f"{tape.path} was redacted by other rules than these, so that it cannot be updated; record it again"
            )
        findings.notes["it was redacted by other rules than these, and secrets may count as drift"] = None
    rewrite, secrets = Rewrite(tape, redactor), Secrets(redactor, os.environ)
    chosen = _chosen(tape, sessions)
    if len(chosen) > 1 and not is_reusable(target):
        numbers = ", ".join(str(session.number) for session in chosen)
        raise ValueError(
            f"a transport serves one session, and these are {numbers}; choose with sessions=[...]"
        )
    for session in chosen:
        recorded = operations(session)
        given = Given(recorded, secrets)
        async with live_server(target, limit=limit, spare=given.spare, headers=headers or {}) as server:
            client = ClientSide(session, recorded, server, findings, rules, given, secrets)
            await client.play()
        if server.garbage:
            findings.notes[f"it wrote lines that are not MCP, the first: {server.first_garbage}"] = None
        rewrite.session(session, recorded, client.fresh)
    if update and rewrite.has_changed:
        rewrite.write()
    return Drift(
        cassette=tape.path.name,
        server=findings.server or tape.server_name or "the server",
        compared=findings.compared,
        tools=tuple(findings.tools.values()),
        schemas=tuple(findings.schemas.values()),
        answers=tuple(findings.answers.values()),
        skipped=tuple(findings.skipped),
        notes=tuple(findings.notes),
    )


def _chosen(tape: Cassette, numbers: Collection[int]) -> list[Session]:
    there = [session.number for session in tape.sessions]
    missing = sorted({*numbers} - {*there})
    if missing:
        raise CassetteError(
            f"{tape.path} has no session {missing[0]}; it has {', '.join(map(str, there)) or 'none'}"
        )
    chosen = [session for session in tape.sessions if not numbers or session.number in numbers]
    if not any(operations(session) for session in chosen):
        raise CassetteError(f"{tape.path} holds no request, so there is nothing to verify; record it again")
    return chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = (
        "Ask a live server what the client of a cassette asked, and compare what it answers. "
        "Exit code 0: the same; 1: something differs; 2: it could not be verified."
    )
    parser.add_argument("cassette", type=Path, metavar="CASSETTE")
    add_server_arguments(parser, needs="CASSETTE")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="an HTTP header for the URL, such as an authorization (repeatable)",
    )
    parser.add_argument(
        "--allow-destructive",
        dest="allow",
        action="append_const",
        const="*",
        default=[],
        help="also call tools that do not say that they destroy nothing",
    )
    parser.add_argument(
        "--allow",
        dest="allow",
        action="append",
        metavar="TOOL",
        help="the same for tools of this pattern (repeatable)",
    )
    add_comparison_arguments(parser)
    parser.add_argument(
        "--session", type=int, action="append", default=[], metavar="N", help="only this session"
    )
    parser.add_argument(
        "--limit", type=float, default=LIMIT, metavar="SECONDS", help="for each answer; 30 by default"
    )
    add_redaction_arguments(parser)
    parser.add_argument("--update", action="store_true", help="write what differs into the cassette")


def run(options: argparse.Namespace) -> int:
    """Verify, print what was found, and return the exit code."""
    try:
        check_one_server(options)
        if options.header and not options.url:
            raise CassetteError(
                "--header is for a --url; give a command what it needs as its arguments or environment"
            )
    except CassetteError as error:
        return _not_verified(str(error))
    if not options.limit > 0:
        return _not_verified(f"--limit {options.limit:g} must be a number of seconds above 0")
    # The SDK logs each unreadable line with a traceback; ours says it once and shorter.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    try:
        headers = dict(_header(text) for text in options.header)
        drift = asyncio.run(_verify(options, headers))
    except (CassetteError, CannotVerifyError, ValueError) as error:
        return _not_verified(str(error))
    except RecursionError:
        return _not_verified(f"{options.cassette} is nested too deeply")
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _not_verified("interrupted")
    print(drift)
    if drift and options.update:
        print(f"{options.cassette} now holds the live answers")
    if drift.verified_nothing:
        return _not_verified(
            "nothing but the handshake was compared, so that no drift was found means nothing"
        )
    return DRIFT if drift else SAME


async def _verify(options: argparse.Namespace, headers: Mapping[str, str]) -> Drift:
    from mcp import StdioServerParameters

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _this_task().cancel)
    tape = read_cassette(options.cassette)
    target = options.url or StdioServerParameters(
        command=options.server[0], args=options.server[1:], env=dict(os.environ)
    )
    return await verify(
        tape,
        target,
        allow=options.allow,
        ignore=options.ignore,
        exact=options.exact,
        limit=options.limit,
        sessions=options.session,
        headers=headers,
        redactor=redactor_for(tape, options),
        update=options.update,
    )


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError("--header takes NAME:VALUE, such as 'Authorization: Bearer ...'")
    return name.strip(), value.strip()


def _not_verified(why: str) -> int:
    print(f"mcpflow verify: {why}", file=sys.stderr)
    return NOT_VERIFIED
