"""Worker threads in virtual time: one runs at a time, in the order asked, and the clock waits for it.

A thread is let run only when the loop has nothing else to do, so that what it finds, and when its result
comes back, are the same in each run. One that never returns is given up, and nobody joins it, or the process would
not end.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Container, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakSet

from pytest_mcpflow.clock.places import Places

if TYPE_CHECKING:
    from pytest_mcpflow.clock.loop import VirtualTimeLoop

__all__ = ["Threads", "Turn", "Worker"]

T = TypeVar("T")
LAST_MOMENT = 1.0
"""Real seconds for a thread that has nothing to do any more to end in."""


class Turn:
    """One call that was asked of a worker thread."""

    def __init__(self, label: str, executor: object = None) -> None:
        self.label, self.executor = label, executor
        self.begin: Callable[[], None] | None = None
        """Gives it to a thread of the house, once."""
        self.is_ours = False
        self.come, self.go = threading.Event(), threading.Event()
        self.has_begun = self.abandoned = False
        self.thread_done = self.caller_done = False
        self.kept: list[Callable[[], object]] = []
        """What it asked of the loop since it rested."""
        self.is_asking = self.is_overdue = False


class Threads:
    """The calls of one loop that run, or wait to run, in worker threads."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._waiting: deque[Turn] = deque()
        self._running: dict[Turn, None] = {}
        self._begun: dict[Turn, None] = {}
        self._places = Places()
        self._turns: dict[int, Turn] = {}
        self._workers = _Workers()
        self._known = WeakSet(threading.enumerate())
        self._is_at_rest: asyncio.Future[None] | None = None

    def __str__(self) -> str:
        return ", ".join(f"the thread of {turn.label}" for turn in self._running)

    def ask(self, func: Callable[..., Any], executor: object = None) -> Turn:
        """Queue a call; with an executor, one that its workers run."""
        turn = self.turn(func, executor)
        self.queue(turn)
        return turn

    def turn(self, func: Callable[..., Any], executor: object = None) -> Turn:
        """A call that is to be queued later."""
        return Turn(_named(func), executor)

    def queue(self, turn: Turn) -> None:
        """Let it run after those that are queued."""
        self._waiting.append(turn)

    def in_turn(self, turn: Turn, func: Callable[..., T]) -> Callable[..., T | None]:
        """`func` for the worker thread: it waits for its turn."""

        def run(*args: Any) -> T | None:
            self._known.add(threading.current_thread())
            turn.come.set()
            turn.go.wait()
            if turn.abandoned:
                return None
            self._turns[threading.get_ident()] = turn
            try:
                return func(*args)
            finally:
                del self._turns[threading.get_ident()]
                with suppress(RuntimeError):  # the loop that gave it up is closed
                    self._loop.call_soon_threadsafe(self._end, turn, "thread_done")

        return run

    def by_ours(self, turn: Turn, func: Callable[..., T], *args: Any) -> Future[T | None]:
        """Let a thread of the house call `func`, once it is its turn."""
        future = Future[T | None]()
        turn.is_ours = True
        turn.begin = partial(self._workers.run, future, partial(self.in_turn(turn, func), *args))
        return future

    def returned(self, turn: Turn) -> None:
        """The caller has the result, or has given up."""
        if not turn.has_begun and turn in self._waiting:
            self._waiting.remove(turn)
            turn.abandoned = turn.thread_done = True
            turn.go.set()
        self._end(turn, "caller_done")

    def busy(self) -> bool:
        """Whether a thread runs; lets the next one run if none does. Called when the loop is idle."""
        if not self._running and self._waiting:
            turn = next(filter(self._can_run, self._waiting), None)
            if turn is not None:
                self._waiting.remove(turn)
                self._run(turn)
        return bool(self._running)

    def _can_run(self, turn: Turn) -> bool:
        """Whether a thread has it, or will; all of an executor's may be asleep."""
        return turn.has_begun or turn.executor is None or self._places.is_one_free(turn.executor, turn.come)

    def _run(self, turn: Turn) -> None:
        self._running[turn] = None
        if not turn.has_begun:
            turn.has_begun = True
            self._begun[turn] = None
            self._places.take(turn.executor)
            if turn.begin is not None:
                turn.begin()
                turn.begin = None
        turn.go.set()

    def give_up(self) -> str:
        """Wait no longer for the threads that run; says which they are."""
        which = str(self)
        if which:
            self._running.clear()
            self._rest()
        return which

    def are_left(self) -> bool:
        """Whether any thread has begun with a call and not ended, also one that was given up."""
        return bool(self._begun)

    def others(self) -> list[str]:
        """The names of threads that somebody started meanwhile, and that nothing waits for."""
        return sorted(thread.name for thread in threading.enumerate() if thread not in self._known)

    async def at_rest(self) -> None:
        """Wait for threads of the house whose callers have given up."""
        while any(turn.is_ours and turn.has_begun for turn in (*self._running, *self._waiting)):
            self._is_at_rest = self._loop.create_future()
            await self._is_at_rest

    def end(self) -> None:
        """Let the threads of the house end; those that still run end with the process."""
        self._workers.end(self._turns)

    def is_ours(self) -> bool:
        """Whether the current thread is one whose turn it is."""
        return threading.get_ident() in self._turns

    def sleep(self, seconds: float) -> None:
        """Let the virtual clock run for a while; for the current worker thread."""
        self._rest_until(partial(self._loop.call_later, seconds))

    def wait(self, future: Future[Any], seconds: float | None) -> None:
        """Let the loop run until it has brought about a result, or for a while; for the current worker thread."""

        def arm(wake: Callable[[], None]) -> None:
            woken = [False]

            def end() -> None:
                if timer is not None:
                    timer.cancel()
                if not woken[0]:
                    woken[0] = True
                    wake()

            def done(_: object) -> None:
                with suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(end)

            timer = None if seconds is None else self._loop.call_later(seconds, end)
            future.add_done_callback(done)

        self._rest_until(arm)

    @contextmanager
    def asking(self) -> Generator[None]:
        """Keep what the current worker thread asks of the loop in here until the thread rests.

        Otherwise the loop would begin with it while the thread goes on, and which one is first would be chance.
        """
        turn = self._turns[threading.get_ident()]
        turn.is_asking = turn in self._running
        try:
            yield
        finally:
            turn.is_asking = False

    def keeps(self, asked: Callable[[], object]) -> bool:
        """Whether what the current thread asks is kept for now."""
        turn = self._turns.get(threading.get_ident())
        if turn is None or not turn.is_asking:
            return False
        turn.kept.append(asked)
        return True

    def hear(self) -> bool:
        """Let the loop do what was kept at the last look, too, since its thread may wait in a way that nobody sees."""
        overdue = [turn for turn in self._running if turn.kept and turn.is_overdue]
        for turn in self._running:
            turn.is_overdue = bool(turn.kept)
        for turn in overdue:
            self._hear(turn)
        return bool(overdue)

    def _hear(self, turn: Turn) -> None:
        kept, turn.kept, turn.is_overdue = turn.kept, [], False
        for asked in kept:
            asked()

    def _rest_until(self, arm: Callable[[Callable[[], None]], object]) -> None:
        turn = self._turns[threading.get_ident()]
        turn.go.clear()

        def rest() -> None:
            self._running.pop(turn, None)
            arm(partial(self._waiting.append, turn))
            self._hear(turn)

        self._loop.call_soon_threadsafe(rest)
        turn.go.wait()

    def _end(self, turn: Turn, half: str) -> None:
        if half == "thread_done" and turn in self._begun:
            del self._begun[turn]
            self._places.give_back(turn.executor)
        setattr(turn, half, True)
        if turn.thread_done and turn.caller_done:
            self._running.pop(turn, None)
            self._hear(turn)
            self._rest()

    def _rest(self) -> None:
        if self._is_at_rest is not None and not self._is_at_rest.done():
            self._is_at_rest.set_result(None)


class Worker(threading.Thread):
    """A thread of the house, in which calls of the code under test run."""


class _Workers:
    """Threads that Python does not join at its exit, as it does those of an executor."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[Worker] = []

    def run(self, future: Future[T], func: Callable[[], T]) -> None:
        self._work.put(partial(self._settle, future, func))
        if not self._idle.acquire(blocking=False):
            name = f"virtual time's worker {len(self._threads)}"
            self._threads.append(Worker(target=self._serve, name=name, daemon=True))
            self._threads[-1].start()

    def end(self, busy: Container[int | None]) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            if thread.ident not in busy:
                thread.join(LAST_MOMENT)
        self._threads.clear()

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            job()
            del job

    def _settle(self, future: Future[T], func: Callable[[], T]) -> None:
        """Idle before the caller hears of it, so that its next call finds the same thread in each run."""
        try:
            result = func() if future.set_running_or_notify_cancel() else None
        except BaseException as error:
            self._idle.release()
            future.set_exception(error)
        else:
            self._idle.release()
            if not future.cancelled():
                future.set_result(cast("T", result))


def _named(func: Callable[..., Any]) -> str:
    """What messages call a function; `asyncio.to_thread` passes one as an argument of `Context.run`."""
    if isinstance(func, partial):
        inner: list[Any] = [each for each in func.args[:1] if callable(each)]
        return _named(inner[0] if inner else func.func)
    return str(getattr(func, "__qualname__", None) or repr(func))
