"""Worker threads in virtual time: one runs at a time, in the order asked, and the clock waits for it.

A thread is let run only when the loop has nothing else to do, so that what it finds, and when its result
comes back, are the same in each run.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pytest_mcpflow.clock.loop import VirtualTimeLoop

__all__ = ["Threads", "Turn"]

T = TypeVar("T")


class Turn:
    """One call that was asked of a worker thread."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.go = threading.Event()
        self.abandoned = False
        self.thread_done = self.caller_done = False


class Threads:
    """The calls of one loop that run, or wait to run, in worker threads."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._waiting: deque[Turn] = deque()
        self._running: dict[Turn, None] = {}
        self._turns: dict[int, Turn] = {}

    def __str__(self) -> str:
        return ", ".join(f"the thread of {turn.label}" for turn in self._running)

    def ask(self, func: Callable[..., Any]) -> Turn:
        """Queue a call."""
        turn = Turn(_named(func))
        self._waiting.append(turn)
        return turn

    def in_turn(self, turn: Turn, func: Callable[..., T]) -> Callable[..., T | None]:
        """`func` for the worker thread: it waits for its turn."""

        def run(*args: Any) -> T | None:
            turn.go.wait()
            if turn.abandoned:
                return None
            self._turns[threading.get_ident()] = turn
            try:
                return func(*args)
            finally:
                del self._turns[threading.get_ident()]
                self._loop.call_soon_threadsafe(self._end, turn, "thread_done")

        return run

    def returned(self, turn: Turn) -> None:
        """The caller has the result, or has given up."""
        if turn in self._waiting:
            self._waiting.remove(turn)
            turn.abandoned = turn.thread_done = True
            turn.go.set()
        self._end(turn, "caller_done")

    def busy(self) -> bool:
        """Whether a thread runs; lets the next one run if none does. Called when the loop is idle."""
        if not self._running and self._waiting:
            turn = self._waiting.popleft()
            self._running[turn] = None
            turn.go.set()
        return bool(self._running)

    def is_ours(self) -> bool:
        """Whether the current thread is one whose turn it is."""
        return threading.get_ident() in self._turns

    def sleep(self, seconds: float) -> None:
        """Let the virtual clock run for a while; for the current worker thread."""
        turn = self._turns[threading.get_ident()]
        turn.go.clear()

        def pause() -> None:
            self._running.pop(turn)
            self._loop.call_later(seconds, self._waiting.append, turn)

        self._loop.call_soon_threadsafe(pause)
        turn.go.wait()

    def lent(self, func: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        """`func`, run on the loop for the current worker thread, which waits for it meanwhile."""
        turn = self._turns[threading.get_ident()]

        async def run(*args: Any) -> T:
            self._running.pop(turn, None)
            try:
                return await func(*args)
            finally:
                self._running[turn] = None

        return run

    def _end(self, turn: Turn, half: str) -> None:
        setattr(turn, half, True)
        if turn.thread_done and turn.caller_done:
            self._running.pop(turn, None)


def _named(func: Callable[..., Any]) -> str:
    """What messages call a function; `asyncio.to_thread` passes one as an argument of `Context.run`."""
    if isinstance(func, partial):
        inner: list[Any] = [each for each in func.args[:1] if callable(each)]
        return _named(inner[0] if inner else func.func)
    return str(getattr(func, "__qualname__", None) or repr(func))
