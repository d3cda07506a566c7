"""What several do at once, what is opened and not closed, and what is waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, names_in, works
from chaos.services import Jobs, Seats, Secondary, Store, Uploads
from pytest_mcpflow import Hub, Run, invariant

PARTS = 8
ITEMS = ("a", "b", "c", "d", "e")


@dataclass
class Upload(Watched):
    """Upload a file in eight parts, and pay for nothing afterwards."""

    mechanism = "leak"
    uploads: Uploads = field(default_factory=Uploads)

    async def workflow(self, hub: Hub) -> Any:
        for attempt in ("first", "second"):
            if await self.upload(hub, attempt):
                return {"success": True}
        return {"success": False}

    async def upload(self, hub: Hub, owner: str) -> bool:
        try:
            await ask(hub, "uploads.connect", {"owner": owner}, tries=2)
            for number in range(PARTS):
                await ask(hub, "uploads.part", {"owner": owner, "number": number})
            await self.complete(hub, owner)
        except Exception:
            await self.abort(hub, owner)
            return False
        return True

    async def complete(self, hub: Hub, owner: str) -> None:
        await ask(hub, "uploads.complete", {"owner": owner}, tries=2)

    async def abort(self, hub: Hub, owner: str) -> None:
        if not await works(hub, "uploads.close", {"owner": owner}, tries=3):
            await self.tell(hub, f"the upload {owner} is still open")

    def expect(self, run: Run) -> None:
        assert self.uploads.closed

    @invariant
    def no_upload_stays_open(self, run: Run) -> None:
        """Each upload is completed or aborted, or somebody knows."""
        assert not self.uploads.opened or self.told(run)


@dataclass
class UploadTrustsTheEnd(Upload):
    """Parts that fail abort the upload; an end that fails does not."""

    plan = "uploads.complete#*=error"
    breaks = "no_upload_stays_open"

    async def complete(self, hub: Hub, owner: str) -> None:
        await works(hub, "uploads.complete", {"owner": owner}, tries=2)


@dataclass
class UploadAbortsOnce(Upload):
    """The first attempt is aborted by one call, whatever comes of it."""

    plan = "uploads.part#3=error, uploads.close#1=error"
    breaks = "no_upload_stays_open"

    async def abort(self, hub: Hub, owner: str) -> None:
        if owner == "first":
            await works(hub, "uploads.close", {"owner": owner})
        else:
            await super().abort(hub, owner)


@dataclass
class LastSeat(Case):
    """Two agents want the last seat; one gets it."""

    mechanism = "race"
    seats: Seats = field(default_factory=Seats)

    async def workflow(self, hub: Hub) -> Any:
        got = await asyncio.gather(self.buy(hub, "ann", 0), self.buy(hub, "bob", 2))
        return {"success": any(got)}

    async def buy(self, hub: Hub, customer: str, after: float) -> bool:
        await asyncio.sleep(after)
        try:
            if not (await ask(hub, "seats.free"))["free"]:
                return False
            return await self.sell(hub, customer)
        except Exception:
            return False

    async def sell(self, hub: Hub, customer: str) -> bool:
        await ask(hub, "seats.sell_if_free", {"customer": customer}, tries=2)
        return True

    def expect(self, run: Run) -> None:
        assert len(self.seats.sold) == 1

    @invariant
    def the_seat_is_sold_once(self, run: Run) -> None:
        """Nobody has to stand."""
        assert len(self.seats.sold) <= 1


@dataclass
class LastSeatIsSoldAfterALook(LastSeat):
    """Between the look and the sale the seat is thought to stay free."""

    plan = "seats.sell#1=delay(4)"
    breaks = "the_seat_is_sold_once"

    async def sell(self, hub: Hub, customer: str) -> bool:
        await ask(hub, "seats.sell", {"customer": customer}, tries=2)
        return True


@dataclass
class LastSeatIsGivenAway(LastSeat):
    """Who waits for more than three seconds for a sale has somebody else buy, who is then not told to stop."""

    plan = "seats.sell_if_free#1=delay(4)"
    breaks = "whoever_has_the_seat_knows"

    async def sell(self, hub: Hub, customer: str) -> bool:
        sale = {"customer": customer}
        try:
            await hub.call_tool("seats.sell_if_free", sale, timeout=3)
        except Exception:
            return False
        return True

    async def workflow(self, hub: Hub) -> Any:
        got = await asyncio.gather(self.buy(hub, "ann", 0), self.buy(hub, "bob", 5))
        sold_to = [name for name, has in zip(("ann", "bob"), got, strict=True) if has]
        return {"success": bool(sold_to), "sold_to": sold_to}

    @invariant
    def whoever_has_the_seat_knows(self, run: Run) -> None:
        """The seat is sold to nobody but who was told so."""
        assert run.error is not None or {*self.seats.sold} <= names_in(run, "sold_to")


@dataclass
class Copies(Case):
    """Write a value here or, if that takes too long, there, and say where it is."""

    mechanism = "race"
    store: Store = field(default_factory=Store)
    secondary: Secondary = field(default_factory=Secondary)

    async def workflow(self, hub: Hub) -> Any:
        if await self.write(hub, "store"):
            return {"success": True, "at": "store"}
        if await self.write(hub, "secondary"):
            await self.point(hub)
            return {"success": True, "at": "secondary"}
        return {"success": False}

    async def write(self, hub: Hub, where: str) -> bool:
        try:
            now = await ask(hub, f"{where}.get", {"key": "leader"})
            new = {"key": "leader", "value": where, "version": now["version"]}
            await hub.call_tool(f"{where}.put_if", new, timeout=3)
        except Exception:
            return False
        return True

    async def point(self, hub: Hub) -> None:
        """Make sure that nobody takes the first one for the leader: a later write, which earlier ones cannot undo."""
        for _ in range(3):
            await ask(hub, "store.put", {"key": "leader", "value": "see secondary"}, tries=3)
            await asyncio.sleep(10)

    def expect(self, run: Run) -> None:
        assert self.leader() == run.result["at"]

    @invariant
    def there_is_one_leader(self, run: Run) -> None:
        """Not both are the leader, unless the caller heard that it failed."""
        both = self.store.values.get("leader") == "store" and "leader" in self.secondary.values
        assert not both or run.error is not None or not run.result["success"]

    def leader(self) -> str:
        here = self.store.values.get("leader", "")
        return here if here == "store" else self.secondary.values.get("leader", "")


@dataclass
class CopiesHaveTwoLeaders(Copies):
    """What took too long is taken not to have happened."""

    plan = "store.put_if#1=delay(4)"
    breaks = "there_is_one_leader"

    async def point(self, hub: Hub) -> None:
        pass


@dataclass
class CopiesPointAtOnce(Copies):
    """The first one is told after a while, and once, and nobody looks whether that worked."""

    plan = "store.put_if#1=delay(4), store.put#1=error"
    breaks = "there_is_one_leader"

    async def point(self, hub: Hub) -> None:
        await asyncio.sleep(10)
        await works(hub, "store.put", {"key": "leader", "value": "see secondary"})


@dataclass
class Pipeline(Case):
    """One part hands five items to another, which writes them; both end, whatever happens to the other."""

    mechanism = "hang"
    store: Store = field(default_factory=Store)
    jobs: Jobs = field(default_factory=Jobs)

    async def workflow(self, hub: Hub) -> Any:
        items = asyncio.Queue[str]()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.produce(hub, items))
            tasks.create_task(self.consume(hub, items))
        return {"success": True}

    async def produce(self, hub: Hub, items: asyncio.Queue[str]) -> None:
        await ask(hub, "jobs.start", {"key": "produce"}, tries=2)
        for item in (*ITEMS, "end"):
            await items.put(item)

    async def consume(self, hub: Hub, items: asyncio.Queue[str]) -> None:
        while (item := await items.get()) != "end":
            await ask(hub, "store.put", {"key": item, "value": "written"}, tries=2)

    def expect(self, run: Run) -> None:
        assert len(self.store.values) == len(ITEMS)


@dataclass
class PipelineWaitsForItems(Pipeline):
    """Who hands out the items gives up without a word to the other."""

    plan = "jobs.start#*=error"
    breaks = "workflow"

    async def produce(self, hub: Hub, items: asyncio.Queue[str]) -> None:
        if await works(hub, "jobs.start", {"key": "produce"}, tries=2):
            for item in (*ITEMS, "end"):
                await items.put(item)


@dataclass
class PipelineLosesItsSecondWriter(Pipeline):
    """A writer that fails is replaced once; then nobody writes, and all wait until everything is written."""

    plan = "store.put#2=error, store.put#3=error"
    breaks = "workflow"

    async def workflow(self, hub: Hub) -> Any:
        await ask(hub, "store.put", {"key": ITEMS[0], "value": "written"}, tries=2)
        items = asyncio.Queue[str]()
        for item in ITEMS[1:]:
            items.put_nowait(item)
        missing: list[str] = []
        writers = [asyncio.create_task(self.write_all(hub, items, missing)) for _ in range(2)]
        await items.join()
        for each in writers:
            each.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        return {"success": not missing, "missing": missing}

    async def write_all(self, hub: Hub, items: asyncio.Queue[str], missing: list[str]) -> None:
        while True:
            item = await items.get()
            written = await works(hub, "store.put", {"key": item, "value": "written"})
            items.task_done()
            if not written:
                missing.append(item)
                return
