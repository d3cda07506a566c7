"""An asyncio event loop whose clock jumps to the next timer when nothing else can happen."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

from pytest_mcpflow.clock.deadlock import waiting_tasks
from pytest_mcpflow.clock.instant import EPOCH, Clock
from pytest_mcpflow.clock.scopes import in_background, is_ours
from pytest_mcpflow.clock.transit import Transit
from pytest_mcpflow.errors import DeadlockError, VirtualTimeError

__all__ = ["VirtualClock", "VirtualTimeLoop", "is_virtual"]


class VirtualClock(Clock):
    """The time of a virtual loop."""

    def __init__(self, starts_at: datetime) -> None:
        super().__init__(starts_at)
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self, *, starts_at: datetime = EPOCH, stall_limit: float = 30.0) -> None:
        self.clock = VirtualClock(starts_at)
        self.transit = Transit()
        self.stall_limit = stall_limit
        self.jobs = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._waits: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = itertools.count()
        self._main: asyncio.Future[Any] | None = None
        self._blamed: asyncio.Future[Any] | None = None
        self._deadlock: DeadlockError | None = None
        super().__init__(_Selector(self))
        from pytest_mcpflow.clock.patches import RankedTask

        self.set_task_factory(lambda loop, coro, **kw: RankedTask(coro, loop=loop, **kw))

    def time(self) -> float:
        return self.clock.seconds

    def rebase(self, starts_at: datetime) -> None:
        self.clock.starts_at = starts_at - timedelta(seconds=self.clock.seconds)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        item = (when, next(self._count), handle)
        heapq.heappush(self._timers, item)
        if not in_background():
            heapq.heappush(self._waits, item)
        return handle

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        self.jobs += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(lambda _: self._job_done())
        return future

    def _job_done(self) -> None:
        self.jobs -= 1

    @contextmanager
    def blame(self, task: asyncio.Future[Any]) -> Iterator[None]:
        before, self._blamed = self._blamed, task
        try:
            yield
        finally:
            self._blamed = before

    def run_until_complete(self, future: Any) -> Any:
        main = asyncio.ensure_future(future, loop=self)
        before, self._main, self._deadlock = self._main, main, None
        try:
            result = super().run_until_complete(main)
        except BaseException:
            if self._deadlock is not None:
                raise self._deadlock from None
            raise
        finally:
            self._main = before
        if self._deadlock is not None:
            raise self._deadlock
        return result

    def run_forever(self) -> None:
        from pytest_mcpflow.clock.patches import patched

        with patched(self):
            super().run_forever()

    async def shutdown_default_executor(self, *args: Any) -> None:
        with self.transit.hold("shutting down threads"):
            await super().shutdown_default_executor(*args)

    def jump(self, timeout: float | None) -> None:
        now = self.clock.seconds
        for heap in (self._timers, self._waits):
            while heap and (heap[0][2].cancelled() or heap[0][0] <= now):
                heapq.heappop(heap)
        if not self._waits or timeout is None:
            self._deadlocked()
        else:
            when = self._timers[0][0]
            self.clock.seconds = when

    def _deadlocked(self) -> None:
        victim = self._blamed or self._main
        if self._deadlock is not None or victim is None:
            raise self._deadlock or DeadlockError(waiting_tasks(self))
        self._deadlock = DeadlockError(waiting_tasks(self))
        victim.cancel()

    def _refuse(self, what: str) -> None:
        if not is_ours():
            raise VirtualTimeError(
                f"{what} in virtual time: what is outside of this process cannot be made to wait for the clock; "
                "mark the test @pytest.mark.mcpflow(virtual_time=False)"
            )

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse(f"connecting to {args[1:] or kwargs}")
        return await super().create_connection(*args, **kwargs)

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse(f"starting the subprocess {args[1:2]}")
        return await super().subprocess_exec(*args, **kwargs)

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse(f"looking up {args[:2]}")
        return await super().getaddrinfo(*args, **kwargs)


class _Selector(selectors.BaseSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop, self._real = loop, selectors.DefaultSelector()
        self.register, self.unregister, self.modify = self._real.register, self._real.unregister, self._real.modify
        self.get_map, self.close, self.get_key = self._real.get_map, self._real.close, self._real.get_key

    def register(self, *a): ...
    def unregister(self, *a): ...
    def get_map(self): ...

    def select(self, timeout: float | None = None) -> Any:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.transit or self._loop.jobs:
            ready = self._real.select(self._loop.stall_limit)
            if not ready:
                raise VirtualTimeError(f"nothing arrived in {self._loop.stall_limit} real seconds; on its way: {self._loop.transit}")
            return ready
        self._loop.jump(timeout)
        return []


def is_virtual() -> bool:
    return isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
