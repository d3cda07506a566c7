"""Other orders of ready tasks: a race that no fault is needed for is found, and what is no race stays as it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import planted_bugs
import pytest

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.explore import explore
from pytest_mcpflow.stage import Stage


@dataclass
class RacesAtOnce(planted_bugs.LostUpdate):
    """Both tasks begin at the same instant."""

    async def workflow(self, hub: Hub) -> Any:
        async def add() -> None:
            balance = (await hub.call_tool("ledger.read"))["result"]
            await hub.call_tool("ledger.write", {"balance": balance + 1})

        await asyncio.gather(add(), add())
        return {"success": True}


async def letters() -> str:
    """Three tasks that each say a letter three times."""
    said: list[str] = []

    async def say(letter: str) -> None:
        for _ in range(3):
            said.append(letter)
            await asyncio.sleep(0)

    await asyncio.gather(*(say(letter) for letter in "abc"))
    return "".join(said)


def test_a_race_is_found_without_any_fault() -> None:
    exploration = explore(None, RacesAtOnce, permute=20)

    [finding] = [each for each in exploration.findings if each.schedule is not None]
    assert finding.checks == ("expect",)
    assert str(finding).startswith(f"no fault, schedule {finding.schedule}: failed")


@pytest.mark.parametrize(("way", "count"), [(Way.DIRECT, 500), (Way.MEMORY, 10)])
def test_a_workflow_without_races_passes_in_every_order(way: Way, count: int) -> None:
    exploration = explore(None, planted_bugs.CarefulOrder, permute=count, way=way)

    assert exploration.proven, str(exploration)
    assert exploration.accounting.schedules == count
    assert f"{count} other orders of tasks" in str(exploration)


def test_one_schedule_is_one_order() -> None:
    with Stage() as stage:
        orders = [stage.run(letters(), schedule=seed) for seed in (5, 5, 6)]

        assert orders[0] == orders[1] != orders[2]
        assert stage.run(letters()) == "abcabcabc"


def test_every_task_has_its_turns_in_every_schedule() -> None:
    with Stage() as stage:
        assert {"".join(sorted(stage.run(letters(), schedule=seed))) for seed in range(50)} == {"aaabbbccc"}


def test_a_time_limit_holds_in_every_schedule() -> None:
    async def waits() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.gather(letters(), asyncio.sleep(10))
        return asyncio.get_running_loop().time()

    with Stage() as stage:
        assert {stage.run(waits(), schedule=seed) for seed in range(20)} == {5.0}
