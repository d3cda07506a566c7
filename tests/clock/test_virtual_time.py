"""Time passes only when nothing else can happen, and then at once."""

from __future__ import annotations

import asyncio
import copy
import datetime
import time
from zoneinfo import ZoneInfo

import anyio
import pytest
import stamina
import tenacity
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError
from mcp.server import MCPServer

from pytest_mcpflow import VirtualTimeError, run
from pytest_mcpflow.clock import EPOCH, VirtualTimeLoop, is_virtual
from pytest_mcpflow.clock.instant import ManualClock, VirtualClock

# Thousandths: asyncio itself tells no two timers apart that are less than a nanosecond apart.
DELAYS = st.lists(st.integers(0, 10**9).map(lambda number: number / 1000), max_size=30)


@given(DELAYS)
def test_sleepers_wake_in_the_order_of_their_deadlines_at_the_exact_instants(delays: list[float]) -> None:
    async def sleep_all() -> list[tuple[float, float]]:
        woken: list[tuple[float, float]] = []

        async def sleeper(delay: float) -> None:
            await asyncio.sleep(delay)
            woken.append((asyncio.get_running_loop().time(), delay))

        await asyncio.gather(*map(sleeper, delays))
        return woken

    first, again = run(sleep_all()), run(sleep_all())

    assert first == again
    assert [delay for _, delay in first] == sorted(delays)
    assert all(instant == delay for instant, delay in first)


def test_an_instant_is_a_plain_number_that_can_be_copied_and_kept() -> None:
    async def instant() -> float:
        await asyncio.sleep(1.5)
        return asyncio.get_running_loop().time()

    woken = run(instant())

    assert type(woken) is float
    assert copy.deepcopy([woken]) == [1.5]


@given(st.integers(2, 30), st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0]), max_size=30))
def test_timers_of_one_instant_fire_in_the_order_in_which_they_were_armed(
    count: int, others: list[float]
) -> None:
    async def arm_all() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        for number in range(count):
            loop.call_at(4.0, fired.append, number)
            for other in others[number::count]:
                loop.call_at(other, str)
        await asyncio.sleep(6.0)
        return fired

    assert run(arm_all()) == list(range(count))


@given(DELAYS)
def test_cancelled_timers_do_not_hold_time_up(delays: list[float]) -> None:
    async def cancel_all() -> float:
        loop = asyncio.get_running_loop()
        for delay in delays:
            loop.call_later(delay + 1, print).cancel()
        await asyncio.sleep(0.5)
        return loop.time()

    assert run(cancel_all()) == 0.5


def test_a_timer_years_ahead_fires_at_its_instant() -> None:
    async def sleep_for_years() -> float:
        await asyncio.sleep(1e9 + 0.25)
        return asyncio.get_running_loop().time()

    assert run(sleep_for_years()) == 1e9 + 0.25


def test_every_clock_of_the_standard_library_follows() -> None:
    async def look() -> tuple[float, ...]:
        began = (time.monotonic(), time.perf_counter(), time.time(), time.monotonic_ns() / 1e9)
        await asyncio.sleep(3600)
        ended = (time.monotonic(), time.perf_counter(), time.time(), time.monotonic_ns() / 1e9)
        assert datetime.datetime.now(datetime.UTC) == EPOCH + datetime.timedelta(hours=1)
        return tuple(end - begin for begin, end in zip(began, ended, strict=True))

    assert run(look()) == (3600, 3600, 3600, 3600)


def test_real_clocks_are_back_when_the_run_is_over() -> None:
    before = time.monotonic, time.perf_counter, time.sleep, time.time()

    with pytest.raises(ZeroDivisionError):
        run(_fail_after_an_hour())

    assert (time.monotonic, time.perf_counter, time.sleep) == before[:3]
    assert time.time() - before[3] < 60


async def _fail_after_an_hour() -> None:
    await asyncio.sleep(3600)
    raise ZeroDivisionError


def test_a_blocking_sleep_on_the_loop_moves_the_clock() -> None:
    async def block() -> float:
        time.sleep(5)  # noqa: ASYNC251 - code under test may do so
        return asyncio.get_running_loop().time()

    assert run(block()) == 5


def test_retries_of_tenacity_stop_at_their_deadline() -> None:
    async def retry() -> int:
        attempts = 0
        stop, wait = tenacity.stop_after_delay(100), tenacity.wait_fixed(10)
        with pytest.raises(tenacity.RetryError):
            async for attempt in tenacity.AsyncRetrying(stop=stop, wait=wait):
                with attempt:
                    attempts += 1
                    raise ConnectionError
        return attempts

    assert run(retry()) == 11


def test_retries_of_stamina_stop_at_their_deadline() -> None:
    async def retry() -> float:
        with pytest.raises(ConnectionError):
            async for attempt in stamina.retry_context(
                on=ConnectionError, attempts=None, timeout=45, wait_initial=4, wait_max=4, wait_jitter=0
            ):
                with attempt:
                    raise ConnectionError
        return asyncio.get_running_loop().time()

    # stamina gives up once the next wait would end after the time limit.
    assert 41 <= run(retry()) <= 49


def test_a_sync_tool_of_the_sdk_does_not_time_out_spuriously() -> None:
    server = MCPServer("slow", log_level="WARNING")
    real_sleep = time.sleep

    @server.tool()
    def work() -> int:
        real_sleep(0.06)
        return 1

    async def call() -> float:
        async with Client(server) as client:
            with anyio.fail_after(0.01):
                result = await client.call_tool("work", {})
            assert result.structured_content == {"result": 1}
            return asyncio.get_running_loop().time()

    assert run(call()) == 0


def test_a_read_timeout_fires_at_its_exact_instant() -> None:
    server = MCPServer("slow", log_level="WARNING")

    @server.tool()
    async def work() -> int:
        await anyio.sleep(60)
        return 1

    async def call() -> float:
        async with Client(server) as client:
            with pytest.raises(MCPError, match="imed out"):
                await client.call_tool("work", {}, read_timeout_seconds=30)
            return asyncio.get_running_loop().time()

    assert run(call()) == 30


def test_the_calendar_can_be_set() -> None:
    start = datetime.datetime(2030, 6, 1, 4, tzinfo=datetime.UTC)

    async def look() -> datetime.datetime:
        await asyncio.sleep(60)
        return datetime.datetime.now(datetime.UTC)

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(starts_at=start)) as runner:
        assert runner.run(look()) == start + datetime.timedelta(minutes=1)


@pytest.mark.parametrize("change", ["2027-03-28T01:30", "2027-10-31T01:30"])
def test_as_much_calendar_time_passes_where_clocks_are_put_forward_or_back(change: str) -> None:
    start = datetime.datetime.fromisoformat(change).replace(tzinfo=ZoneInfo("Europe/Berlin"))

    async def look() -> list[tuple[float, float, datetime.datetime]]:
        began = time.time()
        seen: list[tuple[float, float, datetime.datetime]] = []
        for _ in range(3):
            await asyncio.sleep(3600)
            wall = loop.clock.wall()
            seen.append((time.time() - began, wall.timestamp() - began, wall))
        return seen

    loop = VirtualTimeLoop(starts_at=start)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        seen = runner.run(look())
    assert [each[:2] for each in seen] == [(3600, 3600), (7200, 7200), (10800, 10800)]
    assert {wall.tzinfo for *_, wall in seen} == {start.tzinfo}


@pytest.mark.parametrize("shortly_after", ["2027-03-28T03:30", "2027-10-31T03:00"])
def test_the_calendar_can_be_set_later_than_at_zero(shortly_after: str) -> None:
    instant = datetime.datetime.fromisoformat(shortly_after).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    clock = VirtualClock(EPOCH)
    clock.move_to(7200)

    clock.rebase(instant)

    assert clock.wall() == instant


def test_code_can_ask_whether_time_is_virtual() -> None:
    async def ask() -> bool:
        return is_virtual()

    assert run(ask())
    assert not asyncio.run(ask())


def test_a_clock_may_be_moved_by_nothing_and_not_back() -> None:
    clock = ManualClock()
    clock.advance(5)
    clock.advance(0)

    assert clock.now() == 5
    with pytest.raises(ValueError, match=r"a clock does not go back: advance\(-1\)"):
        clock.advance(-1)


def test_code_that_asked_too_often_once_may_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.clock.loop.ASKED", 100)

    async def asks_twice() -> list[int]:
        asked = list[int]()
        for _ in range(2):
            count = 0
            with pytest.raises(VirtualTimeError, match="100 times in a row"):
                while True:
                    time.monotonic()
                    count += 1
            asked.append(count)
        return asked

    assert run(asks_twice()) == [100, 100]
