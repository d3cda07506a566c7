"""The time zone of the process: what naive times and `time.localtime` are in."""

from __future__ import annotations

import os
import time
from datetime import datetime
from types import TracebackType
from typing import Self

__all__ = ["LocalZone", "posix_name"]

VARIABLE = "TZ"


class LocalZone:
    """A context in which the zone of the process can be set; it is put back at the end.

    Where the system cannot change the zone of a running process, which is Windows, it stays the machine's.
    """

    def __init__(self) -> None:
        self._machines: str | None = None
        self._followed: datetime | None = None

    def __enter__(self) -> Self:
        self._machines, self._followed = os.environ.get(VARIABLE), None
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self._followed is not None:
            _set(self._machines)

    def follow(self, wall: datetime) -> None:
        """Be the zone of a calendar time from here on."""
        if wall is self._followed:
            return
        if self._followed is None or posix_name(wall) != posix_name(self._followed):
            _set(posix_name(wall))
        self._followed = wall


def posix_name(wall: datetime) -> str:
    """A time's zone as the variable TZ has it: its name, or its distance from UTC, which POSIX counts westward.

        >>> posix_name(datetime.fromisoformat("2026-01-01T00:00:00+05:30"))
        '<+0530>-05:30'

    Source: POSIX.1-2017, base definitions, chapter 8.3.
    """
    key: str | None = getattr(wall.tzinfo, "key", None)
    if key is not None:
        return key
    offset = wall.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    if not minutes:
        return "UTC"  # as libraries know it that look for a name in the variable
    hours, rest = divmod(abs(minutes), 60)
    east, west = ("+", "-") if minutes > 0 else ("-", "+")
    return f"<{east}{hours:02}{rest:02}>{west}{hours:02}:{rest:02}"


def _set(name: str | None) -> None:
    if not hasattr(time, "tzset"):
        return
    if name is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = name
    time.tzset()
