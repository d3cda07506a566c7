"""Steps that never end: broken off after a limit, wherever they are, and said where that was."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from pytest_mcpflow.clock import VirtualTimeLoop, watch
from pytest_mcpflow.clock.attention import Attention
from pytest_mcpflow.errors import DeadlockError
from pytest_mcpflow.running import run
from pytest_mcpflow.stage import Stage

LIMIT = 0.3


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.clock.loop.STEP_LIMIT", LIMIT)


async def turns_round() -> None:
    while True:
        pass


async def turns_round_whatever_is_raised() -> None:
    while True:
        try:
            [json.dumps({"number": number}) for number in range(100)]
        except BaseException:  # noqa: S112 - as people write it
            continue


async def waits_for_a_lock_of_threads() -> None:
    threading.Event().wait()


async def leaves_it_to_a_task() -> None:
    task = asyncio.create_task(turns_round())
    await asyncio.sleep(3600)
    await task


async def leaves_it_to_a_group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(turns_round())
        tasks.create_task(asyncio.sleep(3600))


async def turns_round_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(lambda: [None for _ in iter(int, 1)])
    await asyncio.sleep(3600)


async def begins_again_and_again() -> None:
    while True:
        try:
            await asyncio.sleep(0)
            await turns_round()
        except BaseException:  # noqa: S112 - as people write it
            continue


Made = Callable[[], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    ("made", "place"),
    [
        (turns_round, "turns_round"),
        (turns_round_whatever_is_raised, "turns_round_whatever_is_raised"),
        (waits_for_a_lock_of_threads, "waits_for_a_lock_of_threads"),
        (leaves_it_to_a_task, "turns_round"),
        (leaves_it_to_a_group, "turns_round"),
        (turns_round_in_a_callback, "turns_round_in_a_callback"),
        (begins_again_and_again, "turns_round"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_what_never_awaits_is_broken_off_and_named(made: Made, place: str) -> None:
    with Stage() as stage:
        with pytest.raises(
            DeadlockError, match=rf"t=0 {place}.*, .*test_watch\.py:\d+, went on for 0\.3 real s"
        ):
            stage.run(made())
        assert stage.run(asyncio.sleep(1, "the next run")) == "the next run"


def test_it_is_broken_off_in_a_thread_that_is_not_the_main_one() -> None:
    raised: list[BaseException] = []

    def runs() -> None:
        try:
            run(turns_round())
        except DeadlockError as error:
            raised.append(error)

    thread = threading.Thread(target=runs)
    thread.start()
    thread.join(20)

    assert [type(each) for each in raised] == [DeadlockError]


def test_a_step_cleans_up_when_it_is_broken_off() -> None:
    cleaned: list[str] = []

    async def tidy() -> None:
        try:
            await turns_round()
        finally:
            cleaned.append("yes")

    with pytest.raises(DeadlockError):
        run(tidy())

    assert cleaned == ["yes"]


def test_a_step_that_somebody_debugs_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "DEBUGGERS", frozenset({__name__}))

    async def asks_a_person() -> str:
        threading.Event().wait(3 * LIMIT)
        return "continue"

    assert run(asks_a_person()) == "continue"


def test_a_thread_that_works_has_the_limit_of_threads_and_no_other() -> None:
    async def works() -> bool:
        return await asyncio.to_thread(threading.Event().wait, 3 * LIMIT)

    assert run(works()) is False


def test_nothing_is_left_of_the_watch() -> None:
    threads, tracer = threading.active_count(), sys.gettrace()

    with pytest.raises(DeadlockError):
        run(turns_round_whatever_is_raised())

    assert signal.getsignal(watch.SIGNAL) is signal.SIG_DFL
    assert (threading.active_count(), sys.gettrace()) == (threads, tracer)


def test_a_signal_that_somebody_handles_is_left_to_them() -> None:
    def handler(_number: int, _frame: object) -> None: ...

    before = signal.signal(watch.SIGNAL, handler)
    try:
        loop = VirtualTimeLoop(step_limit=LIMIT)
        try:
            with pytest.raises(DeadlockError):
                loop.run_until_complete(turns_round())
        finally:
            loop.close()
        assert signal.getsignal(watch.SIGNAL) is handler
    finally:
        signal.signal(watch.SIGNAL, before)


def test_a_test_that_turns_round_fails_and_the_next_one_runs(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(f"import pytest_mcpflow.clock.loop\npytest_mcpflow.clock.loop.STEP_LIMIT = {LIMIT}")
    pytester.makepyfile(
        """
        async def test_for_ever(mcpflow):
            while True:
                pass

        async def test_after_it(mcpflow):
            pass
        """
    )

    result = pytester.runpytest("-o", "asyncio_default_fixture_loop_scope=function")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*DeadlockError: at t=0 test_for_ever, *.py:*, went on for 0.3 real seconds*"]
    )


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="the system has no clocks of threads")
def test_what_a_thread_waits_for_a_processor_is_not_held_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    processor_time = iter([1.0, 1.25, 1.25, 2.0])
    states = iter(["R", "R", "S"])

    def clock_gettime(clock: int) -> float:
        return next(processor_time)

    def read_text(path: Path, encoding: str, errors: str) -> str:
        return f"7 (a) name) {next(states)} 1 7"

    monkeypatch.setattr(time, "clock_gettime", clock_gettime)
    monkeypatch.setattr(Path, "read_text", read_text)

    attention = Attention()

    assert [attention.since_last(5) for _ in range(3)] == [0.25, 0, 5]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a thread waits for")
def test_a_thread_that_sleeps_is_seen_to() -> None:
    made = queue.SimpleQueue[Attention]()
    is_over = threading.Event()

    def sleep() -> None:
        made.put(Attention())
        is_over.wait()

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    attention = made.get()

    while attention.since_last(5) < 5:
        time.sleep(0)  # it is on its way to bed

    is_over.set()
    sleeper.join()


AFTERWARDS = """
import asyncio, sys, threading
from pytest_mcpflow.errors import DeadlockError
from pytest_mcpflow.stage import Stage

async def turns_round():
    while True:
        pass

def runs():
    try:
        with Stage(step_limit=0.3) as stage:
            stage.run(turns_round())
    except DeadlockError:
        sys.settrace(lambda *_: None)
        (lambda: print("a call that is traced"))()

thread = threading.Thread(target=runs)
thread.start()
thread.join()
"""


def test_after_a_step_of_another_thread_was_broken_off_calls_can_be_traced() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "a call that is traced\n"
