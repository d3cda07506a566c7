"""Databases, machines, letters: what is looked after, and what happens when that breaks off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, works
from chaos.frozen.equipment import Database, Journal, Machines, Post
from pytest_mcpflow import Hub, Run, invariant

TABLES = ("bills", "clients", "items", "orders", "prices")
TESTS = ("login", "search", "cart", "checkout", "logout", "mail", "stock", "tax")
LETTERS = tuple(f"letter-{number}" for number in range(9))


@dataclass
class Upgrade(Watched):
    """Change five tables, all or none: what fails is put back from a backup, and tried a second time."""

    mechanism = "recovery"
    database: Database = field(default_factory=lambda: Database(versions=dict.fromkeys(TABLES, "1")))

    async def workflow(self, hub: Hub) -> Any:
        changed: list[str] = []
        back = True
        for run in (1, 2):
            if not await works(hub, "database.back_up", {"name": self.backup(run)}, tries=2):
                break
            if await self.migrate(hub, run, changed):
                return {"success": True}
            back = await works(hub, "database.restore", {"name": self.backup(run), "run": run}, tries=2)
            await asyncio.sleep(60)
        if not back:
            await self.tell(hub, "the tables could not be put back")
        return {"success": False}

    def backup(self, run: int) -> str:
        return "before"

    async def migrate(self, hub: Hub, run: int, changed: list[str]) -> bool:
        for table in TABLES:
            if not await works(hub, "database.migrate", {"table": table, "run": run}):
                return False
        return True

    def expect(self, run: Run) -> None:
        assert {*self.database.versions.values()} == {"2"}

    @invariant
    def the_tables_fit_together(self, run: Run) -> None:
        """All tables have one version, or somebody knows."""
        assert len({*self.database.versions.values()}) == 1 or self.told(run)


@dataclass
class UpgradeBacksUpTheWreck(Upgrade):
    """Each run makes a backup of its own, also of what the one before could not put back."""

    plan = "database.migrate#*=lose_reply, database.restore#1=error, database.restore#2=error"
    breaks = "the_tables_fit_together"

    def backup(self, run: int) -> str:
        return f"before-{run}"


@dataclass
class UpgradeGoesOnWhereItWas(Upgrade):
    """The second run passes over what the first has changed, although that was put back."""

    plan = "database.migrate#4=error"
    breaks = "the_tables_fit_together"

    async def migrate(self, hub: Hub, run: int, changed: list[str]) -> bool:
        for table in TABLES:
            if table not in changed:
                if not await works(hub, "database.migrate", {"table": table, "run": run}):
                    return False
                changed.append(table)
        return True


@dataclass
class Preview(Watched):
    """Create a machine, wait until it is ready, try eight things out on it, and delete it."""

    mechanism = "leak"
    machines: Machines = field(default_factory=Machines)

    async def workflow(self, hub: Hub) -> Any:
        machine = ""
        try:
            machine = await self.create(hub)
            await ask(hub, "machines.state", {"machine": machine})
            await self.ready(hub, machine)
            for each in TESTS:
                await ask(hub, "machines.try_out", {"machine": machine, "what": each}, tries=2)
        except Exception:
            return {"success": False}
        finally:
            await self.clear(hub, machine)
        return {"success": True}

    async def create(self, hub: Hub) -> str:
        return str((await ask(hub, "machines.create", {"token": "preview"}, tries=2))["machine"])

    async def ready(self, hub: Hub, machine: str) -> None:
        seen = asyncio.Event()
        poller = asyncio.create_task(self.poll(hub, machine, seen))
        await seen.wait()
        if not await poller:
            raise TimeoutError(f"{machine} does not get ready")

    async def poll(self, hub: Hub, machine: str, seen: asyncio.Event) -> bool:
        is_ready = await self.gets_ready(hub, machine)
        seen.set()
        return is_ready

    async def gets_ready(self, hub: Hub, machine: str) -> bool:
        try:
            for _ in range(12):
                await asyncio.sleep(3)
                if (await ask(hub, "machines.state", {"machine": machine}, tries=2))["state"] == "ready":
                    return True
        except Exception:
            return False
        return False

    async def clear(self, hub: Hub, machine: str) -> None:
        if not await works(hub, "machines.delete", {"machine": "vm-preview"}, tries=3):
            await self.tell(hub, "the machine of the preview may still run")

    def expect(self, run: Run) -> None:
        assert {*self.machines.tested} == {*TESTS}

    @invariant
    def no_machine_is_left_running(self, run: Run) -> None:
        """The machine is deleted in the end, or somebody knows."""
        assert not self.machines.created or self.told(run)


@dataclass
class PreviewForgetsWhatItDidNotHearOf(Preview):
    """There is nothing to delete as long as nobody has said what was created."""

    plan = "machines.create#*=lose_reply"
    breaks = "no_machine_is_left_running"

    async def clear(self, hub: Hub, machine: str) -> None:
        if machine:
            await super().clear(hub, machine)


@dataclass
class PreviewWaitsForAPoller(Preview):
    """Whether the machine is ready is for the poller to say, who may not be there any more."""

    mechanism = "hang"
    plan = "machines.state#3=error, machines.state#4=error"
    breaks = "workflow"

    async def poll(self, hub: Hub, machine: str, seen: asyncio.Event) -> bool:
        if await self.gets_ready(hub, machine):
            seen.set()
        return seen.is_set()


@dataclass
class Mailing(Case):
    """Post nine letters and keep a journal of it; after a failure begin again where the journal ends, twice."""

    mechanism = "crash and resume"
    journal: Journal = field(default_factory=Journal)
    post: Post = field(default_factory=Post)

    async def workflow(self, hub: Hub) -> Any:
        for life in range(3):
            try:
                for letter in LETTERS:
                    await self.deal_with(hub, letter, life)
            except Exception:
                await asyncio.sleep(15)
            else:
                return {"success": True}
        return {"success": False}

    async def deal_with(self, hub: Hub, letter: str, life: int) -> None:
        known = str((await ask(hub, "journal.get", {"key": letter}, tries=2))["value"])
        if known == "posted" or (known and await self.is_out(hub, letter)):
            return
        await ask(hub, "journal.put", {"key": letter, "value": "being posted"}, tries=2)
        await ask(hub, "post.post", {"text": letter, "key": self.key(letter, life)}, tries=2)
        await ask(hub, "journal.put", {"key": letter, "value": "posted"}, tries=2)

    async def is_out(self, hub: Hub, letter: str) -> bool:
        return bool((await ask(hub, "post.find", {"text": letter}, tries=2))["found"])

    def key(self, letter: str, life: int) -> str:
        return letter

    def expect(self, run: Run) -> None:
        assert {*self.post.posted} == {*LETTERS}

    @invariant
    def no_letter_is_posted_twice(self, run: Run) -> None:
        """Nobody gets a letter two times."""
        assert len({*self.post.posted}) == len(self.post.posted)


@dataclass
class MailingTakesTheIntentForTheDeed(Mailing):
    """What the journal has at all is taken to be posted."""

    plan = "post.post#6=error, post.post#7=error"
    breaks = "expect"

    async def is_out(self, hub: Hub, letter: str) -> bool:
        return True


@dataclass
class MailingPostsUnderTheKeyOfALife(Mailing):
    """Each life has keys of its own, since the journal says what is out, unless what is read of it is old."""

    plan = "post.post#*=lose_reply, journal.get#2=stale"
    breaks = "no_letter_is_posted_twice"

    def key(self, letter: str, life: int) -> str:
        return f"{letter}-{life}"
