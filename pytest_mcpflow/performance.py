"""Performing a scenario: one run of a workflow on a world, and what does not hold of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from pytest_mcpflow.clock import VirtualTimeLoop, background
from pytest_mcpflow.errors import DeadlockError, FaultPlanError, LeakedError, VacuousTestError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.running import with_hub
from pytest_mcpflow.scenario import Invariant, Run, Scenario, Workflow, invariants_of, world_of
from pytest_mcpflow.stage import Stage, StillRunningError
from pytest_mcpflow.transcript import Interaction
from pytest_mcpflow.ways import Era, Way

if TYPE_CHECKING:
    from pytest_mcpflow.faults.injector import Onlooker

__all__ = [
    "DEADLINE",
    "Broken",
    "DeadlinePassedError",
    "Performance",
    "Verdict",
    "described",
    "hub_of",
    "leaves_of",
    "perform",
    "seeded_world",
    "verdict_of",
    "within",
]

DEADLINE = 604_800.0
"""Virtual seconds, a week, after which a workflow counts as hung."""

WAITS = 20_000
"""How often a workflow may wait for a time to come before it counts as hung: more than five hours, if every second."""

GRACE = 60.0
"""Virtual seconds that a workflow has to end in, once it was cancelled at its deadline."""


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

    LEAKED = "leaked"
    """It ended well or loudly, and left something behind: a task that still runs, a context that is still open, or what
    a rule says was not given back."""

    FAILED = "failed"
    """Nothing was made to fail, or not by the plan, and yet something does not hold."""

    @property
    def is_good(self) -> bool:
        """Whether a scenario's test passes with it."""
        return self not in (Verdict.FAILED, Verdict.FAILED_SILENTLY, Verdict.HUNG, Verdict.LEAKED)


@dataclass(frozen=True)
class Broken:
    """A check that does not hold: its name, its claim, and why; `leaks` if it is about what was not given back."""

    check: str
    claim: str
    why: str
    leaks: bool = False

    def __str__(self) -> str:
        return f"{self.check}" + (f' - "{self.claim}"' if self.claim else "")


@dataclass(frozen=True)
class Performance:
    """A run that is over, before anything is said of it that not everybody needs.

    Args:
        run: For the checks.
        world: The fakes by name, as the run left them.
        broken: What does not hold.
        plan: What was to go wrong.
        never_happened, admitted, hung: As in a judgement.
    """

    run: Run
    world: Mapping[str, Fake]
    broken: tuple[Broken, ...]
    plan: FaultPlan
    never_happened: tuple[str, ...]
    admitted: bool
    hung: bool

    @property
    def verdict(self) -> Verdict:
        return verdict_of(
            self.broken,
            nothing_happened=len(self.never_happened) == len(self.plan),
            admitted=self.admitted,
            hung=self.hung,
        )


def perform(
    scenario: Scenario,
    *,
    way: Way,
    era: Era,
    world: Mapping[str, Fake] | None = None,
    workflow: Workflow | None = None,
    plan: FaultPlan | None = None,
    deadline: float = DEADLINE,
    stage: Stage | None = None,
    onlooker: Onlooker | None = None,
    rules: Sequence[Invariant] = (),
    schedule: int | None = None,
    settled: Callable[[Interaction], None] | None = None,
) -> Performance:
    """Run a scenario, and check it; see `judge`. `world` is that of `seeded_world`, where it was made already.

    `settled` is told of each effect, once all that hangs on it has happened.
    """
    plan = plan or FaultPlan()
    world = world or seeded_world(scenario)
    hub = hub_of(scenario, world, way, era)
    hub.answer_with(scenario.answer)
    if onlooker is not None:
        hub.faults.onlooker = onlooker
    if plan:
        hub.fail(plan)
    given = set[str]()
    with Stage() if stage is None else nullcontext(stage) as on:
        try:
            done = on.run(
                _run(scenario, hub, workflow or scenario.workflow, deadline, given, settled),
                schedule=schedule,
            )
        except (DeadlockError, StillRunningError) as error:
            done = Run(None, error, hub.transcript, hub.clock.now())
        except SystemExit as error:  # asyncio lets that of another task out of the loop
            done = Run(None, error, hub.transcript, hub.clock.now())
        left_over = [*on.left_over, *_still_open(context for context in hub.contexts if context not in given)]
    if onlooker is not None:
        plan = FaultPlan((*plan.faults, *onlooker.chosen), plan.seed)
    return Performance(
        run=done,
        world=world,
        broken=(*_broken(scenario, hub, done, rules), *_left_over(left_over)),
        plan=plan,
        never_happened=tuple(map(str, hub.faults.never_happened())) if plan else (),
        admitted=scenario.admits(done),
        hung=isinstance(done.error, DeadlockError | DeadlinePassedError | StillRunningError),
    )


def _still_open(contexts: Iterable[str]) -> Iterator[str]:
    return (f"context {each!r} is still open; delete it from hub.contexts in a finally" for each in contexts)


def _left_over(things: Sequence[str]) -> Iterator[Broken]:
    if things:
        more = f" and {len(things) - 1} more" if things[1:] else ""
        yield Broken("leaked", LEAKED, things[0] + more, leaks=True)


LEAKED = "Nothing that a workflow began or opened goes on when it has ended."


def verdict_of(broken: Sequence[Broken], *, nothing_happened: bool, admitted: bool, hung: bool) -> Verdict:
    """What became of a run.

    Args:
        broken: What does not hold.
        nothing_happened: Whether nothing of the plan happened.
        admitted: Whether people can see that not everything came out.
        hung: Whether it still waited at the end.
    """
    checks = {each.check for each in broken}
    if nothing_happened or "run" in checks:
        return Verdict.FAILED if broken else Verdict.PASSED
    if hung:
        return Verdict.HUNG
    if not checks:
        return Verdict.RECOVERED
    told = {each.check for each in broken if not each.leaks}
    if told and (not admitted or told - {"expect", "workflow"}):
        return Verdict.FAILED_SILENTLY
    if any(each.leaks for each in broken):
        return Verdict.LEAKED
    return Verdict.FAILED_LOUDLY if "workflow" in checks else Verdict.DEGRADED


def hub_of(scenario: Scenario, world: Mapping[str, Fake], way: Way, era: Era) -> Hub:
    hub = Hub(way=way, era=era, virtual_time=True, starts_at=scenario.starts_at, seed=scenario.seed)
    for name, fake in world.items():
        hub.serve(fake, name=name)
    return hub


class DeadlinePassedError(Exception):
    """The workflow was not done in time."""


async def _run(
    scenario: Scenario,
    hub: Hub,
    workflow: Workflow,
    deadline: float,
    given: set[str],
    settled: Callable[[Interaction], None] | None,
) -> Run:
    """Run the workflow; `given` learns of the contexts that were open before."""

    async def body() -> Run:
        scenario.connect(hub)
        if settled is not None:
            hub.on_effect("*", settled)
        given.update(hub.contexts)
        if hub.is_faulted:
            hub.faults.check()
        result: Any = None
        error: BaseException | None = None
        try:
            result = await within(deadline, workflow(hub))
        except FaultPlanError:
            raise
        except (Exception, SystemExit) as raised:  # a program's exit ends the run, not the process
            error = raised
        except asyncio.CancelledError as raised:
            error = raised  # its own, or of a task that it awaited: nobody else cancels it
            _take_back_cancelling()
        try:
            ended_at = hub.clock.now()
            if hub.is_faulted:
                await hub.faults.settle()
            return Run(result, error, hub.transcript, ended_at)
        finally:
            del error  # its traceback has this frame, and a circle is freed by the garbage collector only

    return await with_hub(hub, body)


def _take_back_cancelling() -> None:
    """Let what comes after a workflow that was cancelled await as ever."""
    task = asyncio.current_task()
    while task is not None and task.uncancel():
        pass


async def within(deadline: float, work: Awaitable[Any]) -> Any:
    """Await something, and cancel it at the deadline, which nobody waits for: a deadlock is seen before it.

    Raises:
        DeadlinePassedError: It was not done then.
    """
    limit = _Limit(asyncio.get_running_loop(), deadline)
    try:
        return await work
    except asyncio.CancelledError:
        if not limit.has_passed:
            raise
        raise DeadlinePassedError(f"not done after {deadline:g} s") from None
    finally:
        limit.end()


class _Limit:
    """Cancels the running task at a deadline, and stops the loop where that does not help.

    It forgets the task in the end: what the task raised has frames that have this, and a circle is freed by the garbage
    collector only.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self.has_passed = False
        self._loop, self._task = loop, asyncio.current_task(loop)
        if isinstance(loop, VirtualTimeLoop):
            loop.allow_waits(WAITS)
        with background():
            self._timers = [loop.call_later(deadline, self._pass)]

    def _pass(self) -> None:
        self.has_passed = True
        if self._task is not None:
            self._task.cancel()
        with background():
            self._timers.append(self._loop.call_later(GRACE, self._loop.stop))

    def end(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self.has_passed and self._task is not None:
            self._task.uncancel()
        self._task = None
        if isinstance(self._loop, VirtualTimeLoop):
            self._loop.allow_waits(None)


def _broken(scenario: Scenario, hub: Hub, done: Run, rules: Sequence[Invariant]) -> list[Broken]:
    broken: list[Broken] = []
    if done.error is not None:
        broken.append(Broken("workflow", "", f"raised {described(done.error)}"))
    else:
        broken += _evaluated("expect", "", scenario.expect, done)
    for rule in invariants_of(scenario):
        broken += _evaluated(rule.name, rule.claim, rule.check, done)
    for each in rules:
        broken += _evaluated(each.name, each.claim, each.check, done)
    try:
        hub.verify(calls_expected=False)
        if not done.transcript and done.error is None:
            raise VacuousTestError(f"the workflow called none of its servers: {', '.join(hub.servers)}")
    except VacuousTestError as error:
        if done.error is None:  # an error leaves behind the calls that were made ready for after it
            broken.append(Broken("run", "", str(error)))
    except Exception as error:
        broken.append(Broken("run", "", str(error)))
    return broken


def _evaluated(name: str, claim: str, check: Callable[[Run], Any], done: Run) -> list[Broken]:
    try:
        returned = check(done)
    except Exception as error:
        return [Broken(name, claim, described(error), leaks=isinstance(error, LeakedError))]
    if returned is not None:
        return [Broken(name, claim, f"returned {returned!r} where it should assert, so it checked nothing")]
    return []


def described(error: BaseException) -> str:
    """An error as a broken check says it: an assertion by its own words, anything else by its type, too."""
    text = str(error).strip()
    return (
        text
        if isinstance(error, AssertionError) and text
        else f"{type(error).__name__}: {text or '(no message)'}"
    )


def leaves_of(error: BaseException) -> list[BaseException]:
    """The errors in groups in groups; an error that is none by itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [leaf for each in group.exceptions for leaf in leaves_of(each)]


def seeded_world(scenario: Scenario) -> dict[str, Fake]:
    world = world_of(scenario)
    for fake in world.values():
        fake.seed = scenario.seed
    return world
