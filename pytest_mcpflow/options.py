"""What a user can set on the command line and in the ini file."""

from __future__ import annotations

from typing import cast

import pytest

from pytest_mcpflow.ways import Era, Way

__all__ = [
    "add_options",
    "asked",
    "eras_asked",
    "seed_asked",
    "ways_asked",
]

MARKER = (
    "mcpflow(transport=None, protocol=None, virtual_time=True, starts_at=None, calls_expected=True): "
    "how the mcpflow fixture of a test runs; see the reference, 'marker'"
)


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("mcpflow", "MCP workflows (pytest-mcpflow)")
    group.addoption(
        "--mcp-scenario",
        action="append",
        default=[],
        metavar="NAME|TAG|GLOB",
        help="run the documented workflows of this name or tag; may be repeated; `mcpflow scenarios` lists them",
    )
    group.addoption(
        "--mcp-workflow",
        action="append",
        default=[],
        metavar="NAME=MODULE:CALLABLE",
        help="run this workflow in place of a scenario's reference workflow; may be repeated",
    )
    group.addoption(
        "--mcp-transport",
        action="append",
        default=[],
        choices=[way.value for way in Way],
        help="how calls reach fakes (default: memory); may be repeated, each test then runs once for each",
    )
    group.addoption(
        "--mcp-protocol",
        action="append",
        default=[],
        choices=[era.value for era in Era],
        help=f"the protocol era spoken (default: {Era.STATELESS}); may be repeated",
    )
    group.addoption(
        "--mcp-seed",
        type=int,
        default=0,
        metavar="N",
        help="decides everything that is left to chance (default: 0)",
    )
    parser.addini("mcp_scenarios", "files or folders with scenarios of your own", type="paths")
    parser.addini(
        "mcp_workflows", "workflows in place of reference ones, NAME=MODULE:CALLABLE a line", type="linelist"
    )


def ways_asked(config: pytest.Config) -> list[Way]:
    """The transports of the command line, each once."""
    return [Way(value) for value in dict.fromkeys(asked(config, "--mcp-transport"))] or [Way.MEMORY]


def eras_asked(config: pytest.Config) -> list[Era]:
    """The protocol eras of the command line, each once."""
    return [Era(value) for value in dict.fromkeys(asked(config, "--mcp-protocol"))] or [Era.STATELESS]


def asked(config: pytest.Config, option: str) -> list[str]:
    """The values of a repeatable option."""
    return cast("list[str]", config.getoption(option))


def seed_asked(config: pytest.Config) -> int:
    """The seed of the run."""
    return cast("int", config.getoption("--mcp-seed"))
