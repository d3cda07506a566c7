"""Two scenarios whose workflow hides a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from booking import Hotel, book_hastily

from pytest_mcpflow import Hub, Run, Scenario, invariant


# region: trip
@dataclass
class Trip(Scenario):
    """Ada needs a room for one night."""

    tags = ("travel",)
    hotel: Hotel = field(default_factory=Hotel)

    async def workflow(self, hub: Hub) -> Mapping[str, object]:
        return await book_hastily(hub)

    def expect(self, run: Run) -> None:
        assert run.result == {"success": True, "room": "12"}

    @invariant
    def one_room(self, run: Run) -> None:
        """Nobody pays for two rooms."""
        assert len(self.hotel.booked) <= 1
        # endregion


# region: accepts
@dataclass
class TripByPhone(Trip):
    """Ada needs a room, and this hotel calls back whoever was cut off."""

    depth = 2
    faults = ("refuse", "disconnect", "delay(60)")
    accepts: ClassVar[Mapping[str, str]] = {"hotel.book#*=disconnect": "the hotel calls back and cancels one"}
    # endregion
