"""Retries with growing pauses, for what may be repeated and what may not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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


async def carry_out(desk: Desk, step: Step) -> Ended:
    """Do a step; people get a notice of each retry, and an alert when there will be no more."""
    async with asyncio.TaskGroup() as notices:

        async def pause(attempt: int) -> None:
            seconds, is_last = step.backoff.pause(attempt), attempt == step.backoff.retries
            if not is_last:
                count = f"attempt {attempt + 1}/{step.backoff.retries}"
                notice = f"Retrying {step.name} in {seconds:.1f}s ({count})"
                # Beside the pause, which is not longer because somebody is hard to reach.
                notices.create_task(desk.notify(notice, "dashboard", priority="low"))
            await asyncio.sleep(seconds)

        return await _attempt(desk, step, pause)


async def _attempt(desk: Desk, step: Step, pause: Callable[[int], Awaitable[None]]) -> Ended:
    error = ""
    for attempt in range(step.backoff.retries + 1):
        try:
            await desk.call(step.tool, step.arguments)
        except ToolError as refusal:
            # What a server refuses it has not done.
            error, is_lost = str(refusal), isinstance(refusal, UnclearAnswerError)
        except Exception as failure:
            error, is_lost = str(failure), True
        else:
            return Ended(step.name, "done", attempt + 1)
        is_unsafe = is_lost and not step.is_repeatable
        if is_unsafe and step.is_done is None:
            return await _give_up(
                desk, step, attempt + 1, "unknown", f"nobody knows whether it was done: {error}"
            )
        if is_unsafe or attempt < step.backoff.retries:
            await pause(attempt)
        if is_unsafe and step.is_done is not None:
            try:
                if await step.is_done():
                    return Ended(step.name, "done", attempt + 1)
            except Exception as failure:
                return await _give_up(desk, step, attempt + 1, "unknown", f"{error}; looking: {failure}")
    why = f"failed after {step.backoff.retries} retries: {error}"
    return await _give_up(desk, step, step.backoff.retries + 1, "failed", why)


async def _give_up(
    desk: Desk, step: Step, attempts: int, how: Literal["failed", "unknown"], why: str
) -> Ended:
    metadata = {"attempts": attempts, "tool": step.tool, "outcome": how, "error": why}
    await desk.alert(f"{step.name}: {why}", metadata, severity="high")
    return Ended(step.name, how, attempts)
