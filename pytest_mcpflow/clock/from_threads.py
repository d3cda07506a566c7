"""Coroutines that a worker thread has the loop run: it waits for them in virtual time, and holds no clock meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_mcpflow.clock.named import in_place_of

if TYPE_CHECKING:
    from pytest_mcpflow.clock.loop import VirtualTimeLoop
    from pytest_mcpflow.clock.threads import Threads

__all__ = ["coroutines_of_threads"]

T = TypeVar("T")
NAME = "run_coroutine_threadsafe"


@contextmanager
def coroutines_of_threads(loop: VirtualTimeLoop) -> Generator[None]:
    """Let `asyncio.run_coroutine_threadsafe` in worker threads of `loop` follow it; anyio calls that, too."""
    real = asyncio.run_coroutine_threadsafe

    @wraps(real)
    def run(coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Future[T]:
        if loop is not virtual or loop.is_closed() or not virtual.threads.is_ours():
            return real(coro, loop)
        with virtual.threads.asking():
            return _in_virtual_time(real(coro, loop), virtual.threads)

    virtual = loop
    modules = (asyncio, asyncio.tasks)
    for module in modules:
        setattr(module, NAME, run)
    try:
        with in_place_of({NAME: real}, {NAME: run}):
            yield
    finally:
        for module in modules:
            setattr(module, NAME, real)


def _in_virtual_time(future: Future[T], threads: Threads) -> Future[T]:
    """The same future; only this one, since of others nobody knows whether the loop brings them about."""
    cancel = future.cancel

    def waited_for(ask: Callable[[float | None], Any], timeout: float | None = None) -> Any:
        if not threads.is_ours() or future.done() or (timeout is not None and timeout <= 0):
            return ask(timeout)
        threads.wait(future, timeout)
        return ask(0)

    def cancelled() -> bool:
        if not threads.is_ours():
            return cancel()
        with threads.asking():
            return cancel()

    future.result = partial(waited_for, future.result)  # type: ignore[method-assign]  # asyncio makes it
    future.exception = partial(waited_for, future.exception)  # type: ignore[method-assign]  # so it does
    future.cancel = cancelled  # type: ignore[method-assign]  # and here
    return future
