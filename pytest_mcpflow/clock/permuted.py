"""Another order of ready tasks, drawn from a seed: whichever task goes first, its neighbours must not depend on it.

Only steps of tasks change places. Callbacks keep theirs, so that no task waits for ever behind a library's own.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any

__all__ = ["Permuted"]

Turn = tuple[asyncio.Handle, Callable[..., object], tuple[Any, ...], Context | None]


class Permuted(asyncio.SelectorEventLoop):
    """An event loop that lets tasks take their turns in another order, once it was asked to."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._chance: random.Random | None = None
        self.is_permuted = False
        self._turns: list[Turn] = []
        super().__init__(selector)

    def permute(self, seed: int | None) -> None:
        """From here on draw from `seed` which of the ready tasks takes the next step; `None` for their own order."""
        if seed is None and self._chance is None:
            return
        self._chance = None if seed is None else random.Random(seed)  # noqa: S311 - to be repeated
        self.is_permuted = seed is not None
        left, self._turns = self._turns, []
        for handle, callback, args, context in left:  # who was about to take a turn still does
            if not handle.cancelled():
                self.call_soon(callback, *args, context=context)

    def call_soon(  # type: ignore[override]  # typeshed ties the arguments to the callback by a variable of its own
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self._chance is None or not isinstance(getattr(callback, "__self__", None), asyncio.Task):
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.append((handle, callback, args, context))
        super().call_soon(self._take_turn)
        return handle

    def _take_turn(self) -> None:
        if self._chance is None or not self._turns:
            return  # it was for a turn that was handed on when the order changed
        handle, callback, args, context = self._turns.pop(self._chance.randrange(len(self._turns)))
        if handle.cancelled():
            return
        if context is None:
            callback(*args)
        else:
            context.run(callback, *args)
