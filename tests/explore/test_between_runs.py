"""What a run that ends badly leaves behind: nothing for the next one, and what a workflow keeps itself is noticed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Hub, Run
from pytest_mcpflow.errors import ArgumentError, ExplorationError, UnknownNameError
from pytest_mcpflow.explore import Exploration, explore
from pytest_mcpflow.faults.lost import Late
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict

Workflow = Callable[[Hub], Awaitable[Any]]


def shop() -> list[Fake]:
    return [planted_bugs.Shop()]


def verdicts(exploration: Exploration) -> set[Verdict]:
    return {cell.verdict for cell in exploration.cells}


async def order(hub: Hub) -> None:
    await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)


async def cancels_itself(hub: Hub) -> None:
    try:
        await order(hub)
    except Exception:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)


async def awaits_what_it_cancelled(hub: Hub) -> None:
    heartbeat = asyncio.create_task(asyncio.sleep(3600))
    try:
        await order(hub)
    except Exception:
        heartbeat.cancel()
        await heartbeat
    heartbeat.cancel()


@pytest.mark.parametrize("workflow", [cancels_itself, awaits_what_it_cancelled])
def test_a_cancellation_that_gets_out_is_a_loud_failure_of_one_run(workflow: Workflow) -> None:
    exploration = explore(workflow, shop)

    assert exploration.proven, exploration.findings
    assert Verdict.FAILED_LOUDLY in verdicts(exploration)


async def makes_calls_ready(hub: Hub) -> None:
    for call in [hub.call_tool("shop.order", {"item": item}, timeout=5) for item in ("tea", "milk")]:
        await call


def test_calls_that_an_error_leaves_behind_unmade_are_no_finding() -> None:
    exploration = explore(makes_calls_ready, shop)

    assert exploration.proven, exploration.findings
    assert Verdict.FAILED_LOUDLY in verdicts(exploration)


async def calls_what_cannot_be_called(hub: Hub) -> None:
    for tool, arguments in (("shop.refund", {}), ("shop.order", {"item": object()}), ("bank.pay", {})):
        with pytest.raises((UnknownNameError, ArgumentError)):
            await hub.call_tool(tool, arguments)
    await order(hub)


def test_calls_that_are_never_sent_do_not_make_runs_differ() -> None:
    exploration = explore(calls_what_cannot_be_called, shop)

    assert exploration.proven, exploration.findings


async def loses_its_worker(hub: Hub) -> dict[str, object]:
    async def works() -> None:
        await order(hub)
        done.set()

    done = asyncio.Event()
    worker = asyncio.create_task(works())
    await asyncio.wait([worker])
    return {"success": done.is_set()}


def is_done(run: Run, _: Mapping[str, Fake]) -> None:
    assert run.result == {"success": True}


def test_tasks_that_fail_in_the_background_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()
    caplog.clear()  # what other tests have left
    exploration = explore(loses_its_worker, shop, expect=is_done)
    gc.collect()

    assert Verdict.DEGRADED in verdicts(exploration)
    assert not caplog.records


async def leaves_a_generator_behind(hub: Hub) -> None:
    async def orders() -> AsyncGenerator[int]:
        try:
            while True:
                await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
                yield 1
        finally:
            await hub.call_tool("shop.cancel", {"item": "tea"}, timeout=5)

    async for _ in orders():
        break


def test_what_is_begun_while_a_run_is_cleared_away_does_not_reach_the_next_one() -> None:
    exploration = explore(leaves_a_generator_behind, shop, kinds=[Late(), Refuse()])

    assert exploration.proven, exploration.findings


def test_what_a_first_run_puts_away_makes_it_another_than_the_second() -> None:
    cache: dict[str, object] = {}

    async def asks_once(hub: Hub) -> None:
        if "placed" not in cache:
            cache["placed"] = await hub.call_tool("shop.placed", timeout=5)
        await order(hub)

    with pytest.raises(ExplorationError, match=r"the same twice(?s:.*)first run: .*shop\.placed(?s:.*)cache"):
        explore(asks_once, shop)


@pytest.mark.parametrize("harms", [False, True])
def test_what_only_runs_with_faults_put_away_is_noticed(harms: bool) -> None:
    broken: list[Exception] = []

    async def breaks_for_ever(hub: Hub) -> dict[str, object]:
        if len(broken) > 2:
            return {"success": harms, "error": "the breaker is open"}
        try:
            await order(hub)
        except Exception as error:
            broken.append(error)
            return {"success": False}
        return {"success": True}

    with pytest.raises(ExplorationError, match=r"without them as before(?s:.*)outlives a run"):
        explore(breaks_for_ever, shop)


def test_it_is_noticed_where_nothing_is_found() -> None:
    refused: list[Exception] = []

    async def counts(hub: Hub) -> int:
        try:
            await order(hub)
        except Exception as error:
            refused.append(error)
            raise
        return len(refused)

    with pytest.raises(ExplorationError, match=r"without them as before(?s:.*)another result"):
        explore(counts, shop, kinds=[Refuse()])
