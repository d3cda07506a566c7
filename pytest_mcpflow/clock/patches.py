"""What is patched while a virtual loop runs, and only then: clocks, sleeping, anyio's worker threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.clock.from_threads import follower
from pytest_mcpflow.clock.named import in_place_of
from pytest_mcpflow.clock.order import ranked_scopes
from pytest_mcpflow.clock.seams import seam
from pytest_mcpflow.clock.watch import watched
from pytest_mcpflow.clock.zone import LocalZone

if TYPE_CHECKING:
    from pytest_mcpflow.clock.loop import VirtualTimeLoop
    from pytest_mcpflow.clock.threads import Turn

__all__ = ["virtual_surroundings"]


@contextmanager
def virtual_surroundings(loop: VirtualTimeLoop) -> Generator[None]:
    """Let everything that asks for the time, sleeps or starts threads follow `loop`."""
    owner = threading.get_ident()

    def follows() -> bool:
        return threading.get_ident() == owner or loop.threads.is_ours()

    with ExitStack() as stack:
        stack.enter_context(ranked_scopes(loop.ranks))
        stack.enter_context(_anyio_threads(loop))
        stack.enter_context(_calendar(loop, follows))
        stack.enter_context(_functions(loop, follows))
        stack.enter_context(watched(loop))
        yield


@contextmanager
def _calendar(loop: VirtualTimeLoop, follows: Callable[[], bool]) -> Generator[None]:
    """Threads that are not the run's keep the real calendar: a cluster's or a tracer's count on it meanwhile."""
    import time_machine

    clock, was_asked = loop.clock, False
    with time_machine.travel(clock.wall().timestamp(), tick=False) as traveller, LocalZone() as zone:
        real = time_machine.escape_hatch.time.time_ns

        def nanoseconds() -> int:
            nonlocal was_asked
            was_asked = True
            return loop.asked(int(clock.wall().timestamp() * 1e9)) if follows() else real()

        def set_again() -> None:
            nonlocal was_asked
            zone.follow(clock.base)
            if was_asked:  # by uuid1(), for one, which must forget what time it was
                traveller.move_to(clock.wall().timestamp())
                was_asked = False

        traveller.time_ns = nanoseconds  # type: ignore[method-assign]  # asked by its C code
        set_again()
        with clock.followed_by(set_again):
            yield


@contextmanager
def _functions(loop: VirtualTimeLoop, follows: Callable[[], bool]) -> Generator[None]:
    owner = threading.get_ident()
    clocks = "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"
    asks = "run_coroutine_threadsafe"
    places: list[tuple[Any, str]] = [
        *((time, name) for name in clocks),
        (asyncio, asks),
        (asyncio.tasks, asks),
    ]
    real: dict[str, Callable[..., Any]] = {name: getattr(module, name) for module, name in places}

    def seconds(name: str) -> Callable[[], float]:
        return lambda: loop.asked(loop.time()) if follows() else real[name]()

    def nanoseconds(name: str) -> Callable[[], int]:
        return lambda: round(loop.asked(loop.time()) * 1e9) if follows() else real[name]()

    @wraps(real["sleep"])
    def sleep(duration: float) -> None:
        if threading.get_ident() == owner:
            loop.clock.move_to(loop.time() + duration)
        elif loop.threads.is_ours():
            loop.threads.sleep(duration)
        else:
            real["sleep"](duration)

    virtual: dict[str, Callable[..., Any]] = {
        "monotonic": seconds("monotonic"),
        "monotonic_ns": nanoseconds("monotonic_ns"),
        "perf_counter": seconds("perf_counter"),
        "perf_counter_ns": nanoseconds("perf_counter_ns"),
        "sleep": sleep,
        asks: follower(loop, real[asks]),
    }
    with ExitStack() as stack:
        for module, name in places:
            stack.callback(setattr, module, name, real[name])
            setattr(module, name, virtual[name])
        stack.enter_context(in_place_of(real, virtual))
        yield


class _Queued:
    """A limit of threads; who gets past it queues for its turn, since no thread is there for the others yet."""

    def __init__(self, loop: VirtualTimeLoop, turn: Turn, limiter: AbstractAsyncContextManager[Any]) -> None:
        self._loop, self._turn, self._limiter = loop, turn, limiter

    async def __aenter__(self) -> None:
        await self._limiter.__aenter__()
        self._loop.threads.queue(self._turn)

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._limiter.__aexit__(*error)


@contextmanager
def _anyio_threads(loop: VirtualTimeLoop) -> Generator[None]:
    """anyio has worker threads of its own, of which no event loop knows."""
    backend = seam("anyio", "anyio._backends._asyncio", "AsyncIOBackend")
    worker = seam("anyio", "anyio._backends._asyncio", "WorkerThread")
    to_thread = seam("anyio", "anyio._backends._asyncio", "AsyncIOBackend.run_sync_in_worker_thread").__func__

    async def run_sync(
        cls: Any, func: Callable[..., Any], args: Any, abandon_on_cancel: bool = False, limiter: Any = None
    ) -> Any:
        turn = loop.threads.turn(func)
        limited = _Queued(loop, turn, limiter or cls.current_default_thread_limiter())
        try:
            return await to_thread(cls, loop.threads.in_turn(turn, func), args, abandon_on_cancel, limited)
        finally:
            loop.threads.returned(turn)

    def start(thread: threading.Thread) -> None:
        thread.daemon = True  # one that never returns must not keep the process
        threading.Thread.start(thread)

    started_before = worker.start
    worker.start = start
    backend.run_sync_in_worker_thread = classmethod(run_sync)
    try:
        yield
    finally:
        worker.start = started_before
        backend.run_sync_in_worker_thread = classmethod(to_thread)
