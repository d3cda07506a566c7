"""What is to become of answers on their wire, and the word that comes back: whether it did.

A request carries the key of its order; whoever sees the bytes looks it up in the book of the server behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Self
from weakref import WeakValueDictionary

__all__ = ["Order", "Orders"]


class Order(str):
    """A word and what belongs to it: `bad_json`, `status 401`, `status 503 30`, `drip 20.0`, `kill after`.

    Args:
        text: The order.
        key: Names it in a request.
        on_obeyed: Is told when it is obeyed.
    """

    key: str
    _on_obeyed: Callable[[], None]
    _is_given_up: bool
    _when_given_up: Callable[[], None] | None

    def __new__(cls, text: str, key: str, on_obeyed: Callable[[], None]) -> Self:
        order = super().__new__(cls, text)
        order.key = key
        order._on_obeyed = on_obeyed
        order._is_given_up = False
        order._when_given_up = None
        return order

    def obey(self) -> bool:
        """Say that it is obeyed now; `False` forbids it, since the caller has given up and would never notice."""
        if self._is_given_up:
            return False
        self._when_given_up = None
        self._on_obeyed()
        return True

    def when_given_up(self, action: Callable[[], None]) -> None:
        """Obey by this, too, if the caller gives up before there is an answer to spoil."""
        if self._is_given_up:
            self._on_obeyed()
            action()
        else:
            self._when_given_up = action

    def give_up(self) -> None:
        """The caller waits no longer."""
        action, self._when_given_up = self._when_given_up, None
        self._is_given_up = True
        if action is not None:
            self._on_obeyed()
            action()


class Orders:
    """The book of one server of one hub: who makes a call go wrong writes into it, who carries bytes reads it."""

    def __init__(self) -> None:
        self._keys = count(1)
        # What nobody holds any more is nobody's order.
        self._given: WeakValueDictionary[str, Order] = WeakValueDictionary()

    def give(self, text: str, on_obeyed: Callable[[], None]) -> Order:
        """Write an order down, and return it with its key; see `Order`."""
        order = Order(text, str(next(self._keys)), on_obeyed)
        self._given[order.key] = order
        return order

    def of_key(self, key: object) -> Order | None:
        """The order of a key, if it still concerns anybody."""
        return self._given.get(key) if isinstance(key, str) else None
