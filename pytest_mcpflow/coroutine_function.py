"""Functions that do something at once and then give a coroutine, for callers who ask whether a function is async."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import MethodType
from typing import Any, ParamSpec, TypeVar, cast

__all__ = ["coroutine_function"]

P = ParamSpec("P")
T = TypeVar("T")


def coroutine_function(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """A method that passes for an `async def`: `inspect.iscoroutinefunction` says so of it.

    tenacity and others call what is none without awaiting what comes back. `inspect.markcoroutinefunction` is there
    from Python 3.12 on only.
    """
    return cast("Callable[P, Coroutine[Any, Any, T]]", _CoroutineFunction(method))


class _CoroutineFunction:
    """What `inspect` takes for a function: it asks for the attributes of one."""

    def __init__(self, method: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        update_wrapper(self, method)
        self.__code__ = method.__code__.replace(co_flags=method.__code__.co_flags | inspect.CO_COROUTINE)
        self.__defaults__, self.__kwdefaults__ = method.__defaults__, method.__kwdefaults__
        self._method = method

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        return self._method(*args, **options)
