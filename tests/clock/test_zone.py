"""The local time zone of a run is that of its calendar, whatever the machine's is."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import Hub
from pytest_mcpflow.clock.zone import posix_name
from pytest_mcpflow.stage import Stage

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the system has no tzset()")

MACHINES = os.environ.get("TZ")
WINTER = datetime(2026, 1, 1)
SUMMER = datetime(2026, 7, 1, 12)


@contextmanager
def machine_in(zone: str | None) -> Generator[None]:
    """Be a machine elsewhere."""
    before = os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ", None)
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


async def local_times() -> tuple[str, str, str]:
    return str(datetime.now()), time.strftime("%H:%M %z"), str(datetime.now().astimezone())


async def of_hub(starts_at: datetime) -> tuple[str, str, str]:
    async with Hub(virtual_time=True, starts_at=starts_at):
        return await local_times()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC", None])
def test_every_run_of_a_stage_has_the_same_local_time(zone: str | None) -> None:
    with machine_in(zone), Stage() as stage:
        runs = {stage.run(local_times()) for _ in range(3)}
        assert runs == {("2026-01-01 00:00:00", "00:00 +0000", "2026-01-01 00:00:00+00:00")}
    assert os.environ.get("TZ") == MACHINES


@pytest.mark.parametrize(
    ("starts_at", "expected"),
    [
        (WINTER.replace(tzinfo=UTC), ("2026-01-01 00:00:00", "00:00 +0000", "2026-01-01 00:00:00+00:00")),
        (SUMMER.replace(tzinfo=UTC), ("2026-07-01 12:00:00", "12:00 +0000", "2026-07-01 12:00:00+00:00")),
        (
            SUMMER.replace(tzinfo=ZoneInfo("Europe/Berlin")),
            ("2026-07-01 12:00:00", "12:00 +0200", "2026-07-01 12:00:00+02:00"),
        ),
        (
            SUMMER.replace(tzinfo=timezone(-timedelta(hours=3, minutes=30))),
            ("2026-07-01 12:00:00", "12:00 -0330", "2026-07-01 12:00:00-03:30"),
        ),
        (
            WINTER.replace(tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo")),
            ("2026-01-01 09:00:00", "09:00 +0900", "2026-01-01 09:00:00+09:00"),
        ),
    ],
    ids=["UTC", "later", "by name", "by distance", "the same instant elsewhere"],
)
def test_the_calendar_of_a_run_decides_its_zone(starts_at: datetime, expected: tuple[str, str, str]) -> None:
    with machine_in("America/New_York"):
        with Stage() as stage:
            first, second = (stage.run(of_hub(starts_at)) for _ in range(2))
            without = stage.run(local_times())
        assert first == second == expected
        assert without[1] == "00:00 +0000", "what one run set, the next one does not find"
        assert os.environ["TZ"] == "America/New_York"
        assert time.localtime(0).tm_hour == 19


def test_a_zone_that_changes_meanwhile_goes_on_changing() -> None:
    async def over_the_change() -> list[str]:
        async with Hub(
            virtual_time=True, starts_at=datetime(2026, 3, 29, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
        ):
            before = time.strftime("%H:%M")
            await asyncio.sleep(2 * 3600)
            return [before, time.strftime("%H:%M")]

    with Stage() as stage:
        assert stage.run(over_the_change()) == ["00:30", "03:30"]


@given(st.integers(-14 * 60, 14 * 60))
def test_a_distance_from_utc_is_one_for_the_system_too(minutes: int) -> None:
    wall = datetime(2026, 1, 1, tzinfo=timezone(timedelta(minutes=minutes)))
    with machine_in(posix_name(wall)):
        assert time.localtime(wall.timestamp()).tm_gmtoff == minutes * 60
