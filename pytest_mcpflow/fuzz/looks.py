"""What the state of a server is at a moment: all of it, or what reading shows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from pytest_mcpflow.fuzz.steps import Outcome, Step
from pytest_mcpflow.state import changes_between

__all__ = ["Look", "ProbedLook", "StateLook", "difference"]

SHOWN = 4


class Look(ABC):
    """What the state was when this was made."""

    @abstractmethod
    def changes(self) -> list[str]:
        """What is different now, a line each."""


class StateLook(Look):
    """All of the state."""

    def __init__(self, state: Callable[[], bytes]) -> None:
        self._state, self._before = state, state()

    def changes(self) -> list[str]:
        now = self._state()
        return [] if now == self._before else difference(self._before, now)


class ProbedLook(Look):
    """What some reads answered.

    Answers that differ when nothing happened between (times, counters) tell nothing and are left out.
    """

    def __init__(self, probes: Sequence[Step], ask: Callable[[Step], Outcome | None]) -> None:
        self._ask = ask
        first = [ask(probe) for probe in probes]
        self._before = [
            _Probe(probe, was, repr(ask(probe))) for probe, was in zip(probes, first, strict=True)
        ]

    def changes(self) -> list[str]:
        found: list[str] = []
        for probe in self._before:
            if not probe.is_stable:
                continue
            now = self._ask(probe.step)
            if repr(now) != probe.answer and repr(self._ask(probe.step)) == repr(now):
                found.append(f"    {probe.step}: {probe.outcome} -> {now}")
        return found


@dataclass(frozen=True)
class _Probe:
    step: Step
    outcome: Outcome | None
    answer: str
    """What it answered the second time."""

    @property
    def is_stable(self) -> bool:
        return self.answer == repr(self.outcome)


def difference(before: bytes, after: bytes) -> list[str]:
    """What differs between two states, a line each, the first few."""
    changes = [str(each) for each in changes_between(from_json(before), from_json(after))]
    shown = [f"    {each}" for each in changes[:SHOWN]]
    if not changes:
        return ["    the order of its entries"]
    return shown + ([f"    ... {len(changes) - SHOWN} more"] if len(changes) > SHOWN else [])
