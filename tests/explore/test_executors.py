"""Runs on an executor: the same result as in one process, whatever becomes of the executor."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

import planted_bugs
import pytest

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore import AtMostOneEffect, explore

T = TypeVar("T")


class Inline(Executor):
    """Does at once what it is asked, and is broken from the n-th time on."""

    def __init__(self, breaks_after: int) -> None:
        self._left = breaks_after
        self.asked = 0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        self.asked += 1
        future: Future[T] = Future()
        if self.asked > self._left:
            future.set_exception(BrokenExecutor("a worker was lost"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_processes_find_what_one_process_finds() -> None:
    alone = explore(None, planted_bugs.QuietChain, depth=2, seed=3)
    # How processes start by default from Python 3.14 on.
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        together = explore(None, planted_bugs.QuietChain, depth=2, seed=3, executor=pool)

    assert together == alone


def test_rules_travel_to_other_processes() -> None:
    rules = [AtMostOneEffect("shop.order")]
    alone = explore(None, planted_bugs.OrderedTwice, invariants=rules)
    with ProcessPoolExecutor(1) as pool:
        together = explore(None, planted_bugs.OrderedTwice, invariants=rules, executor=pool)

    assert together == alone
    assert "AtMostOneEffect" in together.findings[0].checks


@pytest.mark.parametrize("breaks_after", [0, 3])
def test_an_executor_that_breaks_loses_nothing(breaks_after: int) -> None:
    alone = explore(None, planted_bugs.HidesTwoFailures, depth=2)
    broken = Inline(breaks_after)

    assert explore(None, planted_bugs.HidesTwoFailures, depth=2, executor=broken) == alone
    assert broken.asked > breaks_after


class Asleep(Inline):
    """Takes what it is asked and, from the n-th time on, never does it."""

    def __init__(self, falls_asleep_after: int) -> None:
        super().__init__(falls_asleep_after)
        self.given = list[Future[Any]]()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future = super().submit(fn, *args, **kwargs) if self.asked < self._left else Future[T]()
        self.given.append(future)
        return future


@pytest.mark.parametrize("falls_asleep_after", [0, 1])
def test_an_executor_that_stops_doing_anything_loses_nothing(
    falls_asleep_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_mcpflow.explore.runner.LOOKS", 1)
    monkeypatch.setattr("pytest_mcpflow.explore.runner.LOOK", 0.01)
    alone = explore(None, planted_bugs.HidesTwoFailures, depth=2)
    asleep = Asleep(falls_asleep_after)

    assert explore(None, planted_bugs.HidesTwoFailures, depth=2, executor=asleep) == alone
    assert len(asleep.given) > falls_asleep_after
    assert all(each.cancelled() for each in asleep.given[falls_asleep_after:])


def test_ctrl_c_does_not_wait_for_an_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Asleep):
        def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
            signal.raise_signal(signal.SIGINT)
            return super().submit(fn, *args, **kwargs)

    monkeypatch.setattr("pytest_mcpflow.explore.runner.LOOK", 0.01)
    asleep = Interrupted(0)

    with pytest.raises(KeyboardInterrupt):
        explore(None, planted_bugs.OrderedTwice, executor=asleep)

    assert [each.cancelled() for each in asleep.given] == [True]


def test_what_cannot_travel_is_refused_with_the_cure() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ExplorationError, match="at the top of a module"):
        explore(None, lambda: planted_bugs.CarefulOrder(), executor=pool)
