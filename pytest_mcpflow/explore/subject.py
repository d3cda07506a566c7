"""What is explored: a workflow and how to make a fresh world for it, so that a run is a function of its plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.observe import Observation, Seen, Watch, observation_of
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.performance import DEADLINE, perform, seeded_world
from pytest_mcpflow.scenario import Invariant, Run, Scenario, Workflow, world_of
from pytest_mcpflow.schema import ToolSpec, contract_of
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.transcript import Transcript
from pytest_mcpflow.verdict import Judgement, judge
from pytest_mcpflow.ways import Era, Way

__all__ = ["Check", "Choose", "GivenWorld", "Subject", "World", "claim_of", "impatient_stage", "name_of"]

World = Callable[[], Scenario | Mapping[str, Fake] | Sequence[Fake]]
"""Makes a fresh world: a scenario (its class will do), or fakes, by name or by the names of their services."""

Choose = Callable[[str, int, bytes], Fault | None]
"""Says whether the n-th call of a tool goes wrong, and how; told its arguments, as JSON without instants."""

Check = Callable[[Run, Mapping[str, Fake]], None]
"""Asserts something of a run and of the world after it."""

STALL_LIMIT = 5.0
"""Real seconds to wait for a worker thread, after which its run counts as hung."""

STEP_LIMIT = 5.0
"""Real seconds for what awaits nothing, after which its run counts as hung."""


@dataclass(frozen=True)
class Subject:
    """A workflow and its world; `judge` is a pure function of the plan.

    A search asks a subject for `name`, `seed`, `spec`, `judge` and `observe`. A subclass can be something that is run
    in another way, such as the body of a test: it overrides `judge`, and is observed by its transcripts.

    Args:
        world: Makes a fresh world.
        workflow: The code under test; the scenario's own if `None`.
        seed: Of the scenario.
        way, era: How calls reach the world.
        expect: What must come out when nothing fails; for worlds that are no scenario.
        invariants: What must hold whatever fails, besides the scenario's own.
        deadline: Virtual seconds after which the workflow counts as hung.
        earlier: The transcript of a run without faults before the first that a search asks for, if there was one.
    """

    world: World
    workflow: Workflow | None = None
    seed: int = 0
    way: Way = Way.DIRECT
    era: Era = Era.STATELESS
    expect: Check | None = None
    invariants: tuple[Check, ...] = ()
    deadline: float = DEADLINE
    earlier: Transcript | None = field(default=None, kw_only=True, compare=False)

    @property
    def name(self) -> str:
        """Of the scenario, or of the workflow."""
        known = getattr(self.world, "name", None)
        return known if isinstance(known, str) else name_of(self.workflow or self.world)

    def fresh(self) -> Scenario:
        """A scenario that nobody has run.

        Raises:
            ExplorationError: The world is neither a scenario nor fakes, or there is no workflow for it.
        """
        made = self.world()
        if isinstance(made, Scenario):
            made.seed = self.seed
            return made
        if self.workflow is None:
            raise ExplorationError(
                "explore(None, world) explores a scenario's own workflow, and this world is no scenario; "
                "pass the workflow: explore(workflow, world)"
            )
        if isinstance(made, Fake):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise ExplorationError(
                f"a world returns all fakes that are served, and this one returns a {type(made).__name__} alone; "
                "let it return a list of them"
            )
        if isinstance(made, Mapping):
            fakes = dict(made)
        else:
            fakes = {fake.service: fake for fake in made}
            if len(fakes) < len(made):
                raise ExplorationError(
                    "two fakes of one service in a world; return them by name: {'primary': ..., 'replica': ...}"
                )
        return GivenWorld(fakes, self.expect, seed=self.seed)

    def spec(self, server: str, tool: str) -> ToolSpec | None:
        """What a tool of the world promises, `None` where nobody knows."""
        fake = world_of(self.fresh()).get(server)
        return None if fake is None else contract_of(fake).tools.get(tool)

    @property
    def draws(self) -> bool:
        """Whether faults can be drawn while it runs; not where it is run in another way."""
        return type(self).judge is Subject.judge and type(self).judge_schedule is Subject.judge_schedule

    @property
    def permutes(self) -> bool:
        """Whether ready tasks can be given another order, the same for one number every time."""
        return self.draws and self.way.is_in_process

    def judge(self, plan: FaultPlan) -> Judgement:
        """The run under a plan, judged."""
        return self.judge_schedule(plan, None)

    def judge_schedule(self, plan: FaultPlan, schedule: int | None) -> Judgement:
        """The same with the ready tasks in the order of a schedule."""
        scenario = self.fresh()
        # The first run may have much to import, and the others none of it.
        with impatient_stage() if plan.faults else Stage(stall_limit=STALL_LIMIT) as stage:
            return judge(
                scenario,
                way=self.way,
                era=self.era,
                workflow=self.workflow,
                plan=plan,
                deadline=self.deadline,
                stage=stage,
                onlooker=Watch(world_of(scenario)),
                rules=self._rules(world_of(scenario)),
                schedule=schedule,
            )

    def observe(
        self,
        plan: FaultPlan,
        *,
        stage: Stage,
        choose: Choose | None = None,
        remembers: bool = False,
        thorough: bool = False,
        schedule: int | None = None,
        begins: Sequence[Seen] = (),
    ) -> Observation:
        """The run under a plan, as far as a search looks at it.

        Args:
            plan: What goes wrong.
            stage: Where to run it.
            choose: Lets further calls go wrong.
            remembers: Whether what it chooses needs earlier states of the fakes.
            thorough: Whether to look for changes of the world that no tool made.
            schedule: Draws the order of ready tasks; their own if `None`.
            begins: The first calls of a run that goes the same way up to the last of them; nobody looks at them again.
        """
        if not self.draws:
            judged = self.judge(plan) if schedule is None else self.judge_schedule(plan, schedule)
            return observation_of(judged)
        scenario = self.fresh()
        world = seeded_world(scenario)
        watch = Watch(world, choose=choose, remembers=remembers, thorough=thorough, begins=begins)
        performance = perform(
            scenario,
            world=world,
            way=self.way,
            era=self.era,
            workflow=self.workflow,
            plan=plan,
            deadline=self.deadline,
            stage=stage,
            onlooker=watch,
            rules=self._rules(world),
            schedule=schedule,
            settled=watch.settled if thorough else None,
        )
        return watch.observation(performance)

    def _rules(self, world: Mapping[str, Fake]) -> tuple[Invariant, ...]:
        return tuple(_invariant(check, world) for check in self.invariants)


def impatient_stage() -> Stage:
    """Where many runs follow each other: none may hold up the others for long, or tell of its tasks."""
    return Stage(stall_limit=STALL_LIMIT, step_limit=STEP_LIMIT, is_quiet=True)


def _invariant(check: Check, world: Mapping[str, Fake]) -> Invariant:
    return Invariant(name_of(check), claim_of(check), lambda run: check(run, world))


@dataclass
class GivenWorld(Scenario):
    """A scenario made of a world that is none."""

    name = "workflow"
    fakes: dict[str, Fake] = field(default_factory=dict[str, Fake])
    check: Check | None = None

    def served(self) -> dict[str, Fake]:
        return self.fakes

    async def workflow(self, hub: Hub) -> Any:
        raise AssertionError("a world has no workflow of its own")

    def expect(self, run: Run) -> None:
        if self.check is not None:
            self.check(run, self.fakes)


def name_of(thing: object) -> str:
    """What messages call a function, a class or an object."""
    known = getattr(thing, "name", None) or getattr(thing, "__qualname__", type(thing).__qualname__)
    return str(known).rpartition("<locals>.")[2]


def claim_of(check: object) -> str:
    """What a check says that must hold: its `claim`, or its docstring."""
    return str(getattr(check, "claim", "") or " ".join((inspect.getdoc(check) or "").split()))
