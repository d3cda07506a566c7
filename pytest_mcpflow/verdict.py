"""Running a scenario and judging the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pytest_mcpflow.errors import DeadlockError, VacuousTestError
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.running import run, with_hub
from pytest_mcpflow.scenario import Run, Scenario, Workflow, invariants_of, world_of
from pytest_mcpflow.state import StateChange, changes_between, state_of
from pytest_mcpflow.transcript import Transcript
from pytest_mcpflow.ways import Era, Way

__all__ = ["Broken", "Judgement", "Verdict", "judge"]


class Verdict(StrEnum):
    """What became of a run."""

    PASSED = "passed"
    """Every expectation and every invariant holds."""

    FAILED = "failed"
    """Nothing was made to fail, and yet something does not hold."""


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
        broken: What does not hold; empty if it passed.
        transcript: What the workflow did.
        changes: What it changed in the world.
        seconds: How long it took in the run's own time.
        cause: What the workflow raised.
        workflow_reference: Where the workflow is found, if it is not the scenario's own.
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

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAILED if self.broken else Verdict.PASSED

    @property
    def reproduce(self) -> str:
        """The command that runs it again."""
        options = f"--mcp-transport {self.way} --mcp-protocol {self.era} --mcp-seed {self.seed}"
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
) -> Judgement:
    """Run a scenario's workflow, or the user's, on its world in virtual time, and judge the outcome.

    Args:
        scenario: A fresh scenario; the run changes its world.
        way, era: How calls reach the world.
        workflow: In place of the scenario's own.
        workflow_reference: Where that one is found, for the line that reproduces the run.
    """
    world = world_of(scenario)
    for fake in world.values():
        fake.seed = scenario.seed
    before = {name: state_of(fake) for name, fake in world.items()}
    hub = Hub(way=way, era=era, virtual_time=True, starts_at=scenario.starts_at)
    for name, fake in world.items():
        hub.serve(fake, name=name)
    hub.answer_with(scenario.answer)
    try:
        done = run(_run(scenario, hub, workflow or scenario.workflow))
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
    )


async def _run(scenario: Scenario, hub: Hub, workflow: Workflow) -> Run:
    async def body() -> Run:
        scenario.connect(hub)
        result, error = None, None
        try:
            result = await workflow(hub)
        except Exception as raised:
            error = raised
        return Run(result, error, hub.transcript, hub.clock.now())

    return await with_hub(hub, body)


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
