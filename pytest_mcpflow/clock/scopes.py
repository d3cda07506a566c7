"""Marks that travel with the running context: whose a timer or a resource is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import Context, ContextVar, Token
from types import TracebackType

__all__ = ["background", "foreground", "in_background", "is_ours", "ours"]

_background: ContextVar[bool] = ContextVar("background", default=False)
_ours: ContextVar[bool] = ContextVar("ours", default=False)


def background() -> AbstractContextManager[None]:
    """Timers armed in here, and in tasks created in here, are nothing to wait for: they belong to infrastructure."""
    return _Mark(_background, True)


def foreground() -> AbstractContextManager[None]:
    """Undoes `background` for code under test that infrastructure calls."""
    return _Mark(_background, False)


def ours() -> AbstractContextManager[None]:
    """Sockets, pipes and subprocesses opened in here are counted at both ends, so virtual time allows them."""
    return _Mark(_ours, True)


def in_background(context: Context | None = None) -> bool:
    """Whether what runs here, or in that context, is infrastructure."""
    return _background.get() if context is None else context.get(_background, False)


def is_ours() -> bool:
    return _ours.get()


class _Mark:
    """No generator, which takes three times as long, and calls are marked one by one."""

    __slots__ = ("_token", "_value", "_variable")
    _token: Token[bool]

    def __init__(self, variable: ContextVar[bool], value: bool) -> None:
        self._variable, self._value = variable, value

    def __enter__(self) -> None:
        self._token = self._variable.set(self._value)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._variable.reset(self._token)
