"""The marker of one test: `@pytest.mark.mcpflow(...)`. Apart from the options, since most runs never ask for it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime

import pytest

from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.ways import Era, Way

__all__ = ["MarkerOptions", "marker_options"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkerOptions:
    """The keywords of `@pytest.mark.mcpflow(...)`.

    Args:
        transport: How calls reach fakes, in place of `--mcp-transport`: direct, memory, stdio or http.
        protocol: The protocol era, in place of `--mcp-protocol`: 2026-07-28 or 2025-11-25.
        virtual_time: Whether time is virtual; real servers need real time.
        starts_at: The calendar time at which virtual time begins, ISO 8601; UTC where it has no time zone.
        calls_expected: Whether a test that calls no server fails.
        record: When servers with a cassette are recorded, unless the command line says: none, once, new, all, rewrite.
        faults: What goes wrong in this test, besides `--mcp-plan`: a plan, or the name of one in the ini file.
        faults_must_happen: Whether the test fails if one of these faults concerned no call.
    """

    transport: str | None = None
    protocol: str | None = None
    virtual_time: bool = True
    starts_at: str | None = None
    calls_expected: bool = True
    record: str | None = None
    faults: str | None = None
    faults_must_happen: bool = False

    @property
    def way(self) -> Way | None:
        return None if self.transport is None else Way(self.transport)

    @property
    def era(self) -> Era | None:
        return None if self.protocol is None else Era(self.protocol)

    @property
    def record_mode(self) -> RecordMode | None:
        return None if self.record is None else RecordMode(self.record)

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
        _ = options.way, options.era, options.start, options.record_mode
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.mcpflow: {error} (keywords: {known})") from None
    return options
