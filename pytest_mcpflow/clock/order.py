"""Cancellation in a reproducible order.

asyncio's task groups and anyio's scopes keep tasks in sets, whose order follows addresses in memory. Hashing
by rank of creation makes it the order of creation.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from pytest_mcpflow.clock.scopes import in_background
from pytest_mcpflow.clock.seams import seam

__all__ = ["RankedTask", "Ranks", "ranked_scopes"]


class Ranks:
    """Counts the tasks and scopes of one loop in the order in which they are made."""

    def __init__(self) -> None:
        # By id, since scopes have slots; an id is stamped anew when it is used again. Kept as long as the loop is,
        # since a scope may outlive a run: an async fixture, its test and the end of a runner are three.
        self.of_scopes = dict[int, int]()
        self.begin_again()

    def begin_again(self) -> None:
        """Count from one on, since the order in a set also depends on where the count stood."""
        self.tasks, self.scopes = itertools.count(1), itertools.count(1)


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
        if options.get("name") is None:
            options["name"] = f"Task-{rank}"  # asyncio counts the tasks of a whole process
        self._rank = rank  # first, since the base class puts the task into a set
        context: Context | None = options.get("context")
        self.is_background = in_background(context)
        super().__init__(coroutine, loop=loop, **options)

    def __hash__(self) -> int:
        return self._rank

    @classmethod
    def made_by(cls, ranks: Ranks) -> Callable[..., RankedTask]:
        """A factory of tasks for a loop."""

        def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> RankedTask:
            return cls(coroutine, rank=next(ranks.tasks), loop=loop, **options)

        return make


@contextmanager
def ranked_scopes(ranks: Ranks) -> Generator[None]:
    """While in here, anyio's cancel scopes hash by rank."""
    scope = seam("anyio", "anyio._backends._asyncio", "CancelScope")
    rank_of = ranks.of_scopes
    initialize, hash_of = scope.__init__, scope.__hash__

    def ranked_init(self: object, *args: Any, **options: Any) -> None:
        rank_of[id(self)] = next(ranks.scopes)
        initialize(self, *args, **options)

    def rank(self: object) -> int:
        return rank_of.get(id(self), 0)

    scope.__init__ = ranked_init
    scope.__hash__ = rank
    try:
        yield
    finally:
        scope.__init__, scope.__hash__ = initialize, hash_of
