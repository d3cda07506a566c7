"""What a server tells without being asked, when it arrives in another order than it was told in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

__all__ = ["Reordering", "Swapped", "reorderings"]

T = TypeVar("T")


class Swapped(Generic[T]):
    """Passes on in swapped order, two by two; `on_swap` is told each time."""

    def __init__(self, on_swap: Callable[[], None]) -> None:
        self._on_swap = on_swap
        self._held: list[T] = []

    def pass_on(self, notice: T) -> Sequence[T]:
        """What may go out now that this one is there."""
        self._held.append(notice)
        if len(self._held) < 2:
            return ()
        self._on_swap()
        return self.rest()[::-1]

    def rest(self) -> Sequence[T]:
        """What is still held: it goes out last."""
        held, self._held = self._held, []
        return held


class Reordering:
    """The notices of one call, while they swap places: what it reports, and what its server announces meanwhile.

    Args:
        on_swap: Is told whenever two have changed places.
    """

    def __init__(self, on_swap: Callable[[], None]) -> None:
        self._on_swap = on_swap
        self.messages = Swapped[tuple[str, Any]](on_swap)
        """Log messages of the call, each with its level."""
        self._changes: dict[Callable[[Sequence[Any]], None], Swapped[Any]] = {}

    def announce(self, change: T, send: Callable[[Sequence[T]], None]) -> None:
        """Send a change, and the one before it, once there are two."""
        changes = self._changes.setdefault(send, Swapped(self._on_swap))
        going: Sequence[T] = changes.pass_on(change)
        if going:
            send(going)

    def end(self) -> None:
        """Send what is still held."""
        for send, changes in self._changes.items():
            if rest := changes.rest():
                send(rest)


def reorderings(fake: object) -> dict[str, Reordering]:
    """Those of a fake's calls that go on, by the key of the call."""
    return cast("dict[str, Reordering]", vars(fake).setdefault("_reorderings", {}))
