"""Workflows that do not end, swallow everything or end the process: a verdict or an error each, and soon."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Fake, Hub
from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import DeadlockError, ExplorationError
from pytest_mcpflow.explore import Exploration, explore
from pytest_mcpflow.faults.refused import Refuse
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.running import run

Workflow = Callable[[Hub], Awaitable[Any]]


def shop() -> list[Fake]:
    return [planted_bugs.Shop()]


async def order(hub: Hub) -> None:
    await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)


async def retries_whatever_is_raised(hub: Hub) -> None:
    while True:
        try:
            return await order(hub)
        except BaseException:  # noqa: S112 - as people write it
            continue


async def waits_whatever_is_raised(hub: Hub) -> None:
    try:
        await order(hub)
    except BaseException:
        while True:
            try:
                await asyncio.sleep(1)
            except BaseException:  # noqa: S112 - as people write it
                continue


async def retries_for_ever(hub: Hub) -> None:
    while True:
        try:
            return await order(hub)
        except Exception:
            await asyncio.sleep(0.01)


async def leaves_the_program(hub: Hub) -> None:
    try:
        await order(hub)
    except Exception:
        raise SystemExit(3) from None


async def leaves_the_program_in_a_task(hub: Hub) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(leaves_the_program(hub))


def explored(workflow: Workflow) -> Exploration:
    return explore(workflow, shop, kinds=[Refuse()])


@pytest.mark.parametrize(
    "workflow",
    [retries_whatever_is_raised, waits_whatever_is_raised, retries_for_ever],
    ids=lambda each: each.__name__,
)
def test_what_never_ends_hangs_in_a_few_runs(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.explore.observe.CALLS", 200)
    monkeypatch.setattr("pytest_mcpflow.performance.WAITS", 200)

    exploration = explored(workflow)

    assert {finding.judgement.verdict for finding in exploration.findings} == {Verdict.HUNG}


def test_what_calls_for_ever_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.explore.observe.CALLS", 200)

    [finding] = explored(retries_for_ever).findings

    with pytest.raises(DeadlockError, match="broken off; after 200 calls no end is in sight"):
        raise finding.judgement.cause or AssertionError


@pytest.mark.parametrize("workflow", [leaves_the_program, leaves_the_program_in_a_task])
def test_an_exit_is_a_loud_failure_of_one_run(workflow: Workflow) -> None:
    exploration = explored(workflow)

    assert exploration.proven
    assert {cell.verdict for cell in exploration.cells} == {Verdict.FAILED_LOUDLY}


def test_waiting_for_the_clock_without_waiting_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pytest_mcpflow.clock.loop.ASKED", 1000)

    async def looks_at_the_clock(hub: Hub) -> None:
        await order(hub)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            pass

    with pytest.raises(ExplorationError, match=r"1000 times in a row at t=0.*asyncio\.sleep"):
        explored(looks_at_the_clock)


def test_looking_at_the_clock_often_is_no_error_while_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.clock.loop.ASKED", 100)

    async def looks_and_waits() -> float:
        while time.monotonic() < 500:
            await asyncio.sleep(1)
        return time.monotonic()

    assert run(looks_and_waits()) == 500


def test_a_thread_that_never_returns_hangs_its_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.explore.subject.STALL_LIMIT", 0.05)
    for_ever = threading.Event()

    async def waits_for_a_thread(hub: Hub) -> None:
        try:
            await order(hub)
        except Exception:
            await asyncio.to_thread(for_ever.wait)
        await order(hub)

    exploration = explored(waits_for_a_thread)
    for_ever.set()

    [finding] = exploration.findings
    assert finding.judgement.verdict is Verdict.HUNG
    assert "nothing came of the thread of Event.wait in 0.05 real seconds" in str(finding.judgement.cause)
    assert {cell.verdict for cell in exploration.cells} == {Verdict.HUNG, Verdict.FAILED_LOUDLY}


def test_threads_of_this_process_are_refused_with_what_to_take() -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(ExplorationError, match="ProcessPoolExecutor"):
        explore(None, planted_bugs.QuietChain, executor=pool)


def test_a_thread_is_named_by_what_runs_in_it() -> None:
    loop = VirtualTimeLoop()
    try:
        assert loop.threads.ask(partial(Context().run, time.sleep, 1)).label == "sleep"
        assert loop.threads.ask(partial(time.sleep, 1)).label == "sleep"
    finally:
        loop.close()


async def turns_round(hub: Hub) -> None:
    try:
        await order(hub)
    except Exception:
        while True:
            pass


async def blocks_the_thread(hub: Hub) -> None:
    try:
        await order(hub)
    except Exception:
        threading.Event().wait()


@pytest.mark.parametrize("workflow", [turns_round, blocks_the_thread], ids=lambda each: each.__name__)
def test_what_awaits_nothing_hangs_its_runs_only(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mcpflow.explore.subject.STEP_LIMIT", 0.5)

    [finding] = explored(workflow).findings

    assert finding.judgement.verdict is Verdict.HUNG
    assert re.match(
        rf"at t=0 {workflow.__name__}, .*\.py:\d+, went on for 0\.5 real seconds without awaiting anything",
        str(finding.judgement.cause),
    )


def test_a_run_without_faults_has_the_time_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be much to import."""
    monkeypatch.setattr("pytest_mcpflow.explore.subject.STEP_LIMIT", 0.2)
    has_imported: list[bool] = []

    async def imports_for_long(hub: Hub) -> None:
        await order(hub)
        if not has_imported:
            threading.Event().wait(0.6)
            has_imported.append(True)

    assert explored(imports_for_long).proven
