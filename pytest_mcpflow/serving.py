"""`mcpflow serve`: a cassette or a fake as a server for clients in any language."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_mcpflow.cassette.arguments import add_redaction_arguments

__all__ = ["add_arguments", "run"]

UNUSABLE = 2
OF_CASSETTES = ("allow_unused", "ignore", "ordered", "redact", "redact_personal", "same", "timing")
OF_FAKES = ("errors",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "path",
        type=Path,
        metavar="CASSETTE|FAKE",
        help="a file to answer from, a fake such as kubernetes, or one of your own as module:Class",
    )
    parser.add_argument(
        "--http",
        type=int,
        metavar="PORT",
        help="speak HTTP at this port of 127.0.0.1, 0 for any free one, not stdio",
    )
    parser.add_argument(
        "--errors",
        choices=["protocol", "is-error", "says-no", "prose"],
        help="how a fake says no, in place of its service's way",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="POINTER",
        help="leave a place out of the comparison with a cassette, such as /arguments/now; may be repeated",
    )
    parser.add_argument(
        "--ordered", action="store_true", help="tools must be called in the order of the cassette"
    )
    parser.add_argument(
        "--same",
        metavar="MODULE:FUNCTION",
        help="let a function say whether recorded and live parameters ask the same",
    )
    parser.add_argument("--timing", action="store_true", help="answer as slowly as the cassette was recorded")
    parser.add_argument(
        "--allow-unused", action="store_true", help="succeed also when calls on the cassette were not made"
    )
    add_redaction_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until the client leaves or somebody interrupts.

    Returns:
        0; 1 if a request had no answer or a recorded call was not made; 2 if there is nothing to serve.
    """
    from pytest_mcpflow.errors import HubError

    try:
        if _names_a_fake(options.path):
            return _serve_fake(options)
        _refuse(options, OF_FAKES, "fakes, and this is a cassette")
        from pytest_mcpflow.cassette.serve import serve_cassette

        return serve_cassette(options)
    except HubError as error:
        print(f"mcpflow serve: {error}", file=sys.stderr)
        return UNUSABLE


def _names_a_fake(path: Path) -> bool:
    """Whether something is no cassette, so that it is looked for among the fakes."""
    if path.is_dir():  # which can be no cassette, and may well be called like a fake
        from pytest_mcpflow.shelf import fake_names

        return path.name in fake_names()
    return not path.exists() and path.suffix != ".jsonl"


def _refuse(options: argparse.Namespace, names: Sequence[str], what: str) -> None:
    given = next((each for each in names if getattr(options, each)), None)
    if given is not None:
        from pytest_mcpflow.errors import HubError

        raise HubError(f"--{given.replace('_', '-')} is for {what}")


def _serve_fake(options: argparse.Namespace) -> int:
    from pytest_mcpflow.errors import FakeDefinitionError, UnknownNameError
    from pytest_mcpflow.fake import ErrorStyle
    from pytest_mcpflow.shelf import fake_at, fake_named

    name = str(options.path)
    try:
        fake = fake_at(name) if ":" in name else fake_named(name)
    except FakeDefinitionError as error:
        print(f"mcpflow serve: {error}", file=sys.stderr)
        return UNUSABLE
    except UnknownNameError as error:
        cure = "or name a cassette that exists, or a fake of your own as module:Class"
        print(f"mcpflow serve: {error}; {cure}", file=sys.stderr)
        return UNUSABLE
    from pytest_mcpflow.server import serve_fake

    _refuse(options, OF_CASSETTES, "cassettes, and this is a fake")
    fake.error_style = None if options.errors is None else ErrorStyle(options.errors)
    server = serve_fake(fake)
    if options.http is not None:
        from pytest_mcpflow.serve.listen import listen

        listen(server.streamable_http_app(), options.http, lifespan=True)
        return 0
    import asyncio

    from mcp.server.stdio import stdio_server

    async def speak() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(speak())
    return 0
