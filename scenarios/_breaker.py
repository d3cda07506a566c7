"""A circuit breaker: what keeps calls from a tool that fails, and lets one through now and then.

It is home-made, since the document opens a circuit after failures in a row or by a share of failures, whichever comes
first. Of the libraries that were looked at, purgatory, aiobreaker and circuitbreaker know the first rule alone, and
interlock-cb the second. Where the first is enough take purgatory, as the pattern "Leave alone what keeps failing" does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from pytest_mcpflow import UnknownNameError

__all__ = ["Breaker", "CircuitOpenError", "Rules", "State"]

T = TypeVar("T")
State = Literal["closed", "open", "half-open"]


class CircuitOpenError(RuntimeError):
    """The call was not made, since its tool has failed too often."""


@dataclass(frozen=True)
class Rules:
    """When a circuit opens and closes; see `Breaker`."""

    failure_threshold: int = 3
    failure_rate: float = 0.5
    minimum_calls: int = 5
    window: int = 10
    rest_seconds: float = 60.0
    excluded: tuple[type[Exception], ...] = (UnknownNameError,)


class Breaker:
    """Keeps calls from a tool that fails.

    It opens after `failure_threshold` failures in a row, or when of the last `window` calls, if they are at least
    `minimum_calls`, a share of `failure_rate` has failed. `rest_seconds` later one call is let through: if it succeeds
    the circuit closes, otherwise it stays open for as long again. `excluded` errors say nothing about the tool.
    """

    def __init__(self, name: str, rules: Rules, on_change: Callable[[str, State], None]) -> None:
        self.name, self._rules, self._on_change = name, rules, on_change
        self.state: State = "closed"
        self._in_a_row, self._rests_until, self._is_probing = 0, 0.0, False
        self._recent: deque[bool] = deque(maxlen=rules.window)

    async def call(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run the action, or raise `CircuitOpenError`."""
        loop = asyncio.get_running_loop()
        if self.state == "open" and loop.time() >= self._rests_until:
            self.state = "half-open"
        if self.state == "open" or self._is_probing:
            raise CircuitOpenError(f"{self.name} is open until t={self._rests_until:g}")
        admitted_as = self.state
        self._is_probing = admitted_as == "half-open"
        try:
            result = await action()
        except self._rules.excluded:
            raise
        except Exception:
            self._note(admitted_as, loop.time(), is_failure=True)
            raise
        else:
            self._note(admitted_as, loop.time(), is_failure=False)
            return result
        finally:
            # Also after a cancelled probe, which would otherwise keep the circuit half-open for ever.
            if admitted_as == "half-open":
                self._is_probing = False

    def _note(self, admitted_as: State, now: float, *, is_failure: bool) -> None:
        if admitted_as != self.state:
            return  # it was on its way when the circuit changed
        if admitted_as == "half-open":
            self._change("open" if is_failure else "closed", now)
            return
        self._recent.append(is_failure)
        self._in_a_row = self._in_a_row + 1 if is_failure else 0
        often = len(self._recent) >= self._rules.minimum_calls and (
            sum(self._recent) / len(self._recent) >= self._rules.failure_rate
        )
        if self._in_a_row >= self._rules.failure_threshold or (often and is_failure):
            self._change("open", now)

    def _change(self, state: State, now: float) -> None:
        was_half_open, self.state = self.state == "half-open", state
        self._in_a_row, self._rests_until = 0, now + self._rules.rest_seconds
        self._recent.clear()
        if state == "closed" or not was_half_open:
            self._on_change(self.name, state)
