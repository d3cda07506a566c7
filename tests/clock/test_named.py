"""Clocks that modules have imported by name follow virtual time, too, and are real again when the run is over."""

from __future__ import annotations

import asyncio
import queue
import sys
import time
from datetime import datetime
from time import monotonic, perf_counter_ns, sleep
from time import monotonic as renamed
from types import ModuleType

import pytest

from pytest_mcpflow import run
from pytest_mcpflow.clock import EPOCH

real = time.monotonic, time.perf_counter_ns, time.sleep


def test_clocks_imported_by_name_follow() -> None:
    async def look() -> tuple[float, float, float]:
        began = monotonic(), perf_counter_ns() / 1e9
        await asyncio.sleep(3600)
        return monotonic() - began[0], perf_counter_ns() / 1e9 - began[1], datetime.now().timestamp()

    assert run(look()) == (3600, 3600, EPOCH.timestamp() + 3600)


def test_sleeping_by_name_moves_the_clock() -> None:
    async def block() -> float:
        sleep(86_400)  # noqa: ASYNC251 - code under test may do so
        return asyncio.get_running_loop().time()

    assert run(block()) == 86_400


def test_sleeping_by_name_in_a_thread_moves_the_clock() -> None:
    async def block() -> float:
        await asyncio.to_thread(sleep, 86_400)
        return asyncio.get_running_loop().time()

    assert run(block()) == 86_400


def test_they_are_real_again_when_the_run_is_over() -> None:
    run(asyncio.sleep(1))

    assert (monotonic, perf_counter_ns, sleep) == real


def test_a_module_imported_in_a_run_has_real_clocks_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    async def import_one() -> float:
        monkeypatch.setitem(sys.modules, "late", late)
        exec("from time import monotonic", vars(late))  # noqa: S102 - what a module does when it is imported
        await asyncio.sleep(60)
        elapsed: float = late.monotonic()
        return elapsed

    late = ModuleType("late")

    assert run(import_one()) == 60
    assert late.monotonic is real[0]


def test_whoever_gives_a_clock_another_name_keeps_the_real_one() -> None:
    async def look() -> float:
        began = renamed()
        await asyncio.sleep(3600)
        return renamed() - began

    assert run(look()) < 60


def test_the_queues_of_the_standard_library_keep_counting_real_time() -> None:
    async def wait() -> float:
        await asyncio.to_thread(queue.Queue[int]().put, 1)
        with pytest.raises(queue.Empty):
            queue.Queue[int]().get(timeout=0.01)
        return asyncio.get_running_loop().time()

    assert run(wait()) == 0
