"""A hotel, and two ways to book a room in it: a hasty one and a careful one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, Hub, tool


@dataclass
class Hotel(Fake):
    """A hotel. Who books under a reference a second time gets the same room."""

    free: list[str] = field(default_factory=lambda: ["12", "14", "21"])
    booked: dict[str, str] = field(default_factory=dict[str, str])

    @tool(idempotent=False)
    def book(self, guest: str, reference: str = "") -> str:
        """Book a room for one night."""
        reference = reference or f"walk-in {len(self.booked) + 1}"
        if reference not in self.booked:
            self.booked[reference] = self.free.pop(0)
        return self.booked[reference]


# region: hasty
async def book_hastily(hub: Hub) -> Mapping[str, object]:
    """Try three times."""
    return await _book(hub, {"guest": "Ada"})


async def book_carefully(hub: Hub) -> Mapping[str, object]:
    """Try three times, and let the hotel know that it is the same booking."""
    return await _book(hub, {"guest": "Ada", "reference": "trip-7"})


async def _book(hub: Hub, request: Mapping[str, str]) -> Mapping[str, object]:
    for pause in (1, 2, 4):
        try:
            room = await hub.call_tool("hotel.book", request, timeout=10)
        except Exception:
            await asyncio.sleep(pause)
        else:
            return {"success": True, "room": room["result"]}
    return {"success": False, "room": None}
    # endregion
