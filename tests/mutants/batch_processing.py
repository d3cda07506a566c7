"""Wrong batches, and the check of the scenario that must say so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from common_mistakes import one_after_the_other

from pytest_mcpflow import Hub, Workflow
from pytest_mcpflow.scenarios._batch_processing_workflow import Batcher, BatchReport, Operation, work_off

__all__ = ["MUTANTS"]


class Cancelling(Batcher):
    """Processes in the timer's own task, after having cancelled the timer."""

    async def _flush_later(self, kind: str) -> None:
        await asyncio.sleep(self._delay)
        self._timers.pop(kind).cancel()
        await self._process(kind, self._collected.pop(kind))


class TakenTwice(Batcher):
    """Empties the queue when a batch is done, and lets the timer run on."""

    def flush(self, kind: str) -> None:
        self._timers.pop(kind, None)
        self._tasks.create_task(self._take(kind, list(self._collected.get(kind, ()))))

    async def _take(self, kind: str, batch: Sequence[Operation]) -> None:
        await self._process(kind, batch)
        self._collected.pop(kind, None)

    async def _flush_later(self, kind: str) -> None:
        await asyncio.sleep(self._delay)
        if self._collected.get(kind):
            self.flush(kind)


class Unlimited(Batcher):
    """Waits for the timer, however much there is."""

    def add(self, operation: Operation) -> None:
        self._limits, self._default = {}, 1000
        super().add(operation)


class WithoutTimer(Batcher):
    """Waits until a batch is full."""

    async def _flush_later(self, kind: str) -> None:
        """Flushes nothing."""


class Patient(Batcher):
    """Waits for five seconds after the last operation, and not after the first."""

    def add(self, operation: Operation) -> None:
        if (timer := self._timers.pop(operation.kind, None)) is not None:
            timer.cancel()
        super().add(operation)


async def cancel_the_timer(hub: Hub) -> BatchReport:
    return await work_off(hub, Cancelling)


async def take_twice(hub: Hub) -> BatchReport:
    return await work_off(hub, TakenTwice)


async def ignore_the_limits(hub: Hub) -> BatchReport:
    return await work_off(hub, Unlimited)


async def wait_for_the_last(hub: Hub) -> BatchReport:
    return await work_off(hub, Patient)


async def forget_the_rest(hub: Hub) -> BatchReport:
    return await work_off(hub, WithoutTimer)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "cancel the timer that processes": (cancel_the_timer, "nothing_is_forgotten"),
    "empty the queue too late": (take_twice, "nothing_is_done_twice"),
    "ignore the limits": (ignore_the_limits, "a_full_batch_does_not_grow"),
    "wait for the last": (wait_for_the_last, "expect"),
    "deploy one after the other": (one_after_the_other(work_off, "kubectl_apply"), "expect"),
    "forget what does not fill a batch": (forget_the_rest, "nothing_is_forgotten"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
