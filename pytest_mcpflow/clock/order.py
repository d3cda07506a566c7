"""Cancellation in a reproducible order.

asyncio's task groups and anyio's scopes keep tasks in sets, whose order follows addresses in memory. Hashing
by rank of creation makes it the order of creation.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from pytest_mcpflow.clock.scopes import in_background
from pytest_mcpflow.clock.seams import seam

__all__ = ["RankedTask", "ranked_scopes", "ranked_tasks"]


class RankedTask(asyncio.Task[Any]):
    """A task that hashes by rank, and knows whether it belongs to infrastructure."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        rank: int,
        loop: asyncio.AbstractEventLoop,
        **options: Any,
    ) -> None:
        self._rank = rank  # first, since the base class puts the task into a set
        context: Context | None = options.get("context")
        self.is_background = in_background() if context is None else context.run(in_background)
        super().__init__(coroutine, loop=loop, **options)

    def __hash__(self) -> int:
        return self._rank


def ranked_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop make ranked tasks."""
    ranks = itertools.count(1)

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        return RankedTask(coroutine, rank=next(ranks), loop=loop, **options)

    loop.set_task_factory(make)


@contextmanager
def ranked_scopes() -> Generator[None]:
    """While in here, anyio's cancel scopes hash by rank."""
    scope = seam("anyio", "anyio._backends._asyncio", "CancelScope")
    ranks = itertools.count(1)
    rank_of: dict[
        int, int
    ] = {}  # by id, since scopes have slots; an id is stamped anew when it is used again
    initialize, hash_of = scope.__init__, scope.__hash__

    def ranked_init(self: object, *args: Any, **options: Any) -> None:
        rank_of[id(self)] = next(ranks)
        initialize(self, *args, **options)

    def rank(self: object) -> int:
        return rank_of.get(id(self), 0)

    scope.__init__ = ranked_init
    scope.__hash__ = rank
    try:
        yield
    finally:
        scope.__init__, scope.__hash__ = initialize, hash_of
