"""How many calls an executor runs at once: one more waits in its queue until another has ended."""

from __future__ import annotations

import threading
import weakref
from collections import Counter

__all__ = ["Places"]

GRACE = 0.2
"""Real seconds in which a worker that is free comes for a call, where an executor does not say how many it has."""


class Places:
    """The workers of executors, and how many of them have a call that has begun.

    What matters is whether a worker will come for the next one. Those of the standard library say how many they have;
    of others it is learned, by waiting for one.
    """

    def __init__(self) -> None:
        self._taken = Counter[int]()
        self._learned: dict[int, int] = {}

    def take(self, executor: object) -> None:
        """A call begins."""
        self._taken[id(executor)] += 1

    def give_back(self, executor: object) -> None:
        """A call that had begun has ended."""
        self._taken[id(executor)] -= 1
        if not self._taken[id(executor)]:
            del self._taken[id(executor)]

    def is_one_free(self, executor: object, come: threading.Event) -> bool:
        """Whether a worker has the next call, or will; `come` is set by the one that has it."""
        taken = self._taken[id(executor)]
        size = getattr(executor, "_max_workers", None)
        if isinstance(size, int):
            return taken < size
        if taken < self._learned.get(id(executor), 1) or come.is_set():
            return True
        if id(executor) in self._learned or come.wait(GRACE):
            return come.is_set()
        self._learned[id(executor)] = taken
        weakref.finalize(executor, self._learned.pop, id(executor), None)
        return False
