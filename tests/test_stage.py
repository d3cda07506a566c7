"""A stage: run after run on one loop, and nothing of one run in the next."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import DeadlockError
from pytest_mcpflow.stage import Stage, StillRunningError

said: ContextVar[str] = ContextVar("said", default="nothing")


async def clocks() -> tuple[float, float, float]:
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(100)
    return before, asyncio.get_running_loop().time(), time.monotonic()


def test_each_run_begins_at_zero() -> None:
    with Stage() as stage:
        assert [stage.run(clocks()) for _ in range(3)] == [(0.0, 100.0, 100.0)] * 3


def test_clocks_are_real_again_after_the_last_run() -> None:
    before = time.monotonic()
    with Stage() as stage:
        stage.run(clocks())

    assert before <= time.monotonic() < before + 90


def test_what_still_runs_is_named_and_ended() -> None:
    ended: list[str] = []

    async def goes_on() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("yes")

    async def leaves() -> asyncio.Task[None]:
        task = asyncio.create_task(goes_on(), name="the watch")
        await asyncio.sleep(1)
        return task

    with Stage() as stage:
        stage.run(leaves())

        assert ended == ["yes"]
        [left] = stage.left_over
        assert left.startswith("the watch in test_what_still_runs_is_named_and_ended.<locals>.goes_on")
        stage.run(clocks())
        assert stage.left_over == ()


def test_a_timer_of_one_run_does_not_go_off_in_the_next() -> None:
    rung: list[str] = []

    async def arms() -> None:
        asyncio.get_running_loop().call_later(50, rung.append, "ring")

    with Stage() as stage:
        stage.run(arms())
        stage.run(clocks())

    assert rung == []


def test_context_variables_of_one_run_are_not_seen_in_the_next() -> None:
    async def says(word: str) -> str:
        before = said.get()
        said.set(word)
        return before

    with Stage() as stage:
        assert [stage.run(says("one")), stage.run(says("two"))] == ["nothing", "nothing"]


def test_generators_are_closed_and_later_ones_work() -> None:
    closed: list[int] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(1)

    async def takes_one(kept: list[AsyncIterator[int]]) -> int:
        kept.append(numbers())
        return await anext(kept[-1])

    kept: list[AsyncIterator[int]] = []
    with Stage() as stage:
        assert [stage.run(takes_one(kept)) for _ in range(2)] == [1, 1]
        assert closed == [1, 1]


def test_a_deadlock_ends_its_run_only() -> None:
    async def waits() -> None:
        await asyncio.get_running_loop().create_future()

    with Stage() as stage:
        with pytest.raises(DeadlockError, match="nothing can run"):
            stage.run(waits())
        assert stage.run(clocks())[1] == 100.0


def test_what_swallows_cancellation_is_left_behind_with_its_loop() -> None:
    async def swallows() -> None:
        asyncio.get_running_loop().call_later(10, asyncio.get_running_loop().stop)
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)

    with Stage() as stage:
        with pytest.raises(
            StillRunningError,
            match=r"^was cancelled, swallowed that, and went on in .*swallows, .*test_stage\.py:\d",
        ):
            stage.run(swallows())
        assert stage.run(clocks()) == (0.0, 100.0, 100.0)


def test_its_loop_is_closed_even_if_clocks_cannot_be_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[VirtualTimeLoop] = []

    class Unwilling(VirtualTimeLoop):
        @contextmanager
        def surroundings(self) -> Generator[None]:
            made.append(self)
            with super().surroundings():
                yield
            raise RuntimeError("somebody else changed the clocks")

    monkeypatch.setattr("pytest_mcpflow.stage.VirtualTimeLoop", Unwilling)

    with pytest.raises(RuntimeError, match="somebody else"), Stage() as stage:
        stage.run(clocks())

    assert [loop.is_closed() for loop in made] == [True]


def test_a_thread_that_was_given_up_does_not_come_back_to_the_loop_of_a_later_run() -> None:
    may_end = threading.Event()

    async def wait_for_a_thread() -> None:
        await asyncio.to_thread(may_end.wait)

    async def its_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with Stage(stall_limit=0.1) as stage:
        first, same = stage.run(its_loop()), stage.run(its_loop())
        with pytest.raises(DeadlockError):
            stage.run(wait_for_a_thread())
        another = stage.run(its_loop())
        may_end.set()

    assert first is same
    assert first is not another


async def ends_it_by_itself(error: type[BaseException]) -> None:
    raise error


async def ends_it_from_another_task(error: type[BaseException]) -> None:
    other = asyncio.create_task(ends_it_by_itself(error))
    await asyncio.sleep(1000)
    await other


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("ending", [ends_it_by_itself, ends_it_from_another_task])
def test_an_interrupt_is_not_also_logged_as_a_task_that_nobody_asked(
    ending: Callable[[type[BaseException]], Coroutine[Any, Any, None]],
    error: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gc.collect()
    caplog.clear()  # what other tests have left
    with Stage() as stage, pytest.raises(error):
        stage.run(ending(error))
    gc.collect()

    assert not caplog.records
