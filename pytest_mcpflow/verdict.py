"""Running a scenario and judging the run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.performance import (
    DEADLINE,
    Broken,
    Verdict,
    hub_of,
    perform,
    seeded_world,
    verdict_of,
)
from pytest_mcpflow.scenario import Invariant, Scenario, Workflow, world_of
from pytest_mcpflow.state import StateChange, changes_between, state_of
from pytest_mcpflow.transcript import Transcript
from pytest_mcpflow.ways import Era, Way

if TYPE_CHECKING:
    from pytest_mcpflow.faults.injector import Onlooker
    from pytest_mcpflow.stage import Stage

__all__ = ["Broken", "Judgement", "Verdict", "check_plan", "judge"]


@dataclass(frozen=True)
class Judgement:
    """A scenario's run, judged.

    Args:
        scenario: Its name.
        way, era: How it was run.
        seed: Of the scenario.
        broken: What does not hold; empty if it passed or recovered.
        transcript: What the workflow did.
        changes: What it changed in the world.
        seconds: How long it took in the run's own time.
        cause: What the workflow raised.
        workflow_reference: Where the workflow is found, if it is not the scenario's own.
        plan: What was to go wrong.
        never_happened: The faults of the plan that concerned no call.
        admitted: Whether the workflow raised, or its result says that not everything came out.
        hung: Whether it was still waiting at the end.
        schedule: What the order of ready tasks was drawn from; `None` for their own.
    """

    scenario: str
    way: Way
    era: Era
    seed: int
    broken: tuple[Broken, ...]
    transcript: Transcript
    changes: Sequence[StateChange]
    seconds: float
    cause: BaseException | None = field(default=None, compare=False)
    workflow_reference: str | None = None
    plan: FaultPlan = field(default_factory=FaultPlan)
    never_happened: tuple[str, ...] = ()
    admitted: bool = False
    hung: bool = False
    schedule: int | None = None

    @property
    def verdict(self) -> Verdict:
        return verdict_of(
            self.broken,
            nothing_happened=len(self.never_happened) == len(self.plan),
            admitted=self.admitted,
            hung=self.hung,
        )

    @property
    def reproduce(self) -> str:
        """The command that runs it again."""
        options = f"--mcp-transport {self.way} --mcp-protocol {self.era} --mcp-seed {self.seed}"
        if self.schedule is not None:
            options = f"--mcp-schedule {self.schedule} {options}"
        if self.plan:
            options = f"--mcp-plan {shlex.quote(str(self.plan))} {options}"
        if self.workflow_reference is not None:
            options = f"--mcp-workflow {self.scenario}={self.workflow_reference} {options}"
        return f"pytest --mcp-scenario {self.scenario} {options}"


class Changes(Sequence[StateChange]):
    """What differs between two states of a world; found out when somebody looks."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._states = before, after

    @cached_property
    def _all(self) -> tuple[StateChange, ...]:
        before, after = self._states
        return tuple(
            change
            for name, state in after.items()
            for change in changes_between(before[name], state, path=name)
        )

    @overload
    def __getitem__(self, index: int) -> StateChange: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[StateChange, ...]: ...
    def __getitem__(self, index: int | slice) -> StateChange | tuple[StateChange, ...]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Changes):
            return self._all == other._all
        return self._all == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)


Snapshot = Mapping[str, Mapping[str, Any]]
"""Of each fake the fields that are compared, as JSON values."""


def _snapshot(world: Mapping[str, Fake]) -> Snapshot:
    return {name: state_of(fake) for name, fake in world.items()}


def judge(
    scenario: Scenario,
    *,
    way: Way = Way.MEMORY,
    era: Era = Era.STATELESS,
    workflow: Workflow | None = None,
    workflow_reference: str | None = None,
    plan: FaultPlan | str | None = None,
    deadline: float = DEADLINE,
    stage: Stage | None = None,
    onlooker: Onlooker | None = None,
    rules: Sequence[Invariant] = (),
    schedule: int | None = None,
) -> Judgement:
    """Run a scenario's workflow, or the user's, on its world in virtual time, and judge the outcome.

    Args:
        scenario: A fresh scenario; the run changes its world.
        way, era: How calls reach the world.
        workflow: In place of the scenario's own.
        workflow_reference: Where that one is found, for the line that reproduces the run.
        plan: What goes wrong; a text takes the scenario's seed.
        deadline: Virtual seconds after which the workflow counts as hung.
        stage: Where to run it; one of its own if `None`.
        onlooker: Sees each call, and may let it go wrong.
        rules: What must hold besides the scenario's invariants.
        schedule: Draws the order of ready tasks; their own if `None`.

    Raises:
        FaultPlanError: The text is no plan, or names what the scenario's world does not have.
    """
    world = seeded_world(scenario)
    before = _snapshot(world)
    performance = perform(
        scenario,
        way=way,
        era=era,
        world=world,
        workflow=workflow,
        plan=FaultPlan.parse(plan, seed=scenario.seed) if isinstance(plan, str) else plan,
        deadline=deadline,
        stage=stage,
        onlooker=onlooker,
        rules=rules,
        schedule=schedule,
    )
    return Judgement(
        scenario=scenario.name,
        way=way,
        era=era,
        seed=scenario.seed,
        broken=performance.broken,
        transcript=performance.run.transcript,
        changes=Changes(before, _snapshot(performance.world)),
        seconds=performance.run.seconds,
        cause=performance.run.error,
        workflow_reference=workflow_reference,
        plan=performance.plan,
        never_happened=performance.never_happened,
        admitted=performance.admitted,
        hung=performance.hung,
        schedule=schedule,
    )


def check_plan(scenario: Scenario, plan: FaultPlan) -> None:
    """Look whether a plan fits a scenario, without running it.

    Raises:
        FaultPlanError: It names what the scenario's world does not have.
    """
    hub = hub_of(scenario, world_of(scenario), Way.DIRECT, Era.STATELESS)
    scenario.connect(hub)
    hub.fail(plan)
    hub.faults.check()
