"""Wrong caches of contexts, and the check of the scenario that must say so."""

from __future__ import annotations

from pytest_mcpflow import Context, Hub, Workflow
from pytest_mcpflow.scenarios._context_cache_workflow import CacheReport, SessionContexts, serve_sessions
from pytest_mcpflow.scenarios.context_cache import HOUR, SIZE

__all__ = ["MUTANTS"]


class NeverExpiring(SessionContexts):
    """Keeps contexts for ever."""

    def __init__(self, hub: Hub, *, size: int, ttl: float) -> None:
        super().__init__(hub, size=size, ttl=float("inf"))


class RenewedByUse(SessionContexts):
    """Lets every use begin another hour."""

    def get(self, session: str) -> Context:
        context = super().get(session)
        self._kept[session] = context
        return context


class Forgetful(SessionContexts):
    """Forgets the contexts it gives up, and leaves them open."""

    def _close(self, context: Context) -> None:
        """Closes nothing."""


class LeftOpen(SessionContexts):
    """Leaves everything to the end of the process."""

    def close(self) -> None:
        """Closes nothing."""


class Oldest(SessionContexts):
    """Gives up the context that was opened first, however much it is used."""

    def _make_room(self) -> None:
        self._evictions += 1
        self._close(self._kept.pop(next(iter(self._kept))))


class ClosedTooEarly(SessionContexts):
    """Closes contexts before they are expired, and goes on handing them out."""

    def _close(self, context: Context) -> None:
        self._hub.contexts.pop(context.id, None)

    def clean_up(self) -> None:
        for session in list(self._kept):
            self._close(self._kept[session])


async def never_expiring(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, NeverExpiring(hub, size=SIZE, ttl=HOUR))


async def renewed_by_use(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, RenewedByUse(hub, size=SIZE, ttl=HOUR))


async def forgetful(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, Forgetful(hub, size=SIZE, ttl=HOUR))


async def left_open(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, LeftOpen(hub, size=SIZE, ttl=HOUR))


async def oldest_first(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, Oldest(hub, size=SIZE, ttl=HOUR))


async def closed_too_early(hub: Hub) -> CacheReport:
    return await serve_sessions(hub, ClosedTooEarly(hub, size=SIZE, ttl=HOUR))


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "never expire": (never_expiring, "no_expired_context_is_read"),
    "renew by use": (renewed_by_use, "no_expired_context_is_read"),
    "leave given-up contexts open": (forgetful, "never_more_than_there_is_room_for"),
    "leave contexts open at the end": (left_open, "contexts_are_cleaned_up"),
    "give up the oldest": (oldest_first, "expect"),
    "hand out what was closed": (closed_too_early, "no_closed_context_is_used"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
