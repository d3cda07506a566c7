"""A gateway that keeps the contexts of its sessions for an hour, and no more than 200 of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache

from pytest_mcpflow import CallResult, Context, Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._feeds import rows

__all__ = ["CacheReport", "CacheStats", "SessionContexts", "serve_sessions"]


@dataclass(frozen=True)
class CacheStats:
    """What the cache did so far, and what is in it: `tool_calls` were made in the contexts that are open."""

    hits: int
    misses: int
    evictions: int
    expirations: int
    active_contexts: int
    tool_calls: int
    cache_type: str = "TTL with LRU eviction"


@dataclass(frozen=True)
class CacheReport:
    """How the sessions were served; `failed` has those whose requests were not."""

    success: bool
    stats: CacheStats
    failed: tuple[str, ...]


class SessionContexts:
    """The contexts of sessions. One that is full gives up the context that was not used for the longest time.

    Args:
        hub: Where the contexts are opened.
        size: How many are kept at most.
        ttl: Seconds from its opening until a context is not used any more, however much it was used.
        cleanup_interval: Seconds between two clean-ups of contexts nobody asks for.
    """

    def __init__(
        self, hub: Hub, *, size: int = 200, ttl: float = 3600.0, cleanup_interval: float = 300.0
    ) -> None:
        self._hub, self._cleanup_interval = hub, cleanup_interval
        self._kept: TTLCache[str, Context] = TTLCache(
            size, ttl, timer=lambda: asyncio.get_running_loop().time()
        )
        self._opened: dict[str, int] = {}
        self._hits = self._misses = self._evictions = self._expirations = 0

    def get(self, session: str) -> Context:
        """The context of a session: the one it has, or a new one."""
        if (context := self._kept.get(session)) is not None:
            self._hits += 1
            return context
        self._misses += 1
        self.clean_up()  # before the cache does, which would leave contexts open
        if len(self._kept) == self._kept.maxsize:
            self._make_room()
        # Never an id twice: what an old context has left behind must not be taken for the new one's.
        self._opened[session] = number = self._opened.get(session, 0) + 1
        self._kept[session] = context = self._hub.create_context(f"{session}/{number}")
        return context

    def clean_up(self) -> None:
        """Close what is expired."""
        for _, context in self._kept.expire():
            self._expirations += 1
            self._close(context)

    async def keep_clean(self) -> None:
        """Clean up at every interval, until cancelled."""
        while True:
            await asyncio.sleep(self._cleanup_interval)
            self.clean_up()

    def close(self) -> None:
        """Close all contexts."""
        self.clean_up()
        while self._kept:
            self._close(self._kept.popitem()[1])

    def stats(self) -> CacheStats:
        contexts = [*copy(self._kept).values()]  # a copy, since being looked at counts as use
        calls = sum(len(context.tool_calls) for context in contexts)
        done = (self._hits, self._misses, self._evictions, self._expirations)
        return CacheStats(*done, active_contexts=len(contexts), tool_calls=calls)

    def _make_room(self) -> None:
        self._evictions += 1
        self._close(self._kept.popitem()[1])  # the one used longest ago

    def _close(self, context: Context) -> None:
        del self._hub.contexts[context.id]


class _Session(Desk):
    """Every attempt asks for the context anew: it may have expired since the one before."""

    def __init__(self, hub: Hub, cache: SessionContexts, name: str) -> None:
        super().__init__(hub)
        self._cache, self._name = cache, name

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallResult:
        self._context_id = self._cache.get(self._name).id
        return await super().call(tool, arguments)


async def serve_sessions(hub: Hub, cache: SessionContexts) -> CacheReport:
    """Serve the requests of a day, each at its second, and tell how the cache did."""
    with context_of(hub, "gateway") as context_id:
        desk, failed = Desk(hub, context_id=context_id), list[str]()

        async def serve(second: float, session: str, command: list[str]) -> None:
            await asyncio.sleep(second)
            try:
                if command:
                    await _Session(hub, cache, session).run(command[0])
                else:
                    cache.get(session)
            except Exception as error:
                failed.append(f"{session}: {error}")

        try:
            lines = rows(await desk.read("requests.txt"), "second", "session", "command?")
            requests = [(float(second), session, command) for second, session, *command in lines]
            async with asyncio.TaskGroup() as tasks:
                cleaner = tasks.create_task(cache.keep_clean())
                await asyncio.gather(*(tasks.create_task(serve(*request)) for request in requests))
                cleaner.cancel()
            stats = cache.stats()
        except Exception as error:
            await desk.alert(f"The gateway stopped: {error}", severity="high")
            raise
        finally:
            cache.close()
        served = f"{stats.active_contexts} contexts, {stats.hits} hits, {stats.misses} misses"
        await desk.notify(f"Contexts: {served}", "dashboard", priority="low")
        failed += [f"not told: {message}" for message in desk.untold]
        if failed:
            await desk.alert("; ".join(failed), severity="high")
        return CacheReport(not failed, stats, tuple(failed))
