"""Lets the calls of a hub go wrong as its plans say. The one place for it: between the transcript and the transport."""

from __future__ import annotations

import asyncio
import re
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pytest_mcpflow.clock import Clock
from pytest_mcpflow.errors import FaultPlanError, nearest_phrase
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.call import Answering, FaultedCall
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.faults.text import pointing_at, text_of
from pytest_mcpflow.journal import Entry
from pytest_mcpflow.members import Member, Members
from pytest_mcpflow.schema import ToolSpec
from pytest_mcpflow.transcript import alternatives, matches
from pytest_mcpflow.ways import Way

__all__ = ["Injector", "Onlooker"]

T = TypeVar("T")
ABOVE_THE_WIRE = "take a fault that is made above the wire, such as lose_reply or disconnect"


class Onlooker(Protocol):
    """Sees each call of a tool, and may let it go wrong in another way than the plan does."""

    def called(self, entry: Entry, number: int, /) -> Fault | None:
        """A tool is called for the `number`-th time; what goes wrong with this call."""
        ...

    def changed(self, entry: Entry, /) -> None:
        """A call has changed the world."""
        ...

    @property
    def remembers(self) -> bool:
        """Whether what it lets go wrong may need earlier states of the fakes."""
        ...

    @property
    def chosen(self) -> Iterable[Fault]:
        """What it let go wrong."""
        ...


@dataclass(frozen=True, slots=True)
class _Planned:
    fault: Fault
    plan: FaultPlan
    position: int
    must_happen: bool


@dataclass(frozen=True, slots=True)
class _Aftermath:
    server: str
    fault: Fault
    number: int
    answering: Answering
    tool: str | None
    until: float | None

    def concerns(self, entry: Entry, now: float) -> bool:
        if entry.server != self.server or (self.until is not None and now >= self.until):
            return False
        return self.tool is None or (entry.method == "tools/call" and entry.name == self.tool)


class Injector:
    """The faults of one hub.

    `kinds` are the kinds that a plan's text can name, `named` the plans that have a name; `fired` counts how often
    each fault happened; `onlooker` sees each call; `is_closed` is whether the hub has been left; `spoilt` are the
    servers whose answers were spoilt on the wire, whose clients may end in an error of their own; `mistakes` are errors
    of kinds, which no caller should get.
    """

    def __init__(self, clock: Clock, members: Members, way: Way) -> None:
        self.clock, self._way = clock, way
        self.kinds: Mapping[str, type[FaultKind]] = KINDS
        self.named: Mapping[str, str] = {}
        self.fired: Counter[Fault] = Counter()
        self.changes: dict[str, Callable[[], object]] = {}
        self.beginnings: dict[str, Fake] = {}
        self.earlier: dict[str, Fake] = {}
        self.spoilt: set[str] = set()
        self.mistakes: list[tuple[FaultKind, Exception]] = []
        self.onlooker: Onlooker | None = None
        self._latest: dict[str, Fake] = {}
        # The hub has both; a circle of them is freed by the garbage collector only.
        self._members: Members = weakref.proxy(members)
        self._planned: list[_Planned] = []
        self._planned_at: dict[tuple[str, str], list[_Planned]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._armed: dict[str, FaultedCall] = {}
        self._aftermaths: list[_Aftermath] = []
        self._going_on: set[asyncio.Task[Any]] = set()
        self._is_checked = False
        self.is_closed = False

    def plan(self, text: str, *, seed: int) -> FaultPlan:
        """A plan from its text, or from its name.

        Raises:
            FaultPlanError: It is neither, or nothing at all.
        """
        return FaultPlan.parse(text_of(text, self.named), seed=seed, kinds=self.kinds)

    def add(self, plan: FaultPlan, entries: Iterable[Entry], *, must_happen: bool) -> None:
        """Follow a plan from here on; `entries` are the calls so far, which are counted."""
        if not self._planned:
            for each in entries:
                if each.method == "tools/call":
                    site = each.server, each.name
                    self._counts[site] = self._counts.get(site, 0) + 1
        self._planned += [
            _Planned(fault, plan, plan.position_of(index), must_happen)
            for index, fault in enumerate(plan.faults)
        ]
        self._planned_at.clear()
        self._is_checked = False

    def define_change(self, name: str, change: Callable[[], object]) -> None:
        """Give a change of the world a name, for the fault `change(name)` to make."""
        self.changes[name] = change

    def check(self) -> None:
        """Look whether everything in the plans can happen.

        Raises:
            FaultPlanError: A site or a change does not exist, or the fault cannot happen there.
        """
        for planned in self._planned:
            self._refuse_unknown(planned)
            objection = self._objection(planned.fault)
            if objection is not None:
                raise pointing_at(str(planned.plan), planned.position, objection)
        self._is_checked = True
        chosen_remember = self.onlooker is not None and self.onlooker.remembers
        if chosen_remember or any(planned.fault.kind.remembers for planned in self._planned):
            for member in self._members:
                if member.fake is not None and member.name not in self.beginnings:
                    self.beginnings[member.name] = self._latest[member.name] = deepcopy(member.fake)

    def spec(self, server: str, tool: str) -> ToolSpec | None:
        """What a tool of a fake promises; `None` where nobody knows."""
        tools = next((member.tools for member in self._members if member.name == server), None)
        return None if tools is None else tools.get(tool)

    def reaches_wire(self, kind: FaultKind, member: Member) -> bool:
        """Whether a fault that is made on the wire can be made on that of a server."""
        return self._wire_of(member) in kind.ways

    def _wire_of(self, member: Member) -> Way | None:
        return self._way if member.fake is not None else member.wire

    @property
    def has_plans(self) -> bool:
        """Whether anything is to go wrong."""
        return bool(self._planned)

    def never_happened(self, *, demanded: bool = False) -> list[Fault]:
        """The faults that never happened, all of them or those that were demanded to."""
        return [
            each.fault
            for each in self._planned
            if (each.must_happen or not demanded) and self.fired[each.fault] <= 0
        ]

    def verify(self) -> None:
        """Fail where a fault that had to happen did not.

        Raises:
            FaultPlanError: It did not, or the plan or one of its kinds was wrong and the workflow went on.
        """
        if not self._is_checked:
            self.check()
        for kind, error in self.mistakes:
            raise FaultPlanError(
                f"the kind of fault {kind.name} has a mistake ({type(error).__name__}: {error}), which the workflow "
                f"was given for an answer; correct `happen` of {type(kind).__module__}.{type(kind).__qualname__}: it "
                "returns an answer, or raises what call.closed(), call.error() or call.timed_out() made"
            ) from error
        missing = self.never_happened(demanded=True)
        if missing:
            calls = {f"{server}.{tool}": count for (server, tool), count in self._counts.items()}
            concerned = [
                f"{name} was called {count} times" if count != 1 else f"{name} was called once"
                for name, count in calls.items()
                if matches(missing[0].site, name)
            ]
            told = ", ".join(concerned) or f"{missing[0].site} was never called"
            raise FaultPlanError(f"never happened: {', '.join(map(str, missing))}; {told}")

    # As calls pass

    def arm(self, entry: Entry) -> None:
        """A tool is called: find out whether the call goes wrong."""
        if not self._is_checked:
            self.check()
        self.is_closed = False
        site = entry.server, entry.name
        number = self._counts[site] = self._counts.get(site, 0) + 1
        chosen = None if self.onlooker is None else self.onlooker.called(entry, number)
        if chosen is not None:
            self._arm(entry, chosen, number, 0)
            return
        planned = self._planned_at.get(site)
        if planned is None:
            name = f"{entry.server}.{entry.name}"
            planned = self._planned_at[site] = [
                each for each in self._planned if matches(each.fault.site, name)
            ]
        for each in planned:
            if each.fault.concerns(entry.server, entry.name, number, at=entry.at, seed=each.plan.seed):
                self._arm(entry, each.fault, number, each.plan.seed)
                return

    def _arm(self, entry: Entry, fault: Fault, number: int, seed: int) -> None:
        member = self._members.get(entry.server)
        self._armed[entry.key] = FaultedCall(self, member, entry, fault, number=number, seed=seed)

    def about(self, entry: Entry) -> FaultedCall | None:
        """The call as one that goes wrong, if it does: by itself, or in the aftermath of another."""
        for each in self._aftermaths:
            if each.concerns(entry, self.clock.now()):
                member = self._members.get(entry.server)
                call = FaultedCall(self, member, entry, each.fault, number=each.number, seed=0)
                call.answering = each.answering
                self._armed[entry.key] = call
                return call
        return self._armed.get(entry.key)

    def took_effect(self, entry: Entry) -> None:
        """A call has changed the world."""
        call = self._armed.get(entry.key)
        if call is not None:
            call.took_effect()
        if self.onlooker is not None:
            self.onlooker.changed(entry)
        if entry.server in self._latest:
            fake = self._members.get(entry.server).fake
            assert fake is not None  # of others nothing is remembered
            self.earlier[entry.server] = self._latest[entry.server]
            self._latest[entry.server] = deepcopy(fake)

    def begin_aftermath(
        self, cause: FaultedCall, answering: Answering, *, tool: str | None, until: float | None
    ) -> None:
        self._aftermaths.append(_Aftermath(cause.server, cause.fault, cause.number, answering, tool, until))

    # What goes on behind the caller's back

    def keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        """Hold on to a task until it is done or the hub closes."""
        self._going_on.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever was concerned has heard of it

    async def settle(self, limit: float = 3600.0) -> None:
        """Wait for what is still on its way, at most `limit` seconds."""
        while self._going_on and limit > 0:
            before = self.clock.now()
            await asyncio.wait(self._going_on, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            limit -= max(self.clock.now() - before, 1e-3)

    async def close(self) -> None:
        """End what is still on its way; the next call begins anew."""
        self.is_closed = True
        going_on = list(self._going_on)
        for task in going_on:
            task.cancel()
        if going_on:
            await asyncio.wait(going_on)

    def forget(self) -> None:
        """The connections are closed, and nothing can come of the calls so far any more.

        Calls and injector refer to each other, and so the garbage collector alone would free them.
        """
        for call in self._armed.values():
            call.is_over()
        self._armed.clear()

    def _refuse_unknown(self, planned: _Planned) -> None:
        """Refuse a site that no server has, also where it is one of several.

        Raises:
            FaultPlanError: There is one.
        """
        site = planned.fault.site
        for each in alternatives(site):
            if self._members.may_be_called(each):
                continue
            known = nearest_phrase(each, self._members.sites or self._members.names)
            named = re.search(rf"(?<=[{{,]){re.escape(each.partition('.')[0])}(?=[,}}.])", site)
            at = planned.position + (named.start() if named else 0)
            raise pointing_at(str(planned.plan), at, f"no server of this hub has {each!r}; {known}")

    def _objection(self, fault: Fault) -> str | None:
        unknown = fault.kind.needs_change
        if unknown is not None and unknown not in self.changes:
            known = nearest_phrase(unknown, self.changes)
            return f"no change of the world is called {unknown!r}; {known}. Define it with hub.faults.define_change()"
        objections = list(self._objections_of_tools(fault))
        return objections[0] if objections and None not in objections else None

    def _objections_of_tools(self, fault: Fault) -> Iterable[str | None]:
        """What speaks against the fault at each tool that it names; `None` where nothing does."""
        one = self._members.tool(fault.site)
        if one is not None:
            yield self._objection_of_tool(fault.kind, *one)
            return
        for member in self._members:
            if member.tools is None:
                if matches(fault.site, f"{member.name}.*") or self._names_tool_of(member, fault.site):
                    yield _objection_of_server(fault.kind, member) or self._objection_of_wire(
                        fault.kind, member
                    )
                continue
            for tool, spec in member.tools.items():
                if matches(fault.site, f"{member.name}.{tool}"):
                    yield self._objection_of_tool(fault.kind, member, spec)

    def _objection_of_tool(self, kind: FaultKind, member: Member, spec: ToolSpec) -> str | None:
        """What speaks against a fault at a tool; `None` if nothing does."""
        objection = kind.objection(spec)
        if objection is None:
            return self._objection_of_wire(kind, member)
        return f"{kind} at {member.name}.{spec.name}: {objection}"

    def _objection_of_wire(self, kind: FaultKind, member: Member) -> str | None:
        """What speaks against a fault that is made on the wire at a server; `None` if nothing does."""
        wire = self._wire_of(member) if kind.ways else None
        if not kind.ways or wire in kind.ways:
            return None
        made = f"{kind} is made on the wire of {' or '.join(kind.ways)}"
        if member.tape is not None:
            return f"{made}, and at {member.name} a tape answers; {ABOVE_THE_WIRE}"
        if wire is None:
            return f"{made}, and {member.name} is reached by a transport of its own, or recorded; {ABOVE_THE_WIRE}"
        if member.fake is not None or wire.is_in_process:
            return f"{made}, and this hub's way is {wire}; use --mcp-transport {kind.ways[0]}"
        return f"{made}, and {member.name} is reached over {wire}; {ABOVE_THE_WIRE}"

    @staticmethod
    def _names_tool_of(member: Member, site: str) -> bool:
        return any("." not in each or each.startswith(f"{member.name}.") for each in alternatives(site))


def _objection_of_server(kind: FaultKind, member: Member) -> str | None:
    """What speaks against a fault at a server that is not a fake; `None` if nothing does."""
    what = "a tape answers in its place" if member.tape is not None else "it is not a fake"
    if kind.needs_fake:
        return f"{kind} at {member.name}: {what}, and only a fake's state is at hand; serve a fake, or drop the fault"
    return None
