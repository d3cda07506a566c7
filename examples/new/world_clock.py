"""A fake of world clock, begun from time-2026-07-28.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class TimeResult:
    datetime: str
    day_of_week: str
    is_dst: bool
    timezone: str


@dataclass
class TimeConversionResult:
    source: TimeResult
    target: TimeResult
    time_difference: str


@dataclass
class WorldClock(Fake):
    """What time-2026-07-28.jsonl has of world clock; anything else is refused."""

    @tool(reads=True, idempotent=True)
    def get_current_time(self, timezone: str) -> TimeResult:
        """Get current time in a specific timezone

        Args:
            timezone: IANA timezone name (e.g., 'America/New_York',
                'Europe/London'). Use 'UTC' as local timezone if no timezone
                provided by the user.
        """
        if timezone == "Moon/Base":
            raise FakeError(
                "Error executing tool get_current_time: Invalid timezone: 'No "
                "time zone found with key Moon/Base'"
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True)
    def convert_time(
        self,
        source_timezone: str,
        target_timezone: str,
        time: str,
    ) -> TimeConversionResult:
        """Convert time between timezones

        Args:
            source_timezone: Source IANA timezone name (e.g., 'America/New_York',
                'Europe/London'). Use 'UTC' as local timezone if no source timezone
                provided by the user.
            target_timezone: Target IANA timezone name (e.g., 'Asia/Tokyo',
                'America/San_Francisco'). Use 'UTC' as local timezone if no target
                timezone provided by the user.
            time: Time to convert in 24-hour format (HH:MM)
        """
        if (source_timezone, target_timezone, time) == ("UTC", "Asia/Kolkata", "12:00"):
            return TimeConversionResult(
                source=TimeResult(
                    datetime="2026-11-21T12:00:00+00:00",
                    day_of_week="Saturday",
                    is_dst=False,
                    timezone="UTC",
                ),
                target=TimeResult(
                    datetime="2026-11-21T17:30:00+05:30",
                    day_of_week="Saturday",
                    is_dst=False,
                    timezone="Asia/Kolkata",
                ),
                time_difference="+5.5h",
            )
        raise FakeError("nothing is recorded for these arguments")
