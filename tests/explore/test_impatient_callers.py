"""Races of callers who soon give up: how soon is learned from a run in which one of them did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
import planted_bugs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import MCPError

from pytest_mcpflow import Fake, Hub, Run, ToolError, Way, tool
from pytest_mcpflow.explore import Exploration, Tactics, explore
from pytest_mcpflow.explore.kinds import between
from pytest_mcpflow.explore.subject import Check
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay, LoseReply, LoseRequest
from pytest_mcpflow.faults.refused import Refuse

DELAYS = (Delay(), Delay(of="reply"))

Work = Callable[[], Awaitable[None]]
Limited = Callable[[Work], Awaitable[None]]


async def in_time(work: Work) -> None:
    async with asyncio.timeout(1):
        await work()


async def waited_for(work: Work) -> None:
    await asyncio.wait_for(asyncio.ensure_future(work()), 1.5)


async def or_fails(work: Work) -> None:
    with anyio.fail_after(2):
        await work()


async def or_goes_on(work: Work) -> None:
    with anyio.move_on_after(0.4) as scope:
        await work()
    if scope.cancelled_caught:
        raise RuntimeError("too slow")


async def without_limit(work: Work) -> None:
    await work()


async def cancelled_by_hand(work: Work) -> None:
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.9)
    if not task.cancel():
        return
    raise RuntimeError("it took too long")


def adding(limited: Limited, *, within: float | None = None) -> Callable[[Hub], Awaitable[None]]:
    """Add one to the balance twice, each within a limit, or both within one."""

    async def add_twice(hub: Hub) -> None:
        async def add(after: float) -> None:
            async def work() -> None:
                balance = (await hub.call_tool("ledger.read"))["result"]
                await hub.call_tool("ledger.write", {"balance": balance + 1})

            await asyncio.sleep(after)
            await limited(work)

        async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
            tasks.create_task(add(0))
            tasks.create_task(add(0.25))

    return add_twice


def adds_up(run: Run, world: Mapping[str, Fake]) -> None:
    ledger = world["ledger"]
    assert isinstance(ledger, planted_bugs.Ledger)
    assert run.error is not None or ledger.balance == 2


def explored(
    workflow: Callable[[Hub], Awaitable[object]],
    ledger: type[Fake] = planted_bugs.Ledger,
    *,
    holds: Check = adds_up,
    kinds: Sequence[FaultKind] = DELAYS,
    depth: int = 1,
    way: Way = Way.DIRECT,
    classes: bool = True,
) -> Exploration:
    return explore(
        workflow,
        lambda: {"ledger": ledger()},
        expect=holds,
        kinds=kinds,
        depth=depth,
        way=way,
        tactics=Tactics(classes=classes),
    )


def plans(exploration: Exploration) -> list[str]:
    return [str(finding.plan) for finding in exploration.findings]


@pytest.mark.parametrize(
    ("limited", "within", "seconds"),
    [
        (in_time, None, "0.5"),
        (waited_for, None, "1"),
        (or_fails, None, "1"),
        (or_goes_on, None, "0.325"),
        (cancelled_by_hand, None, "0.5"),
        (without_limit, 0.95, "0.5"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_race_is_found_however_its_callers_give_up(
    limited: Limited, within: float | None, seconds: str
) -> None:
    assert plans(explored(adding(limited, within=within))) == [
        f"ledger.read#1=delay({seconds}, reply)",
        f"ledger.write#1=delay({seconds})",
    ]


def test_the_same_races_are_found_through_the_protocol() -> None:
    assert plans(explored(adding(in_time), way=Way.MEMORY)) == plans(explored(adding(in_time)))


@dataclass
class SlowLedger(Fake):
    """Takes half a second to write."""

    balance: int = 0

    @tool()
    async def write(self, balance: int) -> None:
        """Set the balance, and make sure of it."""
        await asyncio.sleep(0.5)
        self.balance = balance

    @tool()
    def note(self, entry: str) -> None:
        """Take no notice."""


def test_the_time_that_a_call_takes_anyway_leaves_less_for_its_delay() -> None:
    async def one_after_the_other(hub: Hub) -> None:
        async def later() -> None:
            await asyncio.sleep(0.4)
            await write(hub, 2)

        await asyncio.gather(in_time(partial(write, hub, 1)), later())

    def is_the_last_one(run: Run, world: Mapping[str, Fake]) -> None:
        ledger = world["ledger"]
        assert isinstance(ledger, SlowLedger)
        assert run.error is not None or ledger.balance == 2

    exploration = explored(one_after_the_other, SlowLedger, holds=is_the_last_one)

    assert plans(exploration) == ["ledger.write#1=delay(0.45)"]


def test_a_reply_is_overtaken_by_what_comes_after_the_call_was_carried_out() -> None:
    async def in_order(hub: Hub) -> list[str]:
        async def first() -> None:
            await in_time(partial(write, hub, 1))
            told.append("first")

        async def second() -> None:
            await asyncio.sleep(0.7)
            await hub.call_tool("ledger.note", {"entry": "second"})
            told.append("second")

        told = list[str]()
        await asyncio.gather(first(), second())
        return told

    def is_in_order(run: Run, _: Mapping[str, Fake]) -> None:
        assert run.result in (None, ["first", "second"])

    exploration = explored(in_order, SlowLedger, holds=is_in_order)

    assert plans(exploration) == ["ledger.write#1=delay(0.35, reply)"]


def test_nothing_more_is_tried_where_nobody_gives_up() -> None:
    exploration = explored(adding(without_limit))

    assert {cell.kind for cell in exploration.cells} == {"delay", "delay(of=reply)"}


def test_nothing_more_is_tried_where_nobody_else_calls_before_the_caller_gives_up() -> None:
    async def add_in_turn(hub: Hub) -> None:
        for balance in (1, 2):
            async with asyncio.timeout(1):
                await hub.call_tool("ledger.write", {"balance": balance})

    exploration = explored(add_in_turn)

    assert exploration.proven
    assert {cell.kind for cell in exploration.cells} == {"delay", "delay(of=reply)"}


@pytest.mark.parametrize(
    ("others", "learned"),
    [
        ((0.25, 0.75), ["delay(0.5)", "delay(0.875)"]),  # overtaken by one of them, and by both
        ((0.25, 0.3), ["delay(0.5)"]),
        ((1.0,), []),  # at the very moment at which the caller gives up
    ],
)
def test_a_delay_is_learned_for_the_first_and_the_last_that_overtake_a_call(
    others: Sequence[float], learned: list[str]
) -> None:
    async def write_among_others(hub: Hub) -> None:
        async def note(after: float) -> None:
            await asyncio.sleep(after)
            await hub.call_tool("ledger.note", {"entry": str(after)}, timeout=30)

        await asyncio.gather(in_time(partial(write, hub, 1)), *map(note, others))

    def holds(_: Run, __: Mapping[str, Fake]) -> None: ...

    exploration = explored(write_among_others, kinds=[Delay()], holds=holds)

    kinds = [cell.kind for cell in exploration.cells if cell.site == "ledger.write#1"]
    assert sorted(kinds) == ["delay", *learned]


async def adds_more_carefully(hub: Hub) -> None:
    """Go on with two tasks at once where one note was not taken."""
    try:
        await hub.call_tool("ledger.note", {"entry": "two"})
    except Exception:
        await adding(in_time)(hub)
    else:
        await hub.call_tool("ledger.write", {"balance": 2})


def test_a_limit_that_only_shows_in_a_recovery_is_learned_there() -> None:
    exploration = explored(adds_more_carefully, depth=2, kinds=[Refuse(), Delay()])

    assert plans(exploration) == ["ledger.note#1=refuse, ledger.write#1=delay(0.5)"]


async def checks_unless_in_doubt(hub: Hub) -> None:
    """Put the balance right afterwards, but not if nobody knows whether the first note was taken."""
    try:
        await hub.call_tool("ledger.note", {"entry": "two"}, timeout=30)
    except MCPError:
        await adding(in_time)(hub)
    else:
        await adding(in_time)(hub)
        await hub.call_tool("ledger.write", {"balance": 2}, timeout=30)


def test_what_was_learned_at_a_call_is_tried_after_other_faults_where_kinds_stand_for_each_other() -> None:
    def adds_up_if_noted(run: Run, world: Mapping[str, Fake]) -> None:
        ledger = world["ledger"]
        assert isinstance(ledger, planted_bugs.Ledger)
        if ledger.entries:
            adds_up(run, world)

    kinds = [LoseRequest(), LoseReply(), Delay()]
    exploration = explored(checks_unless_in_doubt, depth=2, kinds=kinds, holds=adds_up_if_noted)

    assert plans(exploration) == ["ledger.note#1=lose_reply, ledger.write#1=delay(0.5)"]
    assert exploration.accounting.run == 144
    assert exploration.accounting.planned == 177


async def write(hub: Hub, balance: int) -> None:
    await hub.call_tool("ledger.write", {"balance": balance})


async def looks_first(hub: Hub) -> None:
    """Note something while the balance is written, in a hurry."""

    async def note() -> None:
        await asyncio.sleep(0.25)
        with suppress(MCPError, ToolError):
            await hub.call_tool("ledger.note", {"entry": "two"}, timeout=30)

    await hub.call_tool("ledger.read", timeout=30)
    await asyncio.gather(in_time(partial(write, hub, 2)), note())


async def writes_in_time(hub: Hub) -> None:
    async def add(after: float) -> None:
        await asyncio.sleep(after)
        balance = (await hub.call_tool("ledger.read", timeout=30))["result"]
        await in_time(partial(write, hub, balance + 1))

    await asyncio.gather(add(0), add(0.25))


@pytest.mark.parametrize("workflow", [looks_first, writes_in_time])
def test_delays_that_were_learned_are_counted_whether_or_not_classes_are(
    workflow: Callable[[Hub], Awaitable[None]],
) -> None:
    kinds = (Refuse(), *DELAYS)
    quick = explored(workflow, depth=2, kinds=kinds)
    whole = explored(workflow, depth=2, kinds=kinds, classes=False)

    assert "delay(0.5)" in {cell.kind for cell in quick.cells}
    assert quick.accounting.planned == whole.accounting.planned == whole.accounting.run
    assert quick.accounting.collapsed


async def hurries_if_refused(hub: Hub) -> None:
    """Note two things at once where a first one was refused at once, and one after the other where it got lost."""

    async def note(entry: str, after: float) -> None:
        await asyncio.sleep(after)
        with suppress(Exception):
            async with asyncio.timeout(1):
                await hub.call_tool("ledger.note", {"entry": entry})

    try:
        await hub.call_tool("ledger.note", {"entry": "two"}, timeout=30)
    except Exception:
        pause = 2.0 if asyncio.get_running_loop().time() else 0.25
        await asyncio.gather(note("three", 0.0), note("four", pause))


def test_what_was_learned_stands_for_nothing_at_a_call_like_it_that_nobody_overtakes() -> None:
    def is_quick(run: Run, _: Mapping[str, Fake]) -> None:
        assert run.seconds < 30  # so that what begins with a lost request is tried last

    kinds = [Refuse(), LoseRequest(), Delay()]
    quick = explored(hurries_if_refused, SlowLedger, holds=is_quick, kinds=kinds, depth=2)
    whole = explored(hurries_if_refused, SlowLedger, holds=is_quick, kinds=kinds, depth=2, classes=False)

    assert quick.accounting.planned == whole.accounting.planned
    assert quick.accounting.run == 12
    assert ("ledger.note#2", "", ("lose_request", "refuse", "delay", "delay(0.5)")) in [
        (each.site, each.kind, each.like) for each in quick.accounting.classes
    ]


@given(st.floats(0, 1e5), st.floats(1e-5, 1e5))
def test_a_shorter_delay_is_longer_than_the_gap_and_shorter_than_the_limit(gap: float, more: float) -> None:
    assert gap < between(gap, gap + more) < gap + more
