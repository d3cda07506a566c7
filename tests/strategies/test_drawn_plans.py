"""Plans of faults that are drawn for a world can happen there, and read back from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from pytest_mcpflow import (
    Effect,
    Fake,
    FaultedCall,
    FaultKind,
    FaultPlan,
    FaultPlanError,
    Hub,
    ToolError,
    UnknownNameError,
    Way,
    run,
    tool,
)
from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.lost import Delay, LoseReply
from pytest_mcpflow.faults.world import Change
from pytest_mcpflow.schema import RawResult, ToolSpec
from pytest_mcpflow.strategies import plans


@dataclass
class Till(Fake):
    """Counts money."""

    coins: list[int] = field(default_factory=list[int])

    @tool()
    def put(self, coins: list[int]) -> int:
        """Put coins in."""
        self.coins += coins
        return sum(self.coins)

    @tool(reads=True)
    def count(self) -> int:
        """Count."""
        return sum(self.coins)


LONG = settings(max_examples=2000, deadline=None, database=None, derandomize=True)
QUICK = settings(max_examples=60, deadline=None, database=None, derandomize=True)
PATIENT = settings(QUICK, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(plans(Till()))
def test_a_drawn_plan_reads_back_from_its_text(plan: FaultPlan) -> None:
    assert FaultPlan.parse(str(plan), seed=plan.seed) == plan


@PATIENT
@given(plans({"till": Till(), "second-till": Till()}, way=Way.DIRECT))
def test_a_hub_of_that_world_takes_every_drawn_plan(plan: FaultPlan) -> None:
    async def pay() -> list[str]:
        sites: list[str] = []
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(Till())
            hub.serve(Till(), name="second-till")
            hub.fail(plan)
            for name in ("till", "second-till"):
                try:
                    await hub.call_tool(f"{name}.put", {"coins": [1, 2]}, timeout=60)
                except ToolError:
                    sites.append(name)
                except Exception:
                    sites.append(f"{name} is out of reach")
        return sites

    assert len(run(pay())) <= 2


def test_the_smallest_plan_is_empty_and_the_next_one_has_the_plainest_fault() -> None:
    assert find(plans(Till()), lambda _: True, settings=LONG) == FaultPlan()
    assert str(find(plans(Till(), kinds=[LoseReply]), bool, settings=LONG)) == "till.put#1=lose_reply"


def test_a_plan_that_must_have_a_certain_fault_is_found_and_is_no_larger() -> None:
    def delays_the_count(plan: FaultPlan) -> bool:
        return any(fault.site == "till.count" and isinstance(fault.kind, Delay) for fault in plan.faults)

    assert len(find(plans(Till(), max_faults=3), delays_the_count, settings=LONG)) == 1


def kinds_of(strategy: st.SearchStrategy[FaultPlan]) -> set[str]:
    found: set[str] = set()

    @settings(PATIENT, max_examples=1500)
    @given(strategy)
    def collect(plan: FaultPlan) -> None:
        found.update(fault.kind.name for fault in plan.faults)

    collect()
    return found


def test_every_kind_that_can_happen_is_drawn_and_no_other() -> None:
    of_a_memory_world = kinds_of(plans(Till(), max_faults=8))

    on_wires = {name for name, kind in KINDS.items() if kind.ways and Way.MEMORY not in kind.ways}
    assert of_a_memory_world == KINDS.keys() - on_wires - {"change"}


def test_a_change_is_drawn_where_one_is_named() -> None:
    plan = find(plans(Till(), kinds=[Change], changes=["robbery"]), bool, settings=LONG)

    assert str(plan) == "till.put#1=change(robbery)"


def test_a_world_in_which_nothing_can_go_wrong_is_refused() -> None:
    with pytest.raises(FaultPlanError, match="no fault can be drawn"):
        plans(Till(), kinds=[Change])


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (Till, "Till is a class; pass Till()"),
        ({"till": Till}, "Till is a class; pass Till()"),
        ("till", "got 'till'"),
        ([Till(), None], "got None"),
        (7, "got 7"),
    ],
)
def test_what_is_no_fake_is_refused(world: Any, said: str) -> None:
    with pytest.raises(FaultPlanError, match=re.escape(said)):
        plans(world)


def test_two_fakes_of_one_service_need_names() -> None:
    with pytest.raises(UnknownNameError, match=r"till.*in a dict, by name"):
        plans([Till(), Till()])


@dataclass(frozen=True)
class Tilt(FaultKind, effect=Effect.NONE, sees="tilted"):
    """The till is tilted, and only a little. Level: call."""

    degrees: float = 0.0

    def objection(self, spec: ToolSpec) -> str | None:
        return "it would fall over" if self.degrees else None

    async def happen(self, call: FaultedCall) -> RawResult:
        return call.refusal("tilted")


@QUICK
@given(plans(Till(), kinds=[Tilt]))
def test_what_a_kind_refuses_of_its_own_arguments_is_not_drawn(plan: FaultPlan) -> None:
    assert {str(fault.kind) for fault in plan.faults} <= {"tilt"}
