"""Retries with growing pauses, by tenacity, for what may be repeated and what may not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, stop_after_attempt

from pytest_mcpflow import ToolError
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._plain_answers import UnclearAnswerError

__all__ = ["Backoff", "Ended", "Step", "carry_out"]


@dataclass(frozen=True)
class Backoff:
    """Seconds before retry `n` (from 0): `base * factor ** n`, at most `cap`."""

    retries: int = 3
    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0

    def pause(self, n: int) -> float:
        return min(self.base * self.factor**n, self.cap)


@dataclass(frozen=True)
class Step:
    """One call of a tool.

    Args:
        name: What people read.
        is_repeatable: Doing it twice is as good as once.
        is_done: Looks whether it was done; for what is not repeatable.
    """

    name: str
    tool: str
    arguments: Mapping[str, Any]
    backoff: Backoff = Backoff()
    is_repeatable: bool = True
    is_done: Callable[[], Awaitable[bool]] | None = None


@dataclass(frozen=True)
class Ended:
    """How a step ended; `unknown` is one without an answer that must not be repeated and cannot be looked at."""

    step: str
    how: Literal["done", "failed", "unknown"]
    attempts: int


class _UnknownOutcomeError(Exception):
    """Nobody can say whether a step that must not be repeated was done."""


class _Attempts:
    """The attempts at one step. Each but the first looks whether the one before was done, where that counts."""

    def __init__(self, desk: Desk, step: Step) -> None:
        self._desk, self._step = desk, step
        self._is_in_doubt, self._error = False, ""
        self.count = 0

    async def one_more(self) -> None:
        if await self.was_done():
            return
        self.count += 1
        self._is_in_doubt = not self._step.is_repeatable
        try:
            await self._desk.call(self._step.tool, self._step.arguments)
        except Exception as error:
            # What a server clearly refuses it has not done.
            self._is_in_doubt &= not isinstance(error, ToolError) or isinstance(error, UnclearAnswerError)
            self._error = str(error)
            if self._is_in_doubt and self._step.is_done is None:
                raise _UnknownOutcomeError(f"nobody knows whether it was done: {error}") from error
            raise

    async def was_done(self) -> bool:
        """Whether the last attempt, which had no clear answer, did what it was for."""
        if not self._is_in_doubt or self._step.is_done is None:
            return False
        try:
            return await self._step.is_done()
        except Exception as failure:
            raise _UnknownOutcomeError(f"{self._error}; looking: {failure}") from failure

    async def was_done_at_last(self) -> bool:
        """The same after the last attempt, which is given time to come through as well."""
        if self._is_in_doubt:
            await asyncio.sleep(self._step.backoff.pause(self._step.backoff.retries))
        return await self.was_done()


async def carry_out(desk: Desk, step: Step) -> Ended:
    """Do a step; people get a notice of each retry, and an alert when there will be no more."""
    retries, attempts = step.backoff.retries, _Attempts(desk, step)
    async with asyncio.TaskGroup() as notices:

        def announce(state: RetryCallState) -> None:
            count = f"attempt {state.attempt_number}/{retries}"
            notice = f"Retrying {step.name} in {state.upcoming_sleep:.1f}s ({count})"
            # Beside the pause, which is not longer because somebody is hard to reach.
            notices.create_task(desk.notify(notice, "dashboard", priority="low"))

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + retries),
            wait=lambda state: step.backoff.pause(state.attempt_number - 1),
            retry=retry_if_not_exception_type(_UnknownOutcomeError),
            before_sleep=announce,
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            try:
                await retrying(attempts.one_more)
            except _UnknownOutcomeError:
                raise
            except Exception as error:
                if not await attempts.was_done_at_last():
                    why = f"failed after {retries} retries: {error}"
                    return await _give_up(desk, step, attempts.count, "failed", why)
        except _UnknownOutcomeError as unknown:
            return await _give_up(desk, step, attempts.count, "unknown", str(unknown))
    return Ended(step.name, "done", attempts.count)


async def _give_up(
    desk: Desk, step: Step, attempts: int, how: Literal["failed", "unknown"], why: str
) -> Ended:
    metadata = {"attempts": attempts, "tool": step.tool, "outcome": how, "error": why}
    await desk.alert(f"{step.name}: {why}", metadata, severity="high")
    return Ended(step.name, how, attempts)
