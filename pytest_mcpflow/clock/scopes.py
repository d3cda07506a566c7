"""Marks that travel with the running context: whose a timer or a resource is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar

__all__ = ["background", "foreground", "in_background", "is_ours", "ours"]

_background: ContextVar[bool] = ContextVar("background", default=False)
_ours: ContextVar[bool] = ContextVar("ours", default=False)


def background() -> AbstractContextManager[None]:
    """Timers armed in here, and in tasks created in here, are nothing to wait for: they belong to infrastructure."""
    return _set(_background, True)


def foreground() -> AbstractContextManager[None]:
    """Undoes `background` for code under test that infrastructure calls."""
    return _set(_background, False)


def ours() -> AbstractContextManager[None]:
    """Sockets, pipes and subprocesses opened in here are counted at both ends, so virtual time allows them."""
    return _set(_ours, True)


def in_background(context: Context | None = None) -> bool:
    """Whether what runs here, or in that context, is infrastructure."""
    return _background.get() if context is None else context.get(_background, False)


def is_ours() -> bool:
    return _ours.get()


@contextmanager
def _set(variable: ContextVar[bool], value: bool) -> Generator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
