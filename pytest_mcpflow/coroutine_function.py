"""Functions that do something at once and then give a coroutine, for callers who ask whether a function is async."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
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


class _CoroutineFunction(staticmethod):  # type: ignore[type-arg]  # it takes none when the program runs
    """What `inspect` takes for a function: it asks for the attributes of one.

    A static method is called by the interpreter itself, in half of the time that a `__call__` of ours takes.
    """

    def __init__(self, method: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        super().__init__(method)
        self.__code__ = method.__code__.replace(co_flags=method.__code__.co_flags | inspect.CO_COROUTINE)
        self.__defaults__, self.__kwdefaults__ = method.__defaults__, method.__kwdefaults__

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)
