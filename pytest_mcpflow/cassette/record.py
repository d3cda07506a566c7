"""A recorder between a client and a server that speaks stdio: bytes pass through, a copy goes to the cassette.

Only the standard library is imported, so that the server starts as fast as without it.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

from pytest_mcpflow.cassette.arguments import (
    add_redaction_arguments,
    add_server_arguments,
    check_one_server,
    redactor_of,
)
from pytest_mcpflow.cassette.pump import pump
from pytest_mcpflow.cassette.writer import CassetteWriter, Redacting
from pytest_mcpflow.errors import CassetteError

__all__ = ["add_arguments", "record", "run"]

NOT_FOUND, NOT_WRITABLE = 127, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the cassette to append to"
    )
    add_server_arguments(parser, needs="-o FILE")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where the client finds the recorder of a --url (default: any free port of 127.0.0.1)",
    )
    parser.add_argument("--timing", action="store_true", help="note when each message came")
    add_redaction_arguments(parser)
    parser.add_argument("--no-redaction", action="store_true", help="take out nothing, not even secrets")


def run(options: argparse.Namespace) -> int:
    """Record what the options say; see `record` for the exit code."""
    try:
        check_one_server(options)
        if options.listen is not None and options.url is None:
            raise CassetteError("--listen is where a --url is recorded; a command is spoken to over stdio")
        redactor = None if options.no_redaction else redactor_of(options)
    except CassetteError as error:
        print(f"mcpflow record: {error}", file=sys.stderr)
        return NOT_WRITABLE
    if options.url is None:
        return record(options.output, options.server, redactor=redactor, timing=options.timing)
    from pytest_mcpflow.cassette.gateway import record_http

    host, _, port = (options.listen or "127.0.0.1:0").rpartition(":")
    if not port.isdecimal():
        print(
            f"mcpflow record: --listen is HOST:PORT, such as 127.0.0.1:0, not {options.listen!r}",
            file=sys.stderr,
        )
        return NOT_WRITABLE
    return record_http(
        options.output, options.url, host=host, port=int(port), redactor=redactor, timing=options.timing
    )


def record(
    cassette: Path, command: Sequence[str], *, redactor: Redacting | None, timing: bool = False
) -> int:
    """Run a server for the client on standard input and output, and record what passes.

    Args:
        cassette: The file to append a session to.
        command: What starts the server.
        redactor: Takes out secrets before anything is written; `None` writes what passed.
        timing: Whether to note when each message came.

    Returns:
        The server's exit code, 128 + n for signal n; 127 if it cannot be started, 2 if nothing can be recorded.
    """
    if shutil.which(command[0]) is None:  # asked first, so that not even a new file is left of it
        return _has_not_started(command[0], "there is no such program, or it may not be run")
    try:
        with CassetteWriter(cassette, redactor=redactor, timing=timing) as writer:
            try:
                # The command is the user's, typed after `--`.
                server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603
            except OSError as error:
                return _has_not_started(command[0], error.strerror or str(error))
            with _signals_go_to(server):
                session = writer.session(transport="stdio", command=command)
                by = pump(server, session)
                code = server.wait()
            session.end(by=by, exit_code=code)
    except CassetteError as error:  # what is not on the tape is not handed on, and the server has been ended
        print(f"mcpflow record: {error}", file=sys.stderr)
        return NOT_WRITABLE
    return 128 - code if code < 0 else code


def _has_not_started(program: str, reason: str) -> int:
    print(f"mcpflow record: cannot start {program!r}: {reason}", file=sys.stderr)
    return NOT_FOUND


@contextlib.contextmanager
def _signals_go_to(server: subprocess.Popen[bytes]) -> Generator[None]:
    """Forward what a server may be told by a signal; the recorder itself ends when the server has."""

    def forward(number: int, _: object) -> None:
        server.send_signal(number)

    asks_to_end = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    asks_for_more = (signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.signal(number, forward) for number in (*asks_to_end, *asks_for_more)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if server.poll() is None:
            server.kill()
            server.wait()
