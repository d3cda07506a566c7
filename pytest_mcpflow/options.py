"""What a user can set: command line, ini file, and the marker of one test."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import cast

import pytest

from pytest_mcpflow.ways import Era, Way

__all__ = [
    "MarkerOptions",
    "add_options",
    "asked",
    "eras_asked",
    "marker_options",
    "seed_asked",
    "ways_asked",
]

MARKER = (
    "mcpflow(transport=None, protocol=None, virtual_time=True, starts_at=None, calls_expected=True): "
    "how the mcpflow fixture of a test runs; see the reference, 'marker'"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkerOptions:
    """The keywords of `@pytest.mark.mcpflow(...)`.

    Args:
        transport: How calls reach fakes, in place of `--mcp-transport`: direct, memory, stdio or http.
        protocol: The protocol era, in place of `--mcp-protocol`: 2026-07-28 or 2025-11-25.
        virtual_time: Whether time is virtual; real servers need real time.
        starts_at: The calendar time at which virtual time begins, ISO 8601; UTC where it has no time zone.
        calls_expected: Whether a test that calls no server fails.
    """

    transport: str | None = None
    protocol: str | None = None
    virtual_time: bool = True
    starts_at: str | None = None
    calls_expected: bool = True

    @property
    def way(self) -> Way | None:
        return None if self.transport is None else Way(self.transport)

    @property
    def era(self) -> Era | None:
        return None if self.protocol is None else Era(self.protocol)

    @property
    def start(self) -> datetime | None:
        if self.starts_at is None:
            return None
        start = datetime.fromisoformat(self.starts_at)
        return start if start.tzinfo is not None else start.replace(tzinfo=UTC)


def marker_options(node: pytest.Item) -> MarkerOptions:
    """The options of a test, from the nearest marker.

    Raises:
        pytest.UsageError: The marker has a keyword or a value that does not exist.
    """
    marker = node.get_closest_marker("mcpflow")
    if marker is None:
        return MarkerOptions()
    known = ", ".join(each.name for each in fields(MarkerOptions))
    try:
        if marker.args:
            raise TypeError("it takes keywords only")
        options = MarkerOptions(**marker.kwargs)
        _ = options.way, options.era, options.start
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.mcpflow: {error} (keywords: {known})") from None
    return options


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
