"""Running a scenario and judging the run."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_mcpflow.clock import background
from pytest_mcpflow.errors import DeadlockError, FaultPlanError, VacuousTestError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.running import run, with_hub
from pytest_mcpflow.scenario import Run, Scenario, Workflow, invariants_of, world_of
from pytest_mcpflow.state import StateChange, changes_between, state_of
from pytest_mcpflow.transcript import Transcript
from pytest_mcpflow.ways import Era, Way

__all__ = ["Broken", "Judgement", "Verdict", "check_plan", "judge"]


class Verdict(StrEnum):
    """What became of a run."""

    PASSED = "passed"
    """Nothing was made to fail, and every expectation and every invariant holds."""

    RECOVERED = "recovered"
    """Something was made to fail, and all the same everything came out as expected."""

    DEGRADED = "degraded"
    """Not everything came out as expected, but no rule is broken, and the result says so."""

    FAILED_LOUDLY = "failed loudly"
    """The same, and the workflow raised."""

    FAILED_SILENTLY = "failed silently"
    """A rule is broken, or not everything came out as expected and the result does not say so."""

    HUNG = "hung"
    """The workflow waits for what never happens, or was not done at the deadline."""

    FAILED = "failed"
    """Nothing was made to fail, or not by the plan, and yet something does not hold."""

    @property
    def is_good(self) -> bool:
        """Whether a scenario's test passes with it."""
        return self not in (Verdict.FAILED, Verdict.FAILED_SILENTLY, Verdict.HUNG)


@dataclass(frozen=True)
class Broken:
    """A check that does not hold: its name, its claim, and why."""

    check: str
    claim: str
    why: str

    def __str__(self) -> str:
        return f"{self.check}" + (f' - "{self.claim}"' if self.claim else "")


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
    """

    scenario: str
    way: Way
    era: Era
    seed: int
    broken: tuple[Broken, ...]
    transcript: Transcript
    changes: tuple[StateChange, ...]
    seconds: float
    cause: BaseException | None = None
    workflow_reference: str | None = None
    plan: FaultPlan = field(default_factory=FaultPlan)
    never_happened: tuple[str, ...] = ()
    admitted: bool = False
    hung: bool = False

    @property
    def verdict(self) -> Verdict:
        if len(self.never_happened) == len(self.plan):
            return Verdict.FAILED if self.broken else Verdict.PASSED
        checks = {broken.check for broken in self.broken}
        if "run" in checks:
            return Verdict.FAILED
        if self.hung:
            return Verdict.HUNG
        if not checks:
            return Verdict.RECOVERED
        if not self.admitted or checks - {"expect", "workflow"}:
            return Verdict.FAILED_SILENTLY
        return Verdict.FAILED_LOUDLY if "workflow" in checks else Verdict.DEGRADED

    @property
    def reproduce(self) -> str:
        """The command that runs it again."""
        options = f"--mcp-transport {self.way} --mcp-protocol {self.era} --mcp-seed {self.seed}"
        if self.plan:
            options = f"--mcp-plan {shlex.quote(str(self.plan))} {options}"
        if self.workflow_reference is not None:
            options = f"--mcp-workflow {self.scenario}={self.workflow_reference} {options}"
        return f"pytest --mcp-scenario {self.scenario} {options}"


def judge(
    scenario: Scenario,
    *,
    way: Way = Way.MEMORY,
    era: Era = Era.STATELESS,
    workflow: Workflow | None = None,
    workflow_reference: str | None = None,
    plan: FaultPlan | str | None = None,
    deadline: float = 604_800.0,
) -> Judgement:
    """Run a scenario's workflow, or the user's, on its world in virtual time, and judge the outcome.

    Args:
        scenario: A fresh scenario; the run changes its world.
        way, era: How calls reach the world.
        workflow: In place of the scenario's own.
        workflow_reference: Where that one is found, for the line that reproduces the run.
        plan: What goes wrong; a text takes the scenario's seed.
        deadline: Virtual seconds after which the workflow counts as hung.

    Raises:
        FaultPlanError: The text is no plan, or names what the scenario's world does not have.
    """
    plan = FaultPlan.parse(plan, seed=scenario.seed) if isinstance(plan, str) else plan or FaultPlan()
    world = world_of(scenario)
    for fake in world.values():
        fake.seed = scenario.seed
    before = {name: state_of(fake) for name, fake in world.items()}
    hub = _hub_of(scenario, world, way, era)
    hub.answer_with(scenario.answer)
    if plan:
        hub.fail(plan)
    try:
        done = run(_run(scenario, hub, workflow or scenario.workflow, deadline))
    except DeadlockError as deadlock:
        done = Run(None, deadlock, hub.transcript, hub.clock.now())
    changes = [
        change
        for name, fake in world.items()
        for change in changes_between(before[name], state_of(fake), path=name)
    ]
    return Judgement(
        scenario=scenario.name,
        way=way,
        era=era,
        seed=scenario.seed,
        broken=tuple(_broken(scenario, hub, done)),
        transcript=done.transcript,
        changes=tuple(changes),
        seconds=done.seconds,
        cause=done.error,
        workflow_reference=workflow_reference,
        plan=plan,
        never_happened=tuple(map(str, hub.faults.never_happened())) if plan else (),
        admitted=scenario.admits(done),
        hung=isinstance(done.error, DeadlockError | _DeadlinePassed),
    )


def check_plan(scenario: Scenario, plan: FaultPlan) -> None:
    """Look whether a plan fits a scenario, without running it.

    Raises:
        FaultPlanError: It names what the scenario's world does not have.
    """
    hub = _hub_of(scenario, world_of(scenario), Way.DIRECT, Era.STATELESS)
    scenario.connect(hub)
    hub.fail(plan)
    hub.faults.check()


def _hub_of(scenario: Scenario, world: Mapping[str, Fake], way: Way, era: Era) -> Hub:
    hub = Hub(way=way, era=era, virtual_time=True, starts_at=scenario.starts_at, seed=scenario.seed)
    for name, fake in world.items():
        hub.serve(fake, name=name)
    return hub


class _DeadlinePassed(Exception):
    """The workflow was not done in time."""


async def _run(scenario: Scenario, hub: Hub, workflow: Workflow, deadline: float) -> Run:
    async def body() -> Run:
        scenario.connect(hub)
        if hub.is_faulted:
            hub.faults.check()
        result, error = None, None
        try:
            result = await _until(deadline, workflow(hub))
        except FaultPlanError:
            raise
        except Exception as raised:
            error = raised
        ended_at = hub.clock.now()
        if hub.is_faulted:
            await hub.faults.settle()
        return Run(result, error, hub.transcript, ended_at)

    return await with_hub(hub, body)


async def _until(deadline: float, work: Awaitable[Any]) -> Any:
    """Await something, and cancel it at the deadline, which nobody waits for: a deadlock is seen before it."""
    task = asyncio.current_task()
    assert task is not None
    has_passed = False

    def pass_deadline() -> None:
        nonlocal has_passed
        has_passed = True
        task.cancel()

    with background():
        timer = asyncio.get_running_loop().call_later(deadline, pass_deadline)
    try:
        return await work
    except asyncio.CancelledError:
        if not has_passed:
            raise
        task.uncancel()
        raise _DeadlinePassed(f"not done after {deadline:g} s") from None
    finally:
        timer.cancel()


def _broken(scenario: Scenario, hub: Hub, done: Run) -> list[Broken]:
    broken: list[Broken] = []
    if done.error is not None:
        broken.append(Broken("workflow", "", f"raised {_described(done.error)}"))
    else:
        broken += _evaluated("expect", "", scenario.expect, done)
    for rule in invariants_of(scenario):
        broken += _evaluated(rule.name, rule.claim, rule.check, done)
    try:
        hub.verify(calls_expected=False)
        if not done.transcript and done.error is None:
            raise VacuousTestError(f"the workflow called none of its servers: {', '.join(hub.servers)}")
    except Exception as error:
        broken.append(Broken("run", "", str(error)))
    return broken


def _evaluated(name: str, claim: str, check: Callable[[Run], Any], done: Run) -> list[Broken]:
    try:
        returned = check(done)
    except Exception as error:
        return [Broken(name, claim, _described(error))]
    if isinstance(returned, Awaitable) or returned is not None:
        return [Broken(name, claim, f"returned {returned!r} where it should assert, so it checked nothing")]
    return []


def _described(error: BaseException) -> str:
    text = str(error).strip()
    return (
        text
        if isinstance(error, AssertionError) and text
        else f"{type(error).__name__}: {text or '(no message)'}"
    )
