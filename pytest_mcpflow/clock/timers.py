"""Which timer is next, and whether anybody waits for one."""

from __future__ import annotations

import asyncio
import heapq
import itertools

__all__ = ["Timers"]

_Item = tuple[float, int, asyncio.TimerHandle]


class Timers:
    """The armed timers of a loop, in order of their deadlines.

    The base loop has such a heap, too, which is not public.
    """

    def __init__(self) -> None:
        self._all: list[_Item] = []
        self._awaited: list[_Item] = []
        self._ranks = itertools.count()

    def add(self, handle: asyncio.TimerHandle, *, awaited: bool) -> None:
        """Remember a timer; `awaited` if it is something to wait for."""
        item = (handle.when(), next(self._ranks), handle)
        heapq.heappush(self._all, item)
        if awaited:
            heapq.heappush(self._awaited, item)

    def next(self, now: float) -> float | None:
        """The earliest deadline after `now`, or `None` if nobody waits for any timer."""
        _drop_dead(self._awaited, now)
        if not self._awaited:
            return None
        _drop_dead(self._all, now)
        return self._all[0][0]


def _drop_dead(heap: list[_Item], now: float) -> None:
    while heap and (heap[0][2].cancelled() or heap[0][0] <= now):
        heapq.heappop(heap)
