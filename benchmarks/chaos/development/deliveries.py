"""Sagas, rollbacks, and telling people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, LeftBehindError, Watched, ask, works
from chaos.services import Cars, Cluster, Flights, Hotels, Mail, Pager, Phone, Sms
from pytest_mcpflow import Hub, Run, invariant

TRIP = {"order": "T-1"}
APPS = ("api", "auth", "cart", "mail", "search", "web")


@dataclass
class Trip(Watched):
    """Book a flight, a room and a car, all of them or none."""

    mechanism = "saga"
    flights: Flights = field(default_factory=Flights)
    hotels: Hotels = field(default_factory=Hotels)
    cars: Cars = field(default_factory=Cars)

    async def workflow(self, hub: Hub) -> Any:
        begun: list[str] = []
        for service in ("flights", "hotels", "cars"):
            begun.append(service)
            if not await works(hub, f"{service}.book", TRIP, tries=2):
                await self.undo(hub, begun)
                return {"success": False}
        return {"success": True}

    async def undo(self, hub: Hub, begun: list[str]) -> None:
        left = [each for each in reversed(begun) if not await works(hub, f"{each}.cancel", TRIP, tries=3)]
        if left:
            await self.tell(hub, f"T-1 is still booked with {', '.join(left)}")

    def expect(self, run: Run) -> None:
        assert self.whole() == 3

    @invariant
    def half_a_trip_is_reported(self, run: Run) -> None:
        """A trip is booked as a whole, or not at all, or somebody knows."""
        assert self.whole() in (0, 3) or self.told(run)

    def whole(self) -> int:
        return len(self.flights.booked + self.hotels.booked + self.cars.booked)


@dataclass
class TripForgetsTheUncertain(Trip):
    """A booking whose answer was lost is not cancelled."""

    plan = "cars.book#*=lose_reply"
    breaks = "half_a_trip_is_reported"

    async def workflow(self, hub: Hub) -> Any:
        booked: list[str] = []
        for service in ("flights", "hotels", "cars"):
            if not await works(hub, f"{service}.book", TRIP, tries=2):
                await self.undo(hub, booked)
                return {"success": False}
            booked.append(service)
        return {"success": True}


@dataclass
class TripIsQuietWhenNobodyCanBePaged(Trip):
    """Somebody is to be paged about what could not be cancelled, and nobody looks whether that worked."""

    plan = "cars.book#*=error, flights.cancel#*=error, pager.page#*=error"
    breaks = "half_a_trip_is_reported"

    async def tell(self, hub: Hub, text: str) -> None:
        await works(hub, "pager.page", {"text": text}, tries=3)


@dataclass
class Rollout(Watched):
    """Deploy six applications; if one cannot be, put all of them back."""

    mechanism = "rollback"
    cluster: Cluster = field(default_factory=lambda: Cluster(versions=dict.fromkeys(APPS, "1")))

    async def workflow(self, hub: Hub) -> Any:
        for number, app in enumerate(APPS):
            if not await works(hub, "cluster.deploy", self.step(app, "2", 1)):
                await self.back(hub, APPS[: number + 1])
                return {"success": False}
        return {"success": True}

    async def back(self, hub: Hub, apps: tuple[str, ...]) -> None:
        left = [
            app
            for app in reversed(apps)
            if not await works(hub, "cluster.rollback", self.step(app, "1", 2), tries=3)
        ]
        if left:
            await self.tell(hub, f"{', '.join(left)} could not be put back")

    def step(self, app: str, version: str, generation: int) -> dict[str, Any]:
        return {"app": app, "version": version, "generation": generation}

    def expect(self, run: Run) -> None:
        assert {*self.cluster.versions.values()} == {"2"}

    @invariant
    def versions_fit_together(self, run: Run) -> None:
        """All applications have one version, or somebody knows."""
        assert len({*self.cluster.versions.values()}) == 1 or self.told(run)


@dataclass
class RolloutForgetsTheOrder(Rollout):
    """A deployment that arrives after it was put back wins."""

    plan = "cluster.deploy#6=late"
    breaks = "versions_fit_together"

    def step(self, app: str, version: str, generation: int) -> dict[str, Any]:
        return {"app": app, "version": version, "generation": 1}


@dataclass
class RolloutPutsBackOnce(Rollout):
    """What cannot be put back at the first attempt stays, and nobody is told."""

    plan = "cluster.deploy#3=error, cluster.rollback#2=error"
    breaks = "versions_fit_together"

    async def back(self, hub: Hub, apps: tuple[str, ...]) -> None:
        for app in reversed(apps[:-1]):
            await works(hub, "cluster.rollback", self.step(app, "1", 2))
        await self.cautiously_back(hub, apps[-1])

    async def cautiously_back(self, hub: Hub, app: str) -> None:
        if not await works(hub, "cluster.rollback", self.step(app, "1", 2), tries=3):
            await self.tell(hub, f"{app} could not be put back")


@dataclass
class Announcement(Case):
    """Tell people of an outage, by one of four ways."""

    mechanism = "fallback"
    pager: Pager = field(default_factory=Pager)
    mail: Mail = field(default_factory=Mail)
    sms: Sms = field(default_factory=Sms)
    phone: Phone = field(default_factory=Phone)

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "mail.page", {"text": "the outage is being looked at"}, tries=3)
        for way in ("pager", "mail", "sms", "phone"):
            if await works(hub, f"{way}.page", {"text": "down"}):
                return {"success": True}
        return self.nobody()

    def nobody(self) -> Any:
        raise LeftBehindError("nobody was told")

    def expect(self, run: Run) -> None:
        assert "down" in self.pager.pages + self.mail.pages + self.sms.pages + self.phone.pages


@dataclass
class AnnouncementAssumesTheLastWay(Announcement):
    """The last of four ways is taken to work."""

    plan = "pager.page#1=error, mail.page#2=error, sms.page#1=error, phone.page#1=error"
    breaks = "expect"

    def nobody(self) -> Any:
        return {"success": True}


@dataclass
class AnnouncementTakesAPageForHeard(Announcement):
    """One more way is tried only after an error; a page that got no answer counts as heard."""

    plan = "pager.page#1=lose_request"
    breaks = "expect"

    async def workflow(self, hub: Hub) -> Any:
        try:
            await ask(hub, "pager.page", {"text": "down"})
        except Exception as error:
            if "timed out" not in str(error):
                return await super().workflow(hub)
        return {"success": True}
