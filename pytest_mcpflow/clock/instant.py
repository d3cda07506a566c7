"""What time it is: for a fake, a transcript and a test."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Self

__all__ = ["EPOCH", "Clock", "ManualClock", "RealClock", "VirtualClock"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When a virtual run starts, unless the scenario or the marker says otherwise."""


class Clock(ABC):
    """Seconds since the run began, and the calendar time that belongs to them."""

    def __init__(self, starts_at: datetime = EPOCH) -> None:
        if starts_at.tzinfo is None:
            raise ValueError(
                f"starts_at needs a time zone, got {starts_at!r}; for UTC: {starts_at.replace(tzinfo=UTC)!r}"
            )
        self.starts_at = starts_at

    @property
    def starts_at(self) -> datetime:
        """The calendar time at zero, with the distance from UTC that holds then.

        What is added to it is time that passes, also where clocks are put forward or back meanwhile.
        """
        return self._starts_at

    @starts_at.setter
    def starts_at(self, starts_at: datetime) -> None:
        self.zone = starts_at.tzinfo
        """That of the calendar times."""
        # Python adds to a time of a zone what a clock on its walls shows, which is an hour off after such a change.
        if self.zone is not UTC:
            starts_at = starts_at.replace(tzinfo=timezone(starts_at.utcoffset() or timedelta()))
        self._starts_at = starts_at

    @abstractmethod
    def now(self) -> float:
        """Seconds since the run began."""

    def wall(self) -> datetime:
        """The calendar time, with a time zone."""
        return (self._starts_at + timedelta(seconds=self.now())).astimezone(self.zone)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class ManualClock(Clock):
    """A clock that stands still until a test moves it."""

    def __init__(self, starts_at: datetime = EPOCH) -> None:
        super().__init__(starts_at)
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock does not go back: advance({seconds})")
        self._now += seconds


class RealClock(Clock):
    """Real time since the clock was made."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._zero = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._zero

    def now(self) -> float:
        return self.seconds


class VirtualClock(Clock):
    """The time of a virtual loop; `base` is the calendar time at zero, in its own zone."""

    def __init__(self, starts_at: datetime) -> None:
        super().__init__(starts_at)
        self.base = self._first = starts_at
        self.seconds = 0.0
        self._followers: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.seconds

    def move_to(self, seconds: float) -> None:
        """Go forward."""
        # As a plain float: a deadline knows its rank, too, which is nobody else's.
        self.seconds = max(self.seconds, float(seconds))

    def begin_again(self) -> None:
        """Go back to zero, and to the calendar time that was the first."""
        self.seconds = 0.0
        self._set(self._first)

    def rebase(self, wall: datetime) -> None:
        """Let it be `wall` now."""
        base = (wall.astimezone(UTC) - timedelta(seconds=self.seconds)).astimezone(wall.tzinfo)
        if base != self.base or base.tzinfo != self.base.tzinfo:
            self._set(base)

    @contextmanager
    def followed_by(self, follower: Callable[[], None]) -> Generator[None]:
        """Tell `follower` whenever time is set, and does not just pass."""
        self._followers.append(follower)
        try:
            yield
        finally:
            self._followers.remove(follower)

    def _set(self, base: datetime) -> None:
        if base is not self.base:
            self.base = self.starts_at = base
        for follower in self._followers:
            follower()
