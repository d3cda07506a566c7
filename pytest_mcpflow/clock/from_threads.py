"""Coroutines that a worker thread has the loop run: it waits for them in virtual time, and holds no clock meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pytest_mcpflow.clock.loop import VirtualTimeLoop
    from pytest_mcpflow.clock.threads import Threads

__all__ = ["follower"]

T = TypeVar("T")


def follower(virtual: VirtualTimeLoop, real: Callable[..., Future[T]]) -> Callable[..., Future[T]]:
    """`asyncio.run_coroutine_threadsafe` for worker threads of a loop; those of anyio call it, too."""

    @wraps(real)
    def run(coro: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Future[T]:
        if loop is not virtual or loop.is_closed() or not virtual.threads.is_ours():
            return real(coro, loop)
        with virtual.threads.asking():
            return _in_virtual_time(real(coro, loop), virtual.threads)

    return run


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
