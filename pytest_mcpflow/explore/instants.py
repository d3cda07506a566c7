"""Instants in what a search compares: two runs are alike where they differ by when something happened only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from pytest_mcpflow.clock import Clock
from pytest_mcpflow.fake import Fake

__all__ = ["NotedClock", "timeless"]

_MAY_BE_INSTANT = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d+\.\d+(?:e[+-]?\d+)?"
)


class NotedClock(Clock):
    """A clock of which is known what was read off it."""

    def __init__(self, clock: Clock) -> None:
        # Not by `Clock`, which would work out once more, for each fake of each run, how far that is from UTC.
        self._starts_at, self.zone = clock.starts_at, clock.zone
        self._clock, self._read = clock, set[float]()

    @classmethod
    def of(cls, fake: Fake) -> Self:
        """The clock of a fake, noted from here on."""
        fake.clock = clock = cls(fake.clock)
        return clock

    def now(self) -> float:
        now = self._clock.now()
        self._read.add(now)
        return now

    def has_shown(self, text: bytes) -> bool:
        """Whether a text is an instant of the run: seconds that were read, or a calendar time from its beginning on."""
        if b":" not in text:
            return float(text) in self._read
        try:
            time = datetime.fromisoformat(text.decode())
        except ValueError:
            return False
        passed = (time if time.tzinfo is not None else time.replace(tzinfo=UTC)) - self.starts_at
        return -1 < passed.total_seconds() <= self._clock.now()  # less than a second is often cut off


def timeless(text: bytes, clocks: Sequence[NotedClock]) -> bytes:
    """A text without the instants that these clocks have shown; other numbers and times mean something else."""
    if b"." not in text and b":" not in text.replace(b'":', b""):
        return text

    def taken_out(found: re.Match[bytes]) -> bytes:
        for clock in clocks:
            if clock.has_shown(found[0]):
                return b"T"
        return found[0]

    return _MAY_BE_INSTANT.sub(taken_out, text)
