"""A cassette as a server for clients in any language: what `mcpflow serve CASSETTE` does."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import cast

from pytest_mcpflow.cassette.arguments import redactor_for
from pytest_mcpflow.cassette.playback import Playback, SameRequest
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.errors import CassetteError

__all__ = ["serve_cassette"]

BROKEN, NOT_AS_RECORDED = 2, 1


def serve_cassette(options: argparse.Namespace) -> int:
    """Serve until the client leaves or somebody interrupts.

    Args:
        options: What `mcpflow serve` was told; `path` is the cassette.

    Returns:
        0; 1 if a request had no answer or a recorded call was not made; 2 if the cassette cannot be used.
    """
    try:
        tape = Tape.load(options.path, _playback(options))
        redactor = redactor_for(tape.cassette, options)
    except CassetteError as error:
        print(f"mcpflow serve: {error}", file=sys.stderr)
        return BROKEN
    player = Player(tape, tape.cassette.server_name or options.path.stem, redactor)
    if options.http is None:
        from pytest_mcpflow.cassette.serve_stdio import serve_stdio

        with contextlib.suppress(KeyboardInterrupt):  # one way to end it
            serve_stdio(player)
    else:
        _serve_http(player, options.http)
    problems = [str(miss) for miss in player.misses]
    if not tape.playback.allow_unused:
        problems += [f"{call} was recorded and never called" for call in player.unused()]
    for problem in problems:
        print(f"mcpflow serve: {problem}", file=sys.stderr)
    return NOT_AS_RECORDED if problems else 0


def _playback(options: argparse.Namespace) -> Playback:
    return Playback(
        ignore=options.ignore,
        ordered=options.ordered,
        same=None if options.same is None else _comparison(options.same),
        allow_unused=options.allow_unused,
        timing=options.timing,
    )


def _comparison(reference: str) -> SameRequest:
    """A function of the user's, from a module in this folder or on the import path.

    Raises:
        CassetteError: There is none; says what was found in its place.
    """
    from pytest_mcpflow.shelf import attribute_at

    try:
        function = attribute_at(reference)
    except Exception as error:  # anything may come from a module of the user's
        raise CassetteError(
            f"no function at --same {reference!r}: {type(error).__name__}: {error}"
        ) from error
    if not callable(function):
        raise CassetteError(f"--same {reference!r} is a {type(function).__name__}, which is no function")
    return cast("SameRequest", function)


def _serve_http(player: Player, port: int) -> None:
    from pytest_mcpflow.cassette.serve_http import ReplayApp
    from pytest_mcpflow.serve.listen import listen

    listen(ReplayApp(player), port)
