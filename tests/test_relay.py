"""How the child process of the stdio way waits; what it carries is tested by everything that uses the way."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from pytest_mcpflow.serve.relay import HELD_UP, LONGEST_REST, SHORTEST_REST, AttentivePoll

if TYPE_CHECKING:
    import select

READY = [(0, 1)]


@dataclass
class Pipe:
    """What polls it finds nothing for so many questions; it notes which of them waited."""

    empty: int = 0
    waited: list[bool] = field(default_factory=list[bool])

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        self.waited.append(timeout is None)
        if timeout is None or not self.empty:
            return READY
        self.empty -= 1
        return []


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> deque[float]:
    """Seconds that pass before the time is looked at; a millionth where nothing is said."""
    steps = deque[float]()
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now += steps.popleft() if steps else 1e-6
        return now

    monkeypatch.setattr(time, "monotonic", monotonic)
    return steps


def poll(pipe: Pipe) -> AttentivePoll:
    return AttentivePoll(cast("select.poll", pipe))


@pytest.mark.usefixtures("passing")
def test_what_comes_soon_is_not_waited_for() -> None:
    pipe = Pipe(empty=3)
    assert poll(pipe).wait() == READY
    assert pipe.waited == [False] * 4


@pytest.mark.usefixtures("passing")
def test_what_comes_late_is_waited_for_asleep() -> None:
    pipe = Pipe(empty=10**6)
    assert poll(pipe).wait() == READY
    assert pipe.waited[-2:] == [False, True]


def test_it_rests_while_others_need_the_processor_and_longer_each_time(passing: deque[float]) -> None:
    pipe = Pipe()
    attentive = poll(pipe)

    def held_up_after(attentive_waits: int) -> int:
        """How long it rests then."""
        for _ in range(attentive_waits):
            attentive.wait()
        pipe.empty = 1
        passing.extend([1e-6, 2 * HELD_UP])
        attentive.wait()
        pipe.waited.clear()
        while not pipe.waited or pipe.waited[-1]:
            attentive.wait()
        return len(pipe.waited) - 1

    rests = [held_up_after(0) for _ in range(9)]
    assert rests == [min(SHORTEST_REST * 2**n, LONGEST_REST) for n in range(1, 10)]
    assert held_up_after(2 * SHORTEST_REST) == SHORTEST_REST
