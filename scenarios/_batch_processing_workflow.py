"""Operations that are collected, and done together: when enough of a kind are there, or the first has waited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._feeds import rows
from pytest_mcpflow.scenarios._storage import store_once

__all__ = ["DELAY", "LIMITS", "BatchReport", "Batcher", "Operation", "work_off"]

LIMITS = {"notification": 10, "deployment": 5, "monitoring": 20}
DELAY = 5.0


@dataclass(frozen=True)
class Operation:
    """Something of a kind to do with one thing."""

    kind: str
    subject: str


@dataclass(frozen=True)
class BatchReport:
    """The sizes of the batches of each kind, in order, and the operations that are not known to be done."""

    success: bool
    batches: Mapping[str, tuple[int, ...]]
    failed: tuple[str, ...]


class Batcher:
    """Collects operations by kind and hands on each of them once.

    Args:
        tasks: Where batches are processed; leaving it waits for those that are still collected.
        process: What is done with a batch.
        limits: How many of a kind are a full batch; `default` for kinds that are not named.
        delay: Seconds that the first operation of a batch waits for others.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        process: Callable[[str, Sequence[Operation]], Coroutine[Any, Any, None]],
        *,
        limits: Mapping[str, int],
        default: int = 10,
        delay: float = DELAY,
    ) -> None:
        self._tasks, self._process = tasks, process
        self._limits, self._default, self._delay = limits, default, delay
        self._collected: dict[str, list[Operation]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}

    def add(self, operation: Operation) -> None:
        """Collect an operation; a batch that is full with it is processed at once."""
        kind = operation.kind
        batch = self._collected.setdefault(kind, [])
        batch.append(operation)
        if len(batch) >= self._limits.get(kind, self._default):
            self.flush(kind)
        elif kind not in self._timers:
            self._timers[kind] = self._tasks.create_task(self._flush_later(kind))

    def flush(self, kind: str) -> None:
        """Process what is collected of a kind. Taken as a whole: who comes second finds nothing."""
        if (timer := self._timers.pop(kind, None)) is not None:
            timer.cancel()
        if batch := self._collected.pop(kind, None):
            self._tasks.create_task(self._process(kind, batch))

    async def _flush_later(self, kind: str) -> None:
        await asyncio.sleep(self._delay)
        del self._timers[kind]  # it is over, and must not be cancelled in the middle of what it began
        self.flush(kind)


class _Worker:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.batches: dict[str, tuple[int, ...]] = {}
        self.failed: list[str] = []

    async def process(self, kind: str, batch: Sequence[Operation]) -> None:
        """Do the operations of a batch at the same time; one that fails stops no other."""
        done = await asyncio.gather(*map(self._do, batch), return_exceptions=True)
        failed = {
            f"{kind} {operation.subject}": str(error)
            for operation, error in zip(batch, done, strict=True)
            if isinstance(error, Exception)
        }
        self.batches[kind] = (*self.batches.get(kind, ()), len(batch))
        self.failed += failed
        subjects = f"{batch[0].subject} to {batch[-1].subject}"
        if failed:
            await self._desk.alert(
                f"Batch processing failed for {kind}: {', '.join(failed)}", failed, severity="medium"
            )
        notice = f"Batch processed: {len(batch)} {kind} operations, {subjects}"
        await self._desk.notify(notice, "dashboard", priority="low")

    async def _do(self, operation: Operation) -> None:
        desk, subject = self._desk, operation.subject
        match operation.kind:
            case "notification":
                await self._tell(f"Finished: {subject}")
            case "deployment":
                applied = {"manifest_path": f"k8s/{subject}.yaml", "namespace": "production"}
                await desk.repeat("kubernetes.kubectl_apply", applied)
            case "monitoring":
                rules = {"service": subject, "environment": "production"}
                await desk.repeat("prometheus-monitoring.setup_alerts", rules)
            case "backup":
                wanted = {"source": "k8s/", "backup_name": subject, "idempotency_token": subject}
                await store_once(desk, "backup_config", wanted, key=f"config/{subject}")
            case unknown:
                raise ValueError(f"nobody knows how to do {unknown!r}")

    async def _tell(self, message: str) -> None:
        await self._desk.notify(message, "slack")
        if message in self._desk.untold:
            raise RuntimeError(f"not told: {message}")


async def work_off(hub: Hub, batcher: type[Batcher] = Batcher) -> BatchReport:
    """Do what `operations.txt` asks for, each at its second, in batches."""
    with context_of(hub, "batch-processing") as context_id:
        desk = Desk(hub, context_id=context_id)
        worker = _Worker(desk)
        try:
            lines = rows(await desk.read("operations.txt"), "second", "kind", "subject")
            feed = [(float(second), kind, subject) for second, kind, subject in lines]
            began = asyncio.get_running_loop().time()
            async with asyncio.TaskGroup() as tasks:
                batches = batcher(tasks, worker.process, limits=LIMITS)
                for second, kind, subject in feed:
                    await asyncio.sleep(began + second - asyncio.get_running_loop().time())
                    batches.add(Operation(kind, subject))
        except Exception as error:
            await desk.alert(f"The batches stopped: {error}", severity="high")
            raise
        unheard = [message for message in desk.untold if message.startswith("Batch")]
        if unheard:
            await desk.alert(f"Not told: {'; '.join(unheard)}", severity="medium")
        return BatchReport(not (worker.failed or unheard), worker.batches, tuple(worker.failed))
