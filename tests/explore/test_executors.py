"""Runs on an executor: the same result as in one process, whatever becomes of the executor."""

from __future__ import annotations

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


def test_what_cannot_travel_is_refused_with_the_cure() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ExplorationError, match="at the top of a module"):
        explore(None, lambda: planted_bugs.CarefulOrder(), executor=pool)
