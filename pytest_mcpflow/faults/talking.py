"""Faults of what goes on in the middle of a call: progress, questions, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.notices import Swapped
from pytest_mcpflow.question import Answer, Question
from pytest_mcpflow.schema import RawResult

__all__ = ["CancelIgnored", "Decline", "ProgressStall", "Reorder", "Unanswered"]

Report = tuple[float, float | None, str | None]


@dataclass(frozen=True)
class Decline(FaultKind, effect=Effect.NONE, sees="question declined"):
    """The person declines whatever the server asks in this call. Level: call.

    Does not happen where nothing is asked.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        async def decline(question: Question) -> Answer:
            call.does_apply()
            return None

        return await _asked(call, decline)


@dataclass(frozen=True)
class Unanswered(FaultKind, effect=Effect.NONE, sees="question never answered"):
    """Nobody ever answers what the server asks in this call; the caller waits until its time limit. Level: call.

    Seen with approvals at night. Does not happen where nothing is asked.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        async def wait(question: Question) -> Answer:
            call.does_apply()
            if call.timeout is None:
                await call.nothing()
            # In protocol 2026-07-28 no request is under way while a question is, so nothing else counts the time.
            await asyncio.sleep(max(0.0, call.entry.at + (call.timeout or 0) - call.now))
            raise call.timed_out()

        return await _asked(call, wait)


@dataclass(frozen=True)
class ProgressStall(FaultKind, effect=Effect.APPLIED, sees="progress stalled"):
    """The first `after` progress reports arrive, and no other; the answer comes as ever. Level: call.

    Seen with buffers in between. Does not happen where nobody listens for progress.
    """

    after: float = 1

    def __post_init__(self) -> None:
        if self.after < 0 or not float(self.after).is_integer():
            raise ValueError(f"after is a number of reports from 0 on, got {self.after:g}")

    async def happen(self, call: FaultedCall) -> RawResult:
        told = call.on_progress
        if told is None:
            call.does_not_apply()
            return await call.deliver()
        count = 0

        async def stall(progress: float, total: float | None, message: str | None) -> None:
            nonlocal count
            count += 1
            if count <= self.after:
                await told(progress, total, message)

        return await call.deliver(on_progress=stall)


@dataclass(frozen=True)
class Reorder(FaultKind, effect=Effect.APPLIED, sees="notices out of order"):
    """What the server tells during this call arrives in another order: two by two, notices of a kind swap places.

    These are its progress reports and, of a fake, its log messages and what it announces to its clients meanwhile:
    changed lists and resources. One without a second comes last: a log message before the answer, an announcement after
    it. Level: call. Seen where notifications take several connections. Does not happen where fewer than two of a kind
    are told.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        if call.is_first_round:
            call.does_not_apply()
        told = call.on_progress
        reports = Swapped[Report](call.does_apply)

        async def swap(progress: float, total: float | None, message: str | None) -> None:
            assert told is not None
            for each in reports.pass_on((progress, total, message)):
                await told(*each)

        with call.notices_reordered():
            answer = await call.deliver(on_progress=None if told is None else swap)
        for each in reports.rest():
            assert told is not None
            await told(*each)
        return answer


@dataclass(frozen=True)
class CancelIgnored(FaultKind, effect=Effect.LATE, sees="cancellation ignored"):
    """The caller gives up and the server goes on: what it was at is done all the same. Level: call.

    Seen with most servers, since heeding a cancellation is optional. Does not happen where nobody gives up.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        call.does_not_apply()
        call.when_given_up(call.does_apply)
        return await asyncio.shield(call.detached(call.deliver()))


async def _asked(call: FaultedCall, answer: Callable[[Question], Awaitable[Answer]]) -> RawResult:
    if call.is_first_round:
        call.does_not_apply()
    call.answer_questions(answer)
    return await call.deliver()
