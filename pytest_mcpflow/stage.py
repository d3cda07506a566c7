"""A stage: one virtual loop on which run follows run, each from time zero on and with nothing left of those before.

Making a loop and putting virtual clocks in place takes longer than a short run, so an exploration does it once.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
from collections.abc import Awaitable, Collection, Coroutine, Iterable
from contextlib import ExitStack, suppress
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self, TypeVar

from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.clock.deadlock import waiting
from pytest_mcpflow.clock.remains import Remains
from pytest_mcpflow.errors import DeadlockError

__all__ = ["Stage", "StillRunningError", "not_of_tasks"]

T = TypeVar("T")
GRACE = 60.0
"""Virtual seconds that what is cancelled has to end in."""
ROUNDS = 10
"""How often what is ended may begin something new before it is left behind with its loop."""


class StillRunningError(Exception):
    """What was run swallowed its cancellation and went on, so the stage left it where it was."""


class Stage:
    """A context in which coroutines run one after the other, each as on a loop of its own.

    `left_over` says what of the last run still ran when its coroutine had ended: tasks, which were cancelled, threads,
    which nobody can end, and processes, which were ended.

    Args:
        stall_limit: Real seconds to wait for a thread before giving it up.
        step_limit: Real seconds for one step, see `VirtualTimeLoop`.
        is_quiet: Whether nothing is logged of tasks that failed and that nobody asked.
    """

    def __init__(
        self, *, stall_limit: float = 30.0, step_limit: float | None = None, is_quiet: bool = False
    ) -> None:
        self._stall_limit, self._step_limit, self._is_quiet = stall_limit, step_limit, is_quiet
        self.left_over: tuple[str, ...] = ()
        self._remains = Remains()
        self._loop: VirtualTimeLoop | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.strike()
        self._remains.close()

    def run(self, coroutine: Coroutine[Any, Any, T], *, schedule: int | None = None) -> T:
        """Run a coroutine to its end.

        Args:
            coroutine: What to run.
            schedule: Draws the order of ready tasks; their own if `None`.

        Raises:
            DeadlockError: Nothing could run and no timer was armed.
            StillRunningError: Its loop was stopped and it went on.
        """
        try:
            loop = self._set()
        except BaseException:
            coroutine.close()
            raise
        self.left_over = ()
        self._remains.begin()
        loop.permute(schedule)
        task = loop.create_task(coroutine, context=copy_context())
        try:
            return loop.run_until_complete(task)
        except RuntimeError:
            if task.done():
                raise
            raise StillRunningError(f"was cancelled, swallowed that, and went on {waiting(task)}") from None
        finally:
            if task.done():
                self._clear(loop)
            else:
                self.strike()
            self.left_over += self._remains.end()

    def _set(self) -> VirtualTimeLoop:
        """The loop, as good as new."""
        if self._loop is None:
            self._loop = VirtualTimeLoop(stall_limit=self._stall_limit, step_limit=self._step_limit)
            if self._is_quiet:
                self._loop.set_exception_handler(not_of_tasks)
            self._stack.enter_context(self._loop.surroundings())
        return self._loop

    def _clear(self, loop: VirtualTimeLoop) -> None:
        """End what the last run left behind; if it does not end, leave it behind with its loop."""
        loop.permute(None)
        tasks = asyncio.all_tasks(loop)
        if tasks:
            ours = sorted((task for task in tasks if _is_somebodys(task)), key=hash)
            self.left_over = tuple(f"{task.get_name()} {waiting(task)}" for task in ours)
        for _ in range(ROUNDS):  # a task that is cancelled may begin another one
            generators = [*getattr(loop, "_asyncgens", ())]
            if not tasks and not generators:
                break
            if not _end(loop, tasks):
                self.strike()
                return
            if generators:  # not by loop.shutdown_asyncgens(), after which a loop takes no others
                loop.run_until_complete(_all(generator.aclose() for generator in generators))
            tasks = asyncio.all_tasks(loop)
        else:
            self.strike()
            return
        if loop.threads.are_left():  # one may yet come back to its loop, and not to that of another run
            self.strike()
            return
        loop.begin_again()

    def strike(self) -> None:
        """Close the loop, with which virtual time ends until the next run, which gets another one."""
        loop, self._loop = self._loop, None
        try:
            self._stack.close()
        finally:
            if loop is not None:
                _leave(loop)


def not_of_tasks(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong on a loop, but not that a task failed unasked: of many runs, most are made to go wrong."""
    if "task" not in context and "future" not in context:
        loop.default_exception_handler(context)


def _end(loop: VirtualTimeLoop, tasks: Collection[asyncio.Task[Any]]) -> bool:
    """Cancel tasks, and say whether they ended."""
    if not tasks:
        return True
    for task in tasks:
        task.cancel()
    stop = loop.call_later(GRACE, loop.stop)
    with suppress(RuntimeError, DeadlockError):
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    stop.cancel()
    return all(task.done() for task in tasks)


def _leave(loop: VirtualTimeLoop) -> None:
    """Close a loop, whatever still runs on it."""
    for task in asyncio.all_tasks(loop):
        _never_finalize(task.get_coro())
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # said already, by `left_over` or an error
    loop.close()


def _never_finalize(coroutine: object) -> None:
    """Let nothing be raised any more in what swallows everything.

    Python raises in a coroutine that nobody refers to any more, so that it ends; one that catches that, too, would go
    round for ever then, since nothing can be awaited without a loop. A reference that nobody gives back prevents it.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _is_somebodys(task: asyncio.Task[Any]) -> bool:
    """Whether a workflow began it: not the house, nor the interpreter, which closes generators that nobody reads on."""
    return not getattr(task, "is_background", False) and inspect.iscoroutine(task.get_coro())


async def _all(awaitables: Iterable[Awaitable[object]]) -> None:
    for each in awaitables:
        with suppress(Exception):
            await each
