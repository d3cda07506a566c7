"""`mcpflow serve`: a cassette as a server for clients in any language."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_mcpflow.cassette.matching import Matching
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.errors import CassetteError

__all__ = ["add_arguments", "run"]

BROKEN, NOT_AS_RECORDED = 2, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("cassette", type=Path, metavar="CASSETTE", help="what to answer from")
    parser.add_argument(
        "--http",
        type=int,
        metavar="PORT",
        help="speak HTTP at this port of 127.0.0.1, 0 for any free one, not stdio",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="POINTER",
        help="leave a place out of the comparison of parameters, such as /arguments/now; may be repeated",
    )
    parser.add_argument("--ordered", action="store_true", help="tools must be called in the recorded order")
    parser.add_argument("--timing", action="store_true", help="answer as slowly as it was recorded")
    parser.add_argument(
        "--allow-unused", action="store_true", help="succeed also when recorded calls were not made"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until the client leaves or somebody interrupts.

    Returns:
        0; 1 if a request had no answer or a recorded call was not made; 2 if the cassette cannot be used.
    """
    try:
        tape = Tape.load(options.cassette, Matching(tuple(options.ignore), options.ordered))
    except CassetteError as error:
        print(f"mcpflow serve: {error}", file=sys.stderr)
        return BROKEN
    redactor = None if tape.cassette.redaction is None else Redactor()
    player = Player(tape, tape.cassette.server_name or options.cassette.stem, redactor)
    if options.http is None:
        from pytest_mcpflow.cassette.serve_stdio import serve_stdio

        serve_stdio(player, timing=options.timing)
    else:
        _serve_http(player, options.http, timing=options.timing)
    problems = [str(miss) for miss in player.misses]
    if not options.allow_unused:
        problems += [f"{call} was recorded and never called" for call in player.unused()]
    for problem in problems:
        print(f"mcpflow serve: {problem}", file=sys.stderr)
    return NOT_AS_RECORDED if problems else 0


def _serve_http(player: Player, port: int, *, timing: bool) -> None:
    import socket

    from uvicorn import Config, Server

    from pytest_mcpflow.cassette.serve_http import ReplayApp

    bound = socket.create_server(("127.0.0.1", port))
    # asyncio does this only for sockets that name TCP as their protocol; without it an answer in two writes
    # waits 40 ms for an acknowledgement.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{bound.getsockname()[1]}/mcp", flush=True)
    app = ReplayApp(player, timing=timing)
    config = Config(app, lifespan="off", ws="none", log_level="warning", timeout_graceful_shutdown=1)
    try:
        Server(config).run(sockets=[bound])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down and passes the signal on
    finally:
        bound.close()
