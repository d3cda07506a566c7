"""The marker of one test: `@pytest.mark.mcpflow(...)`. Apart from the options, since most runs never ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import pytest

from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.own_marks import own_marks
from pytest_mcpflow.ways import Era, Way

__all__ = ["MarkerOptions", "marker_options", "options_of"]

Choice = TypeVar("Choice", bound=StrEnum)


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
        record_timing: Whether recordings note when each message came, unless the command line says so.
        playback: How cassettes answer, where `hub.use` and `hub.replay` say nothing else.
        faults: What goes wrong in this test, besides `--mcp-plan`: a plan, or the name of one in the ini file.
        faults_must_happen: Whether the test fails if one of these faults concerned no call.
        schedule: Draws the order in which ready tasks take their turns, in place of their own and of `--mcp-schedule`.
        seed: Decides what is left to chance, in place of `--mcp-seed`.
        like: Another test, whose own markers hold here, too, where this marker says nothing else.
    """

    transport: str | None = None
    protocol: str | None = None
    virtual_time: bool = True
    starts_at: str | None = None
    calls_expected: bool = True
    record: str | None = None
    record_timing: bool | None = None
    playback: Playback | None = None
    faults: str | None = None
    faults_must_happen: bool = False
    schedule: int | None = None
    seed: int | None = None
    like: Callable[..., Any] | None = None

    @property
    def way(self) -> Way | None:
        return _one_of(Way, "transport", self.transport)

    @property
    def era(self) -> Era | None:
        return _one_of(Era, "protocol", self.protocol)

    @property
    def record_mode(self) -> RecordMode | None:
        return _one_of(RecordMode, "record", self.record)

    @property
    def start(self) -> datetime | None:
        if self.starts_at is None:
            return None
        try:
            start = datetime.fromisoformat(self.starts_at)
        except ValueError:
            raise ValueError(
                f"starts_at is ISO 8601, such as 2026-01-01T00:00:00Z, got {self.starts_at!r}"
            ) from None
        return start if start.tzinfo is not None else start.replace(tzinfo=UTC)


def _one_of(kind: type[Choice], name: str, value: str | None) -> Choice | None:
    """What a keyword names.

    Raises:
        ValueError: It names none.
    """
    if value is None or value in [*kind]:
        return None if value is None else kind(value)
    raise ValueError(f"{name} is one of {', '.join(kind)}, got {value!r}")


def marker_options(node: pytest.Item) -> MarkerOptions:
    """The options of a test: each keyword from the nearest marker that has it.

    Raises:
        pytest.UsageError: A marker has a keyword or a value that does not exist.
    """
    markers = [*node.iter_markers("mcpflow")]
    if not markers:
        return MarkerOptions()
    try:
        options = MarkerOptions(**_keywords(markers))
        _ = options.way, options.era, options.start, options.record_mode
        if options.schedule is not None and not (
            isinstance(options.schedule, int) and options.schedule >= 0  # pyright: ignore[reportUnnecessaryIsInstance]  # users
        ):
            raise ValueError(f"schedule is a number from 0 on, got {options.schedule!r}")
        if not isinstance(options.seed, int | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise ValueError(f"seed is a whole number, got {options.seed!r}")
        if not isinstance(options.playback, Playback | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise ValueError(f"playback is a Playback(...), got {options.playback!r}")
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(
            f"{node.nodeid}: @pytest.mark.mcpflow: {error} (keywords: {', '.join(KNOWN)})"
        ) from None
    return options


KNOWN = tuple(each.name for each in fields(MarkerOptions))


def options_of(test: Callable[..., Any]) -> MarkerOptions:
    """What the markers say that stand at a test function in its source.

    Raises:
        TypeError: One of them says what no marker can.
    """
    return MarkerOptions(**_keywords(own_marks(test, "mcpflow")))


def _keywords(markers: Iterable[pytest.Mark]) -> dict[str, Any]:
    """What markers say, the nearest of which comes first.

    Raises:
        TypeError: One of them says what no marker can.
    """
    keywords: dict[str, Any] = {}
    for marker in reversed([*markers]):
        if marker.args:
            raise TypeError("it takes keywords only")
        for name in marker.kwargs.keys() - KNOWN:
            raise TypeError(f"there is no keyword {name!r}")
        like: Any = marker.kwargs.get("like")
        if like is not None:
            if not (callable(like) and hasattr(like, "__qualname__")):
                raise TypeError(f"like is a test function, such as test_shop.test_order, got {like!r}")
            keywords |= _keywords(own_marks(like, "mcpflow"))
        keywords |= marker.kwargs
    return keywords
