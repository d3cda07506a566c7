"""More calls than a pool of threads has workers: those that wait for one do not hold the clock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest

from pytest_mcpflow import DeadlockError, run
from pytest_mcpflow.clock import VirtualTimeLoop


class Own(Executor):
    """Two threads, of which nobody is told."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return self._pool.submit(fn, *args, **options)


@pytest.mark.parametrize("make", [lambda: ThreadPoolExecutor(2), Own], ids=["known", "own"])
@pytest.mark.parametrize(("calls", "ends"), [(1, 3), (2, 3), (3, 6), (5, 9)])
def test_calls_wait_until_a_worker_has_slept(make: Callable[[], Executor], calls: int, ends: float) -> None:
    async def work(pool: Executor) -> float:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 3) for _ in range(calls)))
        return loop.time()

    with make() as pool:
        assert run(work(pool)) == ends


def test_so_do_those_of_the_default_executor() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 3) for _ in range(3)))
        return loop.time()

    assert run(work()) == 9


@pytest.mark.parametrize("limit", [1, 2])
def test_so_do_those_beyond_a_limit_of_anyio(limit: int) -> None:
    async def work() -> float:
        limiter = anyio.CapacityLimiter(limit)
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(lambda: anyio.to_thread.run_sync(time.sleep, 3, limiter=limiter))
        return anyio.current_time()

    assert run(work()) == 12 / limit


def test_so_do_those_beyond_the_limit_that_anyio_has_by_itself() -> None:
    async def work() -> float:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(anyio.to_thread.run_sync, time.sleep, 3)
        return anyio.current_time()

    assert run(work()) == 6


def test_full_pools_do_not_hold_up_others_and_the_order_is_the_same_each_time() -> None:
    async def work(*pools: Executor) -> list[tuple[int, float]]:
        loop, order = asyncio.get_running_loop(), list[tuple[int, float]]()

        def job(number: int) -> None:
            time.sleep(1 + number % 3)
            order.append((number, time.monotonic()))

        await asyncio.gather(*(loop.run_in_executor(pools[each % 2], job, each) for each in range(12)))
        return order

    def orders() -> tuple[tuple[int, float], ...]:
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three:
            return tuple(run(work(one, three)))

    first = orders()
    assert {number for number, _ in first} == {*range(12)}
    assert {orders() for _ in range(5)} == {first}


def test_a_call_that_is_given_up_in_the_queue_takes_no_worker() -> None:
    async def work(pool: Executor) -> float:
        loop = asyncio.get_running_loop()
        asleep = loop.run_in_executor(pool, time.sleep, 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.run_in_executor(pool, time.sleep, 10), 5)
        await asyncio.gather(asleep, loop.run_in_executor(pool, time.sleep, 1))
        return loop.time()

    with ThreadPoolExecutor(1) as pool:
        assert run(work(pool)) == 11


def test_a_thread_whose_caller_gave_up_as_it_woke_up_still_waits_for_its_turn() -> None:
    async def work() -> list[str]:
        said = list[str]()

        def job(name: str, rests: float) -> None:
            time.sleep(5)
            threading.Event().wait(rests)
            said.append(name)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.gather(asyncio.to_thread(job, "slow", 0.05), asyncio.to_thread(job, "fast", 0))
        await asyncio.sleep(1)
        return said

    assert run(work()) == ["slow", "fast"]


def test_a_worker_that_never_returns_is_given_up_and_what_waits_for_it_is_told_at_once() -> None:
    for_ever = threading.Event()

    async def work(pool: Executor) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            loop.run_in_executor(pool, for_ever.wait), loop.run_in_executor(pool, time.sleep, 1)
        )

    with ThreadPoolExecutor(1) as pool:
        with (
            pytest.raises(DeadlockError, match=r"the thread of Event\.wait in 0\.05 real"),
            asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(stall_limit=0.05)) as runner,
        ):
            runner.run(work(pool))
        for_ever.set()
