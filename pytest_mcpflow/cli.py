"""The `mcpflow` command. Only the module of the subcommand that was asked for is imported."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]

COMMANDS = {
    "diff": ("compare two cassettes", "pytest_mcpflow.cassette.diff"),
    "explore": ("look for what a scenario's workflow hides", "pytest_mcpflow.explore_command"),
    "lint": ("look for secrets and harm on cassettes", "pytest_mcpflow.cassette.lint"),
    "merge": ("put several cassettes into one", "pytest_mcpflow.cassette.merge"),
    "new": ("write a scenario, or a fake with its test, to begin with", "pytest_mcpflow.new.command"),
    "record": ("run an MCP server behind a recorder", "pytest_mcpflow.cassette.record"),
    "scenarios": ("list the scenarios that pytest --mcp-scenario can select", "pytest_mcpflow.scenario_list"),
    "serve": ("serve a cassette or a fake to any client", "pytest_mcpflow.serving"),
    "show": ("show what is on a cassette", "pytest_mcpflow.cassette.show"),
    "trim": ("write a cassette with less on it", "pytest_mcpflow.cassette.trim"),
    "verify": ("compare a cassette with a live server", "pytest_mcpflow.cassette.verify"),
}
"""What each subcommand does, and the module with its `add_arguments` and `run`."""


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that takes as long as starting."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"pytest-mcpflow {version('pytest-mcpflow')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code; 141, as shells have it, if nobody reads on, as with `| head`."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="mcpflow", description="Fake, record and test MCP servers.")
    # With its name given, argparse need not work out a usage, for which it would import what nobody else needs.
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", prog="mcpflow")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parsers = {
        name: subparsers.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
        for name, (does, _) in COMMANDS.items()
    }
    module = None
    if arguments and arguments[0] in COMMANDS:
        module = importlib.import_module(COMMANDS[arguments[0]][1])
        module.add_arguments(parsers[arguments[0]])
    options, unknown = parser.parse_known_args(arguments)
    assert module is not None
    if unknown:
        has_command = "server" in options and "--" not in arguments
        hint = "; write -- in front of the server's command" if has_command else ""
        parsers[options.command].error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    try:
        code: int = module.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Else Python would try once more at its exit, and say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code
