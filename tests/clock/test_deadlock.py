"""Waiting for what never happens fails at once, and says who waits where."""

from __future__ import annotations

import asyncio
import contextlib
import re

import anyio
import pytest

from pytest_mcpflow import DeadlockError, Era, Hub, Way, run
from pytest_mcpflow.clock import background
from pytest_mcpflow.fakes.utility import Utility


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_the_waiting_line_is_named() -> None:
    with pytest.raises(DeadlockError, match=r"in wait_for_ever, .*test_deadlock\.py:\d+"):
        run(wait_for_ever())


def test_every_waiting_task_is_named_up_to_a_limit() -> None:
    async def many() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(wait_for_ever(), name=f"waiter {number}")

    with pytest.raises(DeadlockError) as caught:
        run(many())

    lines = str(caught.value).splitlines()
    assert len(lines) == 9
    assert "waiter 0 in wait_for_ever" in lines[2]
    assert lines[-1] == "  and 14 more"


def test_clean_up_runs_on_the_loop() -> None:
    cleaned: list[float] = []

    async def waits() -> None:
        try:
            await wait_for_ever()
        finally:
            await asyncio.sleep(3)
            cleaned.append(asyncio.get_running_loop().time())

    with pytest.raises(DeadlockError):
        run(waits())

    assert cleaned == [3]


def test_swallowing_the_cancellation_does_not_hide_it() -> None:
    async def swallows() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await wait_for_ever()
        return "fine"

    with pytest.raises(DeadlockError):
        run(swallows())


def test_a_deadlock_while_cleaning_up_ends_the_run() -> None:
    async def hopeless() -> None:
        try:
            await wait_for_ever()
        finally:
            await wait_for_ever()

    with pytest.raises(DeadlockError):
        run(hopeless())


def test_timers_of_infrastructure_are_nothing_to_wait_for() -> None:
    async def waits() -> None:
        async def ping() -> None:
            while True:
                await asyncio.sleep(15)

        with background():
            pinging = asyncio.ensure_future(ping())
        try:
            await wait_for_ever()
        finally:
            pinging.cancel()

    with pytest.raises(DeadlockError) as caught:
        run(waits())

    assert "ping" not in str(caught.value)


def test_timers_of_infrastructure_fire_as_time_passes_them() -> None:
    pings: list[float] = []

    async def waits() -> None:
        async def ping() -> None:
            while True:
                await asyncio.sleep(15)
                pings.append(asyncio.get_running_loop().time())

        with background():
            pinging = asyncio.ensure_future(ping())
        await asyncio.sleep(40)
        pinging.cancel()

    run(waits())

    assert pings == [15, 30]


def test_it_works_through_anyio() -> None:
    with pytest.raises(DeadlockError):
        anyio.run(wait_for_ever, backend_options={"loop_factory": _virtual_loop})


def _virtual_loop() -> asyncio.AbstractEventLoop:
    from pytest_mcpflow.clock import VirtualTimeLoop

    return VirtualTimeLoop()


def test_tasks_of_the_sdk_are_counted_where_there_are_tasks_of_the_user() -> None:
    async def wait_for_ever() -> None:
        async with Hub(way=Way.MEMORY, era=Era.HANDSHAKE) as hub:
            hub.serve(Utility())
            await hub.call_tool("utility.echo", {"message": "hello"})
            await asyncio.Event().wait()

    with pytest.raises(DeadlockError) as caught:
        run(wait_for_ever())

    _, waits, others = str(caught.value).splitlines()
    assert "wait_for_ever, " in waits
    assert re.fullmatch(r"  and \d more", others)
