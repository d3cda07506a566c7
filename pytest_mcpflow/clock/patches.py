"""Patches that last as long as a virtual loop runs."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ranks = itertools.count(1)


class RankedTask(asyncio.Task):  # type: ignore[type-arg]
    def __init__(self, coro: Any, *, loop: Any, **kw: Any) -> None:
        self._rank = next(_ranks)
        super().__init__(coro, loop=loop, **kw)

    def __hash__(self) -> int:
        return self._rank


@contextmanager
def patched(loop: Any) -> Iterator[None]:
    import time_machine
    from anyio._backends._asyncio import AsyncIOBackend

    saved = {n: getattr(time, n) for n in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")}
    orig = AsyncIOBackend.__dict__["run_sync_in_worker_thread"].__func__

    async def run_sync(cls: Any, *a: Any, **k: Any) -> Any:
        loop.jobs += 1
        try:
            return await orig(cls, *a, **k)
        finally:
            loop.jobs -= 1

    with time_machine.travel(loop.clock.wall(), tick=False) as travel:
        try:
            AsyncIOBackend.run_sync_in_worker_thread = classmethod(run_sync)
            loop.traveller = travel
            time.monotonic = time.perf_counter = loop.time
            yield
        finally:
            AsyncIOBackend.run_sync_in_worker_thread = classmethod(orig)
            for n, f in saved.items():
                setattr(time, n, f)
