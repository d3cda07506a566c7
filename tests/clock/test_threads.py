"""The clock waits for worker threads, which run one at a time in the order asked."""

from __future__ import annotations

import asyncio
import datetime
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from pytest_mcpflow import DeadlockError, run
from pytest_mcpflow.clock import EPOCH, VirtualTimeLoop

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
        if thread not in before:
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


IN_THREADS: dict[str, Callable[[Callable[[], object]], Awaitable[object]]] = {
    "asyncio": asyncio.to_thread,
    "anyio": anyio.to_thread.run_sync,
}


@pytest.mark.parametrize("by", IN_THREADS)
def test_a_thread_that_never_returns_is_named_and_given_up(by: str) -> None:
    for_ever, cleaned = threading.Event(), list[float]()

    async def wait() -> None:
        try:
            await IN_THREADS[by](for_ever.wait)
        finally:
            await asyncio.sleep(3)
            cleaned.append(asyncio.get_running_loop().time())

    with (
        pytest.raises(
            DeadlockError, match=r"nothing came of the thread of Event\.wait in 0\.05 real seconds"
        ),
        asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(stall_limit=0.05)) as runner,
    ):
        runner.run(wait())

    for_ever.set()
    assert cleaned == [3]


NEVER = """
import anyio.to_thread, asyncio, threading
from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import DeadlockError

for in_thread in (asyncio.to_thread, anyio.to_thread.run_sync):
    try:
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(stall_limit=0.05)) as runner:
            runner.run(in_thread(threading.Event().wait))
    except DeadlockError:
        print("given up")
"""


def test_a_process_ends_though_a_thread_of_it_never_returns() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NEVER], capture_output=True, check=True, text=True, timeout=60
    )

    assert ended.stdout.splitlines() == ["given up"] * 2


def test_a_hundred_threads_sleep_at_once_on_every_machine() -> None:
    async def work() -> float:
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 60) for _ in range(100)))
        return asyncio.get_running_loop().time()

    assert run(work()) == 60


def test_one_call_after_the_other_finds_the_same_thread() -> None:
    async def work() -> set[int]:
        return {await asyncio.to_thread(threading.get_ident) for _ in range(20)}

    assert len(run(work())) == 1


def test_an_executor_that_is_set_is_used() -> None:
    async def work(pool: ThreadPoolExecutor) -> str:
        asyncio.get_running_loop().set_default_executor(pool)
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert run(work(ThreadPoolExecutor(1, thread_name_prefix="mine"))) == "mine_0"


def test_a_deadlock_names_the_threads_that_are_not_waited_for() -> None:
    release = threading.Event()

    async def work() -> None:
        own = threading.Thread(target=release.wait, name="the courier")
        own.start()
        try:
            await asyncio.Event().wait()
        finally:
            release.set()
            own.join()

    with pytest.raises(
        DeadlockError, match=r"alive: the courier\. If .*asyncio\.to_thread.*virtual_time=False"
    ):
        run(work())


def test_a_deadlock_says_nothing_of_threads_that_are_waited_for() -> None:
    async def work() -> None:
        await asyncio.to_thread(real_sleep, 0)
        await anyio.to_thread.run_sync(real_sleep, 0)
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="what is waited for never happens"):
        run(work())


def test_threads_of_ones_own_are_waited_for_if_the_loop_starts_them() -> None:
    async def work(pool: ThreadPoolExecutor) -> str:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(0.001):
            await loop.run_in_executor(pool, real_sleep, 0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.wrap_future(pool.submit(real_sleep, 0.05))
        return "so says the page"

    with ThreadPoolExecutor(1) as pool:
        assert run(work(pool)) == "so says the page"
