"""Faults of the world around a call."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_mcpflow.clock import Clock
from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.schema import RawResult

__all__ = ["Change", "ClockJump"]


@dataclass(frozen=True)
class ClockJump(FaultKind, effect=Effect.APPLIED):
    """Before this call the server's clock jumps by `seconds`, which may be negative. Level: call; fakes only.

    Seen when a clock is set, and with virtual machines that were suspended. The workflow's clock stays.
    """

    seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.seconds):
            raise ValueError(f"seconds is a number, got {self.seconds:g}")

    @property
    def needs_fake(self) -> bool:
        return True

    @property
    def sees(self) -> str:
        return f"server's clock jumped by {self.seconds:g} s"

    async def happen(self, call: FaultedCall) -> RawResult:
        if call.fake is None:
            call.does_not_apply()
        elif call.is_first_round:
            call.fake.clock = _Jumped(call.fake.clock, self.seconds)
        return await call.deliver()


@dataclass(frozen=True)
class Change(FaultKind, effect=Effect.APPLIED):
    """After this call the world changes in a way that the test has defined. Level: call.

    Seen whenever somebody else works on the same things: between the look and the step the ground has moved.
    The change is made when the server has answered, before the caller sees the answer.

    Args:
        to: The name under which the change was defined with `hub.faults.define_change`.
    """

    to: str = ""

    @property
    def sees(self) -> str:
        return f"then {self.to}"

    @property
    def needs_change(self) -> str | None:
        return self.to

    async def happen(self, call: FaultedCall) -> RawResult:
        answer = await call.deliver()
        call.change_world(self.to)
        return answer


class _Jumped(Clock):
    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(clock.starts_at.astimezone(clock.zone))
        self._clock, self._seconds = clock, seconds

    def now(self) -> float:
        return self._clock.now() + self._seconds
