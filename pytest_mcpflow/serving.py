"""`mcpflow serve`: a cassette or a fake as a server for clients in any language."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from pytest_mcpflow.cassette.arguments import add_redaction_arguments

__all__ = ["add_arguments", "run"]

UNUSABLE = 2


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

    name = str(options.path)
    try:
        if not options.path.exists() and options.path.suffix != ".jsonl":
            return _serve_fake(name, options.http, options.errors)
        from pytest_mcpflow.cassette.serve import serve_cassette

        return serve_cassette(options)
    except HubError as error:
        print(f"mcpflow serve: {error}", file=sys.stderr)
        return UNUSABLE


def _serve_fake(name: str, port: int | None, error_style: str | None) -> int:
    from pytest_mcpflow.errors import FakeDefinitionError, UnknownNameError
    from pytest_mcpflow.fake import ErrorStyle
    from pytest_mcpflow.shelf import fake_at, fake_named

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

    fake.error_style = None if error_style is None else ErrorStyle(error_style)
    server = serve_fake(fake)
    if port is not None:
        from pytest_mcpflow.serve.listen import listen

        listen(server.streamable_http_app(), port, lifespan=True)
        return 0
    import asyncio

    from mcp.server.stdio import stdio_server

    async def speak() -> None:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(speak())
    return 0
