"""A scenario of one's own, with a workflow that is put to the test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, Hub, Run, Scenario, invariant, tool


@dataclass
class Warehouse(Fake):
    """A warehouse that delivers."""

    shelves: dict[str, int] = field(default_factory=dict[str, int])
    deliveries: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def count(self, item: str) -> int:
        """Count what is on the shelf."""
        return self.shelves.get(item, 0)

    @tool(idempotent=False)
    def deliver(self, item: str, amount: int) -> str:
        """Have an item delivered."""
        self.deliveries.append(item)
        self.shelves[item] = self.shelves.get(item, 0) + amount
        return f"{amount} {item} delivered"


@dataclass
class Restock(Scenario):
    """The tea is running out. Look once an hour, and have more delivered before it is gone."""

    tags = ("warehouse",)
    warehouse: Warehouse = field(default_factory=lambda: Warehouse(shelves={"tea": 2, "coffee": 40}))

    async def workflow(self, hub: Hub) -> list[str]:
        ordered: list[str] = []
        for _ in range(3):
            for item in ("tea", "coffee"):
                if (await hub.call_tool("warehouse.count", {"item": item}))["result"] < 10:
                    await hub.call_tool("warehouse.deliver", {"item": item, "amount": 50})
                    ordered.append(item)
            await asyncio.sleep(3600)
        return ordered

    def expect(self, run: Run) -> None:
        assert self.warehouse.shelves == {"tea": 52, "coffee": 40}
        assert run.result == ["tea"]
        assert run.seconds == 3 * 3600

    @invariant
    def delivers_once(self, run: Run) -> None:
        """Nothing is delivered twice, whatever answer got lost."""
        assert all(count == 1 for count in run.effects("warehouse.deliver").by("item").values())
