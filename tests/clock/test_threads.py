"""The clock waits for worker threads, which run one at a time in the order asked."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread

from pytest_mcpflow import run
from pytest_mcpflow.clock import EPOCH

real_sleep = time.sleep


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def work() -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(real_sleep, 0.05)
        return asyncio.get_running_loop().time()

    assert run(work()) == 0


def test_threads_take_their_turns_in_the_order_asked() -> None:
    async def work() -> list[int]:
        order: list[int] = []

        def job(number: int) -> None:
            real_sleep(0.002 * (5 - number))
            order.append(number)

        await asyncio.gather(
            *(asyncio.to_thread(job, number) for number in (0, 2, 4)),
            *(anyio.to_thread.run_sync(job, number) for number in (1, 3)),
        )
        return order

    assert len({tuple(run(work())) for _ in range(5)}) == 1


def test_sleeping_threads_sleep_in_virtual_time_side_by_side() -> None:
    async def work() -> float:
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 86_400) for _ in range(3)))
        return asyncio.get_running_loop().time()

    assert run(work()) == 86_400


def test_a_thread_may_wait_for_the_loop() -> None:
    async def work() -> float:
        await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(anyio.sleep, 5))
        return asyncio.get_running_loop().time()

    assert run(work()) == 5


def test_an_abandoned_thread_that_never_began_lets_time_go_on() -> None:
    async def work() -> float:
        async def ask() -> None:
            await anyio.to_thread.run_sync(real_sleep, 0, abandon_on_cancel=True)

        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(7)
        return asyncio.get_running_loop().time()

    assert run(work()) == 7


def test_no_thread_outlives_the_run() -> None:
    before = set(threading.enumerate())

    async def work() -> None:
        await asyncio.to_thread(real_sleep, 0)
        await anyio.to_thread.run_sync(real_sleep, 0)

    run(work())

    # anyio's threads are told to end when their loop does, and need a moment for it.
    for thread in threading.enumerate():
        if thread not in before and thread.daemon is False:
            thread.join(5)
    assert set(threading.enumerate()) <= before


def test_threads_of_others_keep_the_real_calendar_and_clocks() -> None:
    seen: dict[str, tuple[int, float]] = {}

    def look(name: str) -> None:
        seen[name] = datetime.datetime.now(datetime.UTC).year, time.monotonic()

    async def wait() -> None:
        await asyncio.sleep(10**9)
        foreign = threading.Thread(target=look, args=["foreign"])
        foreign.start()
        foreign.join()
        await asyncio.to_thread(look, "ours")

    real = datetime.datetime.now(datetime.UTC).year
    run(wait())

    assert seen["foreign"][0] == real
    assert seen["foreign"][1] < 10**9
    assert seen["ours"] == ((EPOCH + datetime.timedelta(seconds=10**9)).year, 10**9)
