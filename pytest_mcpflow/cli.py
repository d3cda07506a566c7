"""The `mcpflow` command. Each subcommand imports what it needs when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code."""
    parser = argparse.ArgumentParser(prog="mcpflow", description="Fake, record and test MCP servers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    recording = commands.add_parser(
        "record", help="run an MCP server that speaks stdio, and record the session"
    )
    recording.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the cassette to append to"
    )
    recording.add_argument(
        "server", nargs="+", metavar="-- SERVER [ARG ...]", help="the command that starts the server"
    )
    commands.add_parser("scenarios", help="list the scenarios that pytest --mcp-scenario can select")
    options = parser.parse_args(argv)
    if options.command == "record":
        from pytest_mcpflow.cassette.record import record

        return record(options.output, options.server, redactor=None)
    from pytest_mcpflow.scenario_list import list_scenarios

    return list_scenarios()
