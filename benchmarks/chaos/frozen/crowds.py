"""Employees, jobs, crates: many of a kind, paid, let in, and loaded one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.case import Case, Watched, ask, names_in, works
from chaos.frozen.equipment import Desk, Leases, Letters, Table, Warehouse
from chaos.services import Ledger, Mail
from pytest_mcpflow import Hub, Run, invariant

EMPLOYEES = tuple(f"employee-{number}" for number in range(33))
CRATES = tuple(tuple(f"item-{crate}{number}" for number in range(4)) for crate in range(6))


@dataclass
class Payroll(Case):
    """Pay thirty-three employees, a dozen in a session, and those who could not be paid once more at the end."""

    mechanism = "needle"
    desk: Desk = field(default_factory=Desk)
    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> Any:
        unpaid: list[str] = []
        for number, name in enumerate(EMPLOYEES):
            if number % 12 == 0:
                await self.sign_in(hub, number // 12)
            if not await self.pay_in_session(hub, name, number):
                unpaid.append(name)
            if number >= 2 and unpaid[-3:] == list(EMPLOYEES[number - 2 : number + 1]):
                raise ConnectionError("the bank is closed")
        await self.sign_in(hub, 3)
        unpaid = [name for name in unpaid if not await self.pay_later(hub, name)]
        return {"success": not unpaid, "unpaid": unpaid}

    async def sign_in(self, hub: Hub, number: int) -> None:
        await ask(hub, "desk.sign_in", {"number": number}, tries=3)

    async def pay_in_session(self, hub: Hub, name: str, number: int) -> bool:
        return await self.pay(hub, name, name) or await self.pay(hub, name, name)

    async def pay_later(self, hub: Hub, name: str) -> bool:
        return await self.pay(hub, name, name)

    async def pay(self, hub: Hub, name: str, key: str) -> bool:
        return await works(hub, "ledger.post", {"text": name, "key": key})

    def expect(self, run: Run) -> None:
        assert len(self.ledger.posted) == len(EMPLOYEES)

    @invariant
    def nobody_is_paid_twice(self, run: Run) -> None:
        """Each employee is paid at most once."""
        assert len({*self.ledger.posted}) == len(self.ledger.posted)

    @invariant
    def whoever_is_not_paid_is_named(self, run: Run) -> None:
        """Each employee is paid, or named, unless the caller heard that it failed."""
        assert run.error is not None or {*self.ledger.posted} | names_in(run, "unpaid") >= {*EMPLOYEES}


@dataclass
class PayrollBlamesTheSession(Payroll):
    """The first payment of a later session that fails is made again in another session, whose number is in its key."""

    plan = "ledger.post#25=lose_reply"
    breaks = "nobody_is_paid_twice"

    async def pay_in_session(self, hub: Hub, name: str, number: int) -> bool:
        if number % 12 or not number:
            return await super().pay_in_session(hub, name, number)
        paid = await self.pay(hub, name, name)
        if not paid:
            await self.sign_in(hub, number // 12)
            paid = await self.pay(hub, name, f"{name}-{number // 12}")
        return paid


@dataclass
class PayrollPaysLaterUnderOtherKeys(Payroll):
    """What is paid at the end is another payment than the one that failed."""

    plan = "ledger.post#14=lose_reply, ledger.post#15=error"
    breaks = "nobody_is_paid_twice"

    async def pay_later(self, hub: Hub, name: str) -> bool:
        return await self.pay(hub, name, f"later-{name}")


@dataclass
class Maintenance(Watched):
    """Three jobs work on a table for six seconds each, one at a time, and write to somebody about it."""

    mechanism = "lock"
    leases: Leases = field(default_factory=Leases)
    table: Table = field(default_factory=Table)
    mail: Mail = field(default_factory=Mail)

    async def workflow(self, hub: Hub) -> Any:
        jobs = {"vacuum": 0, "reindex": 1, "analyze": 1.5}
        done = await asyncio.gather(*(self.job(hub, *each) for each in jobs.items()), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return {"success": all(done)}

    async def job(self, hub: Hub, job: str, begin: float) -> bool:
        await asyncio.sleep(begin)
        has = await self.acquire(hub, job)
        worked = has and await works(hub, "table.begin", {"job": job})
        await asyncio.sleep(6 if worked else 0)
        if has and not await works(hub, "table.end", {"job": job}, tries=3):
            await self.tell(hub, f"{job} may still be at the table")
            return False
        await self.release(hub, job, has)
        return worked

    async def acquire(self, hub: Hub, job: str) -> bool:
        return await works(hub, "leases.acquire", {"name": "table", "holder": job}, tries=20, pause=2)

    async def release(self, hub: Hub, job: str, has: bool) -> None:
        done = await works(hub, "leases.release", {"holder": job}, tries=3)
        written = await works(hub, "mail.page", {"text": f"{job} is through"}, tries=2)
        if not done or not written:
            await self.tell(hub, f"{job} may still have the lock, or nobody was told that it is through")

    def expect(self, run: Run) -> None:
        assert len(self.table.gone) == 3

    @invariant
    def jobs_do_not_meet(self, run: Run) -> None:
        """There is one job at a time at the table, or somebody knows."""
        assert not self.table.met or self.told(run)


@dataclass
class MaintenanceFreesTheLockTwice(Maintenance):
    """The lock is freed when the work is done, and again by what clears up behind it, whoever has it by then."""

    plan = "mail.page#1=delay(4)"
    breaks = "jobs_do_not_meet"

    async def release(self, hub: Hub, job: str, has: bool) -> None:
        if not has:
            return
        await works(hub, "leases.free", {"name": "table"}, tries=3)
        await works(hub, "mail.page", {"text": f"{job} is through"}, tries=2)
        await works(hub, "leases.free", {"name": "table"}, tries=3)


@dataclass
class MaintenanceBreaksTheLock(Maintenance):
    """Who was refused thirteen times takes the lock for forgotten, whoever had it meanwhile, and frees it."""

    plan = "table.begin#1=delay(4), table.end#1=lose_request"
    breaks = "jobs_do_not_meet"

    async def acquire(self, hub: Hub, job: str) -> bool:
        if await works(hub, "leases.acquire", {"name": "table", "holder": job}, tries=13, pause=2):
            return True
        await works(hub, "leases.free", {"name": "table"}, tries=2)
        return await super().acquire(hub, job)


@dataclass
class Loading(Case):
    """Load six crates; one that cannot be loaded is split until it is known which items are at fault."""

    mechanism = "batch"
    warehouse: Warehouse = field(default_factory=Warehouse)
    letters: Letters = field(default_factory=Letters)

    async def workflow(self, hub: Hub) -> Any:
        missing: list[str] = []
        loaded: list[bool] = []
        for crate in CRATES:
            loaded.append(await self.load(hub, crate, missing))
            if not self.warehouse.loaded:
                raise ConnectionError("the warehouse is closed")
        return {"success": all(loaded), "missing": missing}

    async def load(self, hub: Hub, items: Sequence[str], missing: list[str]) -> bool:
        if await works(hub, "warehouse.load", {"items": [*items]}):
            return True
        if len(items) == 1:
            await self.put_aside(hub, items[0], missing)
            return False
        return await self.load_halves(hub, items[: len(items) // 2], items[len(items) // 2 :], missing)

    async def load_halves(
        self, hub: Hub, one: Sequence[str], other: Sequence[str], missing: list[str]
    ) -> bool:
        done = [await self.load(hub, half, missing) for half in (one, other)]
        return all(done)

    async def put_aside(self, hub: Hub, item: str, missing: list[str]) -> None:
        if not await works(hub, "letters.put", {"key": item, "value": "not loaded"}, tries=2):
            missing.append(item)

    def expect(self, run: Run) -> None:
        assert len(self.warehouse.loaded) == 24

    @invariant
    def whatever_is_not_loaded_is_known(self, run: Run) -> None:
        """Each item is loaded, put aside, or named, unless the caller heard that it failed."""
        known = {*self.warehouse.loaded, *self.letters.values} | names_in(run, "missing")
        assert run.error is not None or len(known) == 24


@dataclass
class LoadingStopsAtTheFirstHalf(Loading):
    """The second half is loaded if the first one was: `and` does not look further."""

    plan = "warehouse.load#3=error, warehouse.load#4=error, warehouse.load#5=error"
    breaks = "whatever_is_not_loaded_is_known"

    async def load_halves(
        self, hub: Hub, one: Sequence[str], other: Sequence[str], missing: list[str]
    ) -> bool:
        return await self.load(hub, one, missing) and await self.load(hub, other, missing)


@dataclass
class LoadingLosesTheNote(Loading):
    """What is put aside is noted once, and nobody looks whether that worked."""

    plan = "warehouse.load#3=error, warehouse.load#4=error, warehouse.load#5=error, letters.put#1=error"
    breaks = "whatever_is_not_loaded_is_known"

    async def put_aside(self, hub: Hub, item: str, missing: list[str]) -> None:
        await works(hub, "letters.put", {"key": item, "value": "not loaded"})
