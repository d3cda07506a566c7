"""Which timer is next, and whether anybody waits for one."""

from __future__ import annotations

import asyncio
import heapq
import itertools

__all__ = ["Deadline", "Timers"]

_Item = tuple[float, int, asyncio.TimerHandle]


class Deadline(float):
    """An instant at which a timer is due; of equal ones the one made first is the lesser.

    The heap of asyncio orders timers by their deadlines alone, and so fires those of one instant in an order that
    depends on all other timers, also on those of the transport.
    """

    __slots__ = ("rank",)
    rank: int

    def __lt__(self, other: float) -> bool:
        if self == other and isinstance(other, Deadline):
            return self.rank < other.rank
        return float.__lt__(self, other)


class Timers:
    """The armed timers of a loop, in order of their deadlines.

    The base loop has such a heap, too, which is not public.
    """

    def __init__(self) -> None:
        self._all: list[_Item] = []
        self._awaited: list[_Item] = []
        self._ranks = itertools.count()

    def deadline(self, when: float) -> Deadline:
        """An instant, after all equal ones so far."""
        deadline = Deadline(when)
        deadline.rank = next(self._ranks)
        return deadline

    def add(self, deadline: Deadline, handle: asyncio.TimerHandle, *, awaited: bool) -> None:
        """Remember a timer; `awaited` if it is something to wait for."""
        item = (float(deadline), deadline.rank, handle)
        heapq.heappush(self._all, item)
        if awaited:
            heapq.heappush(self._awaited, item)

    def forget(self) -> None:
        """Cancel all timers, and count from the beginning."""
        for _, _, handle in self._all:
            handle.cancel()
        self._all.clear()
        self._awaited.clear()
        self._ranks = itertools.count()

    def next(self, now: float) -> float | None:
        """The earliest deadline after `now`, or `None` if nobody waits for any timer."""
        _drop_dead(self._awaited, now)
        if not self._awaited:
            return None
        _drop_dead(self._all, now)
        return self._all[0][0]

    def is_awaited(self, deadline: float) -> bool:
        """Whether somebody waits for the deadline that was the next one."""
        return bool(self._awaited) and self._awaited[0][0] <= deadline


def _drop_dead(heap: list[_Item], now: float) -> None:
    while heap and (heap[0][2].cancelled() or heap[0][0] <= now):
        heapq.heappop(heap)
