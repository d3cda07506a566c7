"""A fake of a shop's MCP server."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class Order:
    id: str
    item: str
    quantity: int


@dataclass
class Shop(Fake):
    """A shop: what is in stock, and what was ordered."""

    stock: dict[str, int] = field(default_factory=dict[str, int])
    orders: list[Order] = field(default_factory=list[Order])

    @tool(reads=True)
    def look(self, item: str) -> int:
        """Say how many of an item are in stock."""
        return self.stock.get(item, 0)

    @tool(idempotent=False)
    def order(self, item: str, quantity: int = 1) -> Order:
        """Order an item; it is taken from the stock."""
        if quantity < 1:
            raise FakeError(f"a quantity is at least 1, got {quantity}")
        if self.stock.get(item, 0) < quantity:
            raise FakeError(f"only {self.stock.get(item, 0)} of {item} in stock")
        self.stock[item] -= quantity
        self.orders.append(Order(self.new_id("order"), item, quantity))
        return self.orders[-1]

    def burn_down(self) -> None:
        """What only a test may do: everything is gone."""
        self.stock.clear()
