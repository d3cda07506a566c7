"""Worker threads that have the loop run coroutines, and wait for them in virtual time."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from asyncio import run_coroutine_threadsafe
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_mcpflow import DeadlockError, Fake, Hub, run, tool
from pytest_mcpflow.stage import Stage

real_sleep = time.sleep


def in_thread(job: Callable[[asyncio.AbstractEventLoop], Any]) -> tuple[Any, float]:
    """What a thread brings back that has a virtual loop at its disposal, and when."""

    async def work() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(job, loop), loop.time()

    return run(work())


async def fails(after: float) -> None:
    await asyncio.sleep(after)
    raise LookupError("there is none")


def test_a_thread_waits_for_a_coroutine_in_virtual_time() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> str:
        return run_coroutine_threadsafe(asyncio.sleep(86_400, "the next day"), loop).result()

    assert in_thread(job) == ("the next day", 86_400)


def test_it_may_be_asked_for_by_the_name_of_its_module() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> float:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(5), loop).result()
        return time.monotonic()

    assert in_thread(job) == (5, 5)


def test_an_error_is_raised_in_the_thread_or_asked_for() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> BaseException | None:
        with pytest.raises(LookupError, match="there is none"):
            run_coroutine_threadsafe(fails(2), loop).result(30)
        return run_coroutine_threadsafe(fails(3), loop).exception(30)

    error, ended = in_thread(job)

    assert isinstance(error, LookupError)
    assert ended == 5


def test_a_limit_is_one_of_virtual_time_and_the_coroutine_can_be_cancelled_then() -> None:
    seen: list[float] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            seen.append(asyncio.get_running_loop().time())

    def job(loop: asyncio.AbstractEventLoop) -> str:
        future = run_coroutine_threadsafe(slow(), loop)
        with pytest.raises(TimeoutError):
            future.result(timeout=3)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result()
        time.sleep(1)
        return "went on"

    assert in_thread(job) == ("went on", 4)
    assert seen == [3]


def test_after_a_limit_the_thread_may_wait_again() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> str:
        future = run_coroutine_threadsafe(asyncio.sleep(10, "at last"), loop)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                future.result(3)
        return future.result(3)

    assert in_thread(job) == ("at last", 10)


def test_what_takes_exactly_as_long_as_its_limit_is_in_time() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> str:
        return run_coroutine_threadsafe(asyncio.sleep(3, "in time"), loop).result(3)

    assert {in_thread(job) for _ in range(20)} == {("in time", 3)}


def test_many_threads_wait_at_once_also_in_a_pool() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> None:
        run_coroutine_threadsafe(asyncio.sleep(3), loop).result()

    async def work(pool: ThreadPoolExecutor) -> float:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, job, loop) for _ in range(5)))
        return loop.time()

    with ThreadPoolExecutor(2) as pool:
        assert run(work(pool)) == 9


def test_a_coroutine_that_nobody_waits_for_runs_when_the_thread_rests_or_ends() -> None:
    async def work() -> list[str]:
        loop, said = asyncio.get_running_loop(), list[str]()

        async def say(what: str) -> None:
            said.append(what)

        def job() -> None:
            run_coroutine_threadsafe(say("first"), loop)
            said.append("thread")
            time.sleep(1)
            said.append("rested")
            run_coroutine_threadsafe(say("last"), loop)

        await asyncio.to_thread(job)
        await asyncio.sleep(1)
        return said

    assert run(work()) == ["thread", "first", "rested", "last"]


def test_a_thread_may_wait_in_a_way_that_nobody_sees_for_what_takes_no_time() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> bool:
        is_done = threading.Event()

        async def tell() -> None:
            is_done.set()

        run_coroutine_threadsafe(tell(), loop)
        return is_done.wait(20)

    assert in_thread(job) == (True, 0)


def test_a_coroutine_that_never_ends_is_a_deadlock_and_told_at_once() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> None:
        run_coroutine_threadsafe(asyncio.Event().wait(), loop).result()

    with pytest.raises(DeadlockError, match="nothing can run and no timer is armed"):
        in_thread(job)


def test_what_is_no_coroutine_is_refused_as_ever() -> None:
    def job(loop: asyncio.AbstractEventLoop) -> None:
        run_coroutine_threadsafe("no", loop)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    with pytest.raises(TypeError, match="coroutine object is required"):
        in_thread(job)


def test_a_thread_that_the_loop_did_not_start_waits_in_real_time() -> None:
    said: list[str] = []

    def job(loop: asyncio.AbstractEventLoop) -> None:
        own = threading.Thread(
            target=lambda: said.append(run_coroutine_threadsafe(asyncio.sleep(0, "hello"), loop).result(20))
        )
        own.start()
        own.join()

    in_thread(job)

    assert said == ["hello"]


def test_asyncio_is_as_it_was_afterwards() -> None:
    before = asyncio.run_coroutine_threadsafe

    run(asyncio.sleep(1))

    assert asyncio.run_coroutine_threadsafe is asyncio.tasks.run_coroutine_threadsafe is before
    assert run_coroutine_threadsafe is before


@pytest.mark.parametrize("schedule", [None, 3])
def test_what_threads_ask_comes_in_the_same_order_each_time(schedule: int | None) -> None:
    async def work() -> list[tuple[float, str]]:
        loop, order = asyncio.get_running_loop(), list[tuple[float, str]]()

        async def step(name: str) -> None:
            for each in range(3):
                order.append((loop.time(), f"{name}{each}"))
                await asyncio.sleep(each % 2)

        def job(name: str) -> None:
            for turn in range(3):
                asked = list[Future[None]]()
                for part in "xyz":
                    asked.append(run_coroutine_threadsafe(step(f"{name}{turn}{part}"), loop))
                    real_sleep(random.random() / 500)
                with pytest.raises(TimeoutError):
                    asked[2].result(0.5)
                asked[2].cancel()
                real_sleep(random.random() / 500)
                asked[0].result(1)

        await asyncio.gather(*(asyncio.to_thread(job, name) for name in "abc"), step("loop"))
        return order

    orders: set[tuple[tuple[float, str], ...]] = set()
    with Stage() as stage:
        for _ in range(15):
            orders.add(tuple(stage.run(work(), schedule=schedule)))

    assert len(orders) == 1


def test_a_thread_that_a_run_leaves_waiting_does_not_go_on_in_the_next_one() -> None:
    went_on: list[str] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()

        def job() -> None:
            try:
                run_coroutine_threadsafe(asyncio.sleep(10), loop).result()
            finally:
                went_on.append("it did")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(job), 5)

    with Stage() as stage:
        stage.run(work())
        stage.run(asyncio.sleep(20))

    assert went_on == []


@dataclass
class Shop(Fake):
    """Sells."""

    sold: int = 0

    @tool(idempotent=False)
    def sell(self) -> int:
        """Sell one."""
        self.sold += 1
        return self.sold


@pytest.mark.parametrize("plan", ["", "shop.sell#1=lose_request", "shop.sell#1=lose_reply, shop.sell#2=hang"])
async def test_an_agent_in_a_thread_calls_tools_and_tries_again(mcpflow: Hub, plan: str) -> None:
    shop = mcpflow.serve(Shop())
    if plan:
        mcpflow.fail(plan)
    loop = asyncio.get_running_loop()

    def agent() -> int:
        for _ in range(3):
            try:
                call = mcpflow.call_tool("shop.sell", {}, timeout=10)
                return int(run_coroutine_threadsafe(call, loop).result(timeout=60)["result"])
            except Exception:
                time.sleep(5)
        raise TimeoutError

    assert await asyncio.to_thread(agent) == shop.sold
    assert mcpflow.clock.now() == 15 * (1 + plan.count(",") if plan else 0)
