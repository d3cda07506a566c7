"""What a run under a plan is called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_mcpflow import Fake, Fault, FaultPlan, FaultPlanError, Hub, Run, Scenario, Way, invariant, tool
from pytest_mcpflow.admission import result_admits_failure
from pytest_mcpflow.faults.lost import Hang
from pytest_mcpflow.verdict import Verdict, judge


@dataclass
class Oven(Fake):
    """Bakes bread."""

    loaves: int = 0
    alarms: list[str] = field(default_factory=list[str])

    @tool()
    def bake(self) -> int:
        """Bake a loaf."""
        self.loaves += 1
        return self.loaves

    @tool(reads=True)
    def count(self) -> int:
        """Count the loaves."""
        return self.loaves

    @tool()
    def ring(self, why: str) -> None:
        """Ring the alarm."""
        self.alarms.append(why)


@dataclass
class Breakfast(Scenario):
    """Bake a loaf for breakfast."""

    oven: Oven = field(default_factory=Oven)

    async def workflow(self, hub: Hub) -> Mapping[str, Any]:
        await hub.call_tool("oven.bake", timeout=5)
        return {"success": True}

    def expect(self, run: Run) -> None:
        assert self.oven.loaves == 1

    @invariant
    def bakes_at_most_one(self, run: Run) -> None:
        """Nobody eats two."""
        assert self.oven.loaves <= 1


async def looks_first(hub: Hub) -> Mapping[str, Any]:
    while not (await hub.call_tool("oven.count", timeout=5))["result"]:
        try:
            await hub.call_tool("oven.bake", timeout=5)
        except Exception:
            await asyncio.sleep(1)
    return {"success": True}


async def repeats(hub: Hub) -> Mapping[str, Any]:
    for _ in range(2):
        with contextlib.suppress(Exception):
            await hub.call_tool("oven.bake", timeout=5)
            break
    return {"success": True}


async def gives_up(hub: Hub) -> Mapping[str, Any]:
    try:
        await hub.call_tool("oven.bake", timeout=5)
    except Exception as error:
        return {"success": False, "error": str(error)}
    return {"success": True}


async def has_no_limit(hub: Hub) -> None:
    await hub.call_tool("oven.bake")


async def polls_for_ever(hub: Hub) -> None:
    while True:
        try:
            await hub.call_tool("oven.bake", timeout=5)
        except Exception:
            await asyncio.sleep(60)
        else:
            return


def verdict(workflow: Any, plan: str) -> Verdict:
    return judge(Breakfast(), way=Way.DIRECT, workflow=workflow, plan=plan).verdict


@pytest.mark.parametrize(
    ("workflow", "plan", "expected"),
    [
        (None, "", Verdict.PASSED),
        (None, "oven.bake#1=refuse", Verdict.FAILED_LOUDLY),
        (None, "oven.bake#1=lose_reply", Verdict.FAILED_LOUDLY),
        (None, "oven.bake#1=duplicate", Verdict.FAILED_SILENTLY),
        (None, "oven.bake#1=delay(3)", Verdict.RECOVERED),
        (None, "oven.bake#2=refuse", Verdict.PASSED),
        (looks_first, "oven.bake#1=refuse", Verdict.RECOVERED),
        (looks_first, "oven.bake#1=lose_reply", Verdict.RECOVERED),
        (repeats, "oven.bake#1=refuse", Verdict.RECOVERED),
        (repeats, "oven.bake#1=lose_reply", Verdict.FAILED_SILENTLY),
        (repeats, "oven.bake#1-2=refuse", Verdict.FAILED_SILENTLY),
        (gives_up, "oven.bake#1=refuse", Verdict.DEGRADED),
        (gives_up, "oven.bake#1=lose_reply", Verdict.RECOVERED),
        (has_no_limit, "oven.bake#1=hang", Verdict.HUNG),
        (polls_for_ever, "oven.bake=refuse", Verdict.HUNG),
    ],
)
def test_a_verdict(workflow: Any, plan: str, expected: Verdict) -> None:
    assert verdict(workflow, plan) is expected


def test_a_workflow_that_fails_by_itself_fails_whatever_was_planned() -> None:
    async def does_nothing(hub: Hub) -> None:
        await hub.call_tool("oven.count")

    assert verdict(does_nothing, "") is Verdict.FAILED
    assert verdict(does_nothing, "oven.bake#1=refuse") is Verdict.FAILED


def test_two_runs_that_change_the_same_have_equal_changes() -> None:
    one, other = (judge(Breakfast(), way=Way.DIRECT, workflow=gives_up) for _ in range(2))

    assert one.changes
    assert one.changes == other.changes == tuple(other.changes)
    assert (
        one.changes
        != judge(Breakfast(), way=Way.DIRECT, workflow=polls_for_ever, plan="oven.bake=refuse").changes
    )


def test_silent_failures_hangs_and_leaks_are_no_good() -> None:
    assert {each for each in Verdict if not each.is_good} == {
        Verdict.FAILED,
        Verdict.FAILED_SILENTLY,
        Verdict.HUNG,
        Verdict.LEAKED,
    }


def test_what_is_late_has_arrived_when_the_world_is_judged() -> None:
    judgement = judge(Breakfast(), way=Way.DIRECT, workflow=gives_up, plan="oven.bake#1=late(120)")

    assert judgement.verdict is Verdict.RECOVERED
    assert judgement.seconds == 5
    assert str(judgement.transcript[0].fault) == "effect applied late, reply lost"


def test_a_deadlock_says_who_waits_and_a_deadline_when_it_was() -> None:
    hung = judge(Breakfast(), way=Way.DIRECT, workflow=has_no_limit, plan="oven.bake=hang")
    late = judge(Breakfast(), way=Way.DIRECT, workflow=polls_for_ever, plan="oven.bake=refuse", deadline=600)

    assert "nothing can run and no timer is armed" in str(hung.cause)
    assert str(late.cause) == "not done after 600 s"
    assert late.seconds == 600


def test_a_judgement_says_which_faults_never_happened() -> None:
    judgement = judge(
        Breakfast(), way=Way.DIRECT, plan="oven.bake#1=delay(1), oven.count=stale, oven.bake#2=hang"
    )

    assert judgement.never_happened == ("oven.count#*=stale", "oven.bake#2=hang")
    assert judgement.verdict is Verdict.RECOVERED


def test_chance_in_a_plan_given_as_text_comes_from_the_scenarios_seed() -> None:
    verdicts = [
        judge(Breakfast(seed=seed), way=Way.DIRECT, plan="oven.bake=duplicate~0.5").verdict
        for seed in range(10)
    ]

    assert {*verdicts} == {Verdict.PASSED, Verdict.FAILED_SILENTLY}


def test_a_scenario_can_say_itself_what_people_see() -> None:
    @dataclass
    class Alarmed(Breakfast):
        """Bake, or ring."""

        async def workflow(self, hub: Hub) -> Mapping[str, Any]:
            try:
                await hub.call_tool("oven.bake", timeout=5)
            except Exception as error:
                await hub.call_tool("oven.ring", {"why": str(error)})
            return {}

        def admits(self, run: Run) -> bool:
            return super().admits(run) or bool(self.oven.alarms)

    plan = FaultPlan.parse("oven.bake#1=refuse")
    assert judge(Alarmed(), way=Way.DIRECT, plan=plan).verdict is Verdict.DEGRADED
    nobody_hears = plan.with_fault(Fault("oven.ring", Hang()))
    assert judge(Alarmed(), way=Way.DIRECT, plan=nobody_hears).verdict is Verdict.HUNG


def test_a_plan_that_does_not_fit_the_world_is_an_error_and_no_verdict() -> None:
    with pytest.raises(
        FaultPlanError, match=r"no server of this hub has 'oven\.bakes'; there is: oven\.bake"
    ):
        verdict(None, "oven.bakes=refuse")


@dataclass
class Report:
    closed: bool = True
    missing: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "result",
    [
        False,
        {"success": False},
        {"error": "no flour"},
        {"status": "failed"},
        {"status": "rolled_back"},
        Report(closed=False),
        Report(missing=("butter",)),
        [Report(), Report(closed=False)],
    ],
)
def test_a_result_that_admits_a_failure(result: Any) -> None:
    assert result_admits_failure(result)


@pytest.mark.parametrize(
    "result",
    [
        *(None, True, 3, "failed", {}),
        {"success": True, "error": None},
        {"status": "ok"},
        {"dry_run": False},
        Report(),
        [Report()],
    ],
)
def test_a_result_that_admits_nothing(result: Any) -> None:
    assert not result_admits_failure(result)


async def forgets_to_await(hub: Hub) -> Mapping[str, Any]:
    with contextlib.suppress(Exception):
        await hub.call_tool("oven.bake", timeout=5)
    _ = hub.call_tool("oven.ring", {"why": "smoke"})
    return {"success": True}


def test_a_workflow_that_forgets_to_await_has_failed_whatever_else_happened() -> None:
    judgement = judge(Breakfast(), way=Way.DIRECT, workflow=forgets_to_await, plan="oven.bake#1=refuse")

    assert "run" in {each.check for each in judgement.broken}
    assert not judgement.never_happened
    assert judgement.verdict is Verdict.FAILED


def test_the_first_schedule_is_one_that_can_be_repeated() -> None:
    drawn = judge(Breakfast(), way=Way.DIRECT, schedule=0)

    assert "--mcp-schedule 0 " in drawn.reproduce
    assert "--mcp-schedule" not in judge(Breakfast(), way=Way.DIRECT).reproduce
