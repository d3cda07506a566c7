"""Threads and processes that a workflow leaves running: leaked, named, and ended where that can be done."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Hub
from pytest_mcpflow.clock.remains import Remains
from pytest_mcpflow.explore.subject import Subject
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.verdict import Judgement

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
on_linux = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="the system lists no processes by thread"
)


@pytest.fixture
def over() -> Generator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def shop() -> list[Fake]:
    return [planted_bugs.Shop()]


def judged(leaves: Callable[[], Awaitable[object]]) -> Judgement:
    async def workflow(hub: Hub) -> None:
        try:
            await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
        except Exception:
            await leaves()
            raise

    return Subject(shop, workflow).judge(FaultPlan.parse("shop.order#1=refuse"))


def leaked(judgement: Judgement) -> list[str]:
    return [each.why for each in judgement.broken if each.check == "leaked"]


def test_a_thread_that_still_runs_is_leaked_and_named_by_what_it_does(over: threading.Event) -> None:
    def polls() -> None:
        over.wait()

    async def leaves() -> None:
        threading.Thread(target=polls, daemon=True).start()
        threading.Thread(target=over.wait, daemon=True, name="watch").start()

    judgement = judged(leaves)

    assert judgement.verdict is Verdict.LEAKED
    [why] = leaked(judgement)
    assert why.startswith("the thread of test_a_thread_that_still_runs")
    assert why.endswith("polls still runs; wait for it, or tell it to end, in a finally and 1 more")


def test_a_thread_that_only_sleeps_is_leaked() -> None:
    async def leaves() -> None:
        threading.Thread(target=time.sleep, args=(2,), daemon=True).start()

    assert leaked(judged(leaves)) == [
        "the thread of sleep still runs; wait for it, or tell it to end, in a finally"
    ]


def test_a_thread_of_the_house_is_no_leak_while_it_ends() -> None:
    timers: list[threading.Timer] = []

    async def leaves() -> None:
        timers.extend(threading.Timer(600, Remains().close) for _ in range(2))
        for timer in timers:
            timer.start()

    judgement = judged(leaves)
    for timer in timers:
        timer.cancel()

    assert leaked(judgement) == []


def test_a_timer_is_a_thread_like_any_other() -> None:
    timers: list[threading.Timer] = []

    async def leaves() -> None:
        timers.append(threading.Timer(600, print))
        timers[0].start()

    judgement = judged(leaves)
    timers[0].cancel()

    assert leaked(judgement) == [
        "the thread of print still runs; wait for it, or tell it to end, in a finally"
    ]


@on_linux
@pytest.mark.parametrize("in_a_thread", [False, True])
def test_a_process_that_still_runs_is_leaked_and_ended(in_a_thread: bool) -> None:
    started: list[subprocess.Popen[bytes]] = []

    async def leaves() -> None:
        if in_a_thread:
            started.append(await asyncio.to_thread(subprocess.Popen, SLEEPS))
        else:
            started.append(subprocess.Popen(SLEEPS))  # noqa: ASYNC220 - as people write it

    judgement = judged(leaves)

    assert judgement.verdict is Verdict.LEAKED
    assert leaked(judgement) == [f"process {started[0].pid} ({' '.join(SLEEPS)}) still ran, and was ended"]
    assert started[0].wait(20) != 0


@on_linux
def test_what_a_leaked_process_started_is_ended_too() -> None:
    started: list[subprocess.Popen[str]] = []
    starts_another = (
        f"import subprocess; print(subprocess.Popen({SLEEPS}).pid, flush=True); import time; time.sleep(600)"
    )

    async def leaves() -> str:
        command = [sys.executable, "-c", starts_another]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))  # noqa: ASYNC220
        assert started[0].stdout is not None
        return started[0].stdout.readline()

    judged(leaves)

    with started[0]:  # reads to the end of the pipe, which both of them hold
        assert started[0].wait(20) != 0


@on_linux
def test_looking_again_and_again_opens_nothing_more() -> None:
    remains = Remains()
    remains.begin()
    before = len([*Path("/proc/self/fd").iterdir()])

    remains.end()
    remains.begin()

    assert len([*Path("/proc/self/fd").iterdir()]) == before
    remains.close()
    remains.close()  # which nobody has to remember


@on_linux
def test_a_process_that_was_there_before_is_nobodys_leak() -> None:
    with subprocess.Popen(SLEEPS) as before:

        async def leaves() -> None: ...

        judgement = judged(leaves)

        assert (leaked(judgement), before.poll()) == ([], None)
        before.kill()


def test_what_ends_by_itself_is_no_leak() -> None:
    async def leaves() -> None:
        threading.Thread(target=len, args=("",)).start()
        subprocess.run([sys.executable, "-c", ""], check=True)  # noqa: ASYNC221
        await asyncio.to_thread(time.sleep, 1)

    assert leaked(judged(leaves)) == []


def test_an_idle_worker_of_a_pool_is_no_leak() -> None:
    with ThreadPoolExecutor(1) as pool:

        async def leaves() -> None:
            await asyncio.get_running_loop().run_in_executor(pool, len, "")

        assert leaked(judged(leaves)) == []


@pytest.mark.parametrize("text", ["1", "not a number"])
def test_a_worker_that_has_just_told_how_its_work_ended_is_no_leak(text: str, over: threading.Event) -> None:
    begins, ended = threading.Event(), threading.Event()

    def work() -> int:
        begins.wait()
        return int(text)

    def wait(_: object) -> None:
        ended.set()
        over.wait()

    async def leaves() -> None:
        future = pool.submit(work)
        future.add_done_callback(wait)
        begins.set()
        ended.wait()

    with ThreadPoolExecutor(1) as pool:
        try:
            assert leaked(judged(leaves)) == []
        finally:
            over.set()


def test_a_busy_worker_of_a_pool_is_one(over: threading.Event) -> None:
    pool = ThreadPoolExecutor(1, thread_name_prefix="pollers")

    async def leaves() -> None:
        pool.submit(over.wait)

    why = leaked(judged(leaves))
    over.set()
    pool.shutdown()

    assert why == [
        "the thread 'pollers_0' of _worker still runs; wait for it, or tell it to end, in a finally"
    ]
