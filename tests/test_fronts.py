"""Another server over the state of a fake, and arguments that may be left out but not be null."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import Field

from pytest_mcpflow import ArgumentError, Fake, Hub, Omittable, Way, resource, run, tool
from pytest_mcpflow.schema import contract_of


@dataclass
class Shop(Fake):
    """A shop."""

    stock: dict[str, int] = field(default_factory=dict[str, int])

    @tool(idempotent=True)
    def fill(self, item: str, amount: int) -> int:
        """Say how many there are of an item."""
        self.stock[item] = amount
        return amount

    @resource("shop://items")
    def items(self) -> str:
        """The names of the items."""
        return ", ".join(self.stock)


@dataclass
class Kiosk(Shop, in_place_of=Shop):
    """The same shop, as another server."""

    service = "kiosk"
    sold: list[str] = field(default_factory=list[str])

    @tool(name="get-stock", reads=True)
    def get_stock(self, item: str, at_most: Omittable[Annotated[int, Field(ge=1)]] = None) -> int:
        """Count an item."""
        found = self.stock.get(item, 0)
        return found if at_most is None else min(found, at_most)

    @tool(idempotent=False)
    def sell(self, item: str) -> int:
        """Sell one."""
        self.stock[item] -= 1
        self.sold.append(item)
        return self.stock[item]


@dataclass
class Stand(Kiosk):
    """A kiosk that can also be closed."""

    @tool()
    def close(self) -> None:
        """Close."""


def test_a_front_offers_its_own_tools_only() -> None:
    contract = contract_of(Kiosk)

    assert [*contract.tools] == ["get-stock", "sell"]
    assert not contract.resources


def test_a_class_made_of_a_front_adds_to_it() -> None:
    assert [*contract_of(Stand).tools] == ["get-stock", "sell", "close"]


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY])
def test_two_servers_over_one_state_see_what_the_other_does(way: Way) -> None:
    async def work() -> list[Any]:
        async with Hub(way=way) as hub:
            shop = hub.serve(Shop(stock={"tea": 3}))
            kiosk = hub.serve(Kiosk.over(shop))
            sold = await hub.call_tool("kiosk.sell", {"item": "tea"})
            await hub.call_tool("shop.fill", {"item": "soap", "amount": 7})
            soap = await hub.call_tool("kiosk.get-stock", {"item": "soap"})
            return [sold["result"], soap["result"], shop.stock, kiosk.stock, kiosk.sold]

    assert run(work()) == [2, 7, {"tea": 2, "soap": 7}, {"tea": 2, "soap": 7}, ["tea"]]


def test_a_front_of_its_own_has_the_same_state_by_the_same_names() -> None:
    kiosk = Kiosk(stock={"tea": 3})
    kiosk.sell("tea")
    twin = deepcopy(kiosk)
    twin.sell("tea")

    assert (kiosk.stock, twin.stock, twin.sold) == ({"tea": 2}, {"tea": 1}, ["tea", "tea"])


def test_a_front_stands_before_its_own_service_only() -> None:
    @dataclass
    class Bank(Fake):
        """Another service."""

    with pytest.raises(TypeError, match="Kiosk is not declared in_place_of=Bank"):
        Kiosk.over(Bank())


def test_an_omittable_argument_is_listed_without_null_and_without_default() -> None:
    schema = contract_of(Kiosk).tools["get-stock"].parameters.json_schema

    assert schema["properties"]["at_most"] == {"minimum": 1, "title": "At Most", "type": "integer"}
    assert schema["required"] == ["item"]


@pytest.mark.parametrize(
    ("arguments", "counted"),
    [({}, 3), ({"at_most": 2}, 2), ({"at_most": None}, None), ({"at_most": 0}, None)],
)
def test_an_omittable_argument_may_be_left_out_and_not_be_null(
    arguments: dict[str, Any], counted: int | None
) -> None:
    async def work() -> Any:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(Kiosk(stock={"tea": 3}))
            try:
                return (await hub.call_tool("kiosk.get-stock", {"item": "tea", **arguments}))["result"]
            except ArgumentError:
                return None

    assert run(work()) == counted
