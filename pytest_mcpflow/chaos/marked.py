"""Tests marked `mcp_chaos`: their body runs without faults, and then again under every plan that is looked for."""

from __future__ import annotations

import asyncio
import inspect
import shlex
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import pytest

from pytest_mcpflow.async_tests import guarded
from pytest_mcpflow.chaos.arguments import arguments_of
from pytest_mcpflow.chaos.items import (
    ExplorationFailed,
    ExplorationStopped,
    note_exploration,
    note_stopped,
)
from pytest_mcpflow.chaos.options import chaos_asked, marked_search
from pytest_mcpflow.errors import (
    CassetteError,
    DeadlockError,
    FaultPlanError,
    HubError,
    MCPFlowError,
    VacuousTestError,
    VirtualTimeError,
)
from pytest_mcpflow.explore.observe import Callers, Observation, Seen, observation_of
from pytest_mcpflow.explore.result import Interrupted
from pytest_mcpflow.explore.subject import Choose, Subject
from pytest_mcpflow.faults.plan import FaultPlan
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.marker import MarkerOptions, marker_options, options_of
from pytest_mcpflow.performance import DeadlinePassedError, described, within
from pytest_mcpflow.plans import plan_asked
from pytest_mcpflow.report.explored import explore_with, explored, judged
from pytest_mcpflow.report.pinned import pin_call
from pytest_mcpflow.report.resilience import Pinned
from pytest_mcpflow.running import run
from pytest_mcpflow.schema import ToolSpec
from pytest_mcpflow.stage import Stage, not_of_tasks
from pytest_mcpflow.stash import HUB, NEW_HUB
from pytest_mcpflow.verdict import Broken, Judgement

__all__ = ["explore_test"]

FIXTURE = "mcpflow"
ASSERTION = "assertion"
WORKFLOW = "workflow"
REAL = (
    "what needs real time, such as a real server, cannot be explored, only run under plans that you name: "
    "take mcp_chaos from the test, mark it @pytest.mark.mcpflow(virtual_time=False), and give a plan, by its "
    'faults="..." or --mcp-plan'
)
PINNED = ("transport", "protocol", "seed", "schedule", "like")
"""What a pinned test says itself."""
SKIPPED = ": skipped because of a fault, so that nothing was checked; assert what holds then, or return"


def explore_test(item: pytest.Function, test: Callable[..., Any]) -> None:
    """Run a marked test as it is, and then under plan after plan, or under the plan of the command line alone.

    Args:
        item: The test.
        test: Its function, before anybody wrapped it.

    Raises:
        pytest.fail.Exception: There is a plan under which an assertion of it fails, or under which it hangs.
    """
    _refuse(item)
    shown = item.stash[HUB]
    body = _Body(world=dict, item=item, test=test, seed=shown.seed, way=shown.way, era=shown.era)
    asked, is_ordered = plan_asked(item.config), shown.schedule is not None
    try:
        # Without faults this is the test as it stands, and fails as any test does.
        body.once(is_faulted=bool(asked))
    except (CassetteError, DeadlockError, FaultPlanError, HubError, VacuousTestError) as error:
        raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None
    except VirtualTimeError as error:
        if "virtual_time=False" not in str(error):
            raise
        raise pytest.fail.Exception(f"VirtualTimeError: {error}. But {REAL}", pytrace=False) from None
    if asked or is_ordered:
        return
    body = replace(body, earlier=item.stash[HUB].transcript)
    if shown.is_faulted:
        shown = item.stash[HUB]  # which knows whether the faults of the other marker happened
    chaos, marked = chaos_asked(item.config), marked_search(item)
    is_stopped = False
    try:
        try:
            exploration = judged(body, marked.plans) if marked.plans else explore_with(body, marked.search)
        except Interrupted as stopped:
            exploration, is_stopped = stopped.exploration, True
        plans = len(marked.plans)
        named = f"{plans} named {'plan' if plans == 1 else 'plans'} run, and no others" if plans else None
        resilience = explored(
            exploration,
            claim=named,
            subject=body,
            reproduce=body.reproduce,
            pin=body.pinned,
            known=chaos.knows(body.name),
        )
        if is_stopped:
            note_stopped(item, resilience, chaos)
        note_exploration(item, resilience, chaos)
    except ExplorationFailed as failed:
        raise pytest.fail.Exception(failed.block, pytrace=False) from None
    except ExplorationStopped as stopped:
        raise pytest.fail.Exception(str(stopped), pytrace=False) from None
    except MCPFlowError as error:
        raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None
    finally:
        item.stash[HUB] = shown  # and not whichever run was the last


def _refuse(item: pytest.Function) -> None:
    """Say what cannot be run again and again."""
    hub = item.stash[HUB]
    if hub.servers:
        raise pytest.fail.Exception(
            f"a fixture has added servers to the hub of this test ({', '.join(hub.servers)}), and an exploration gives "
            "its body a new hub for each run; add them in the test, or in a function that it calls",
            pytrace=False,
        )
    if hub.clock.virtual_time is False:
        raise pytest.fail.Exception(
            f"an exploration runs in virtual time, and this test asks for real time; {REAL}", pytrace=False
        )


@dataclass(frozen=True, kw_only=True)
class _Body(Subject):
    """A test's body as something that can be run under a plan."""

    item: pytest.Function
    test: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.item.nodeid

    def spec(self, server: str, tool: str) -> ToolSpec | None:
        hub = self.item.stash[HUB]
        return hub.faults.spec(server, tool)

    def once(self, *, is_faulted: bool) -> None:
        """Run it as it is, or under the plan of the command line; then what is raised is loud enough, but for failures.

        Raises:
            Exception: An assertion failed, or nothing went wrong and it raised.
        """
        hub = self._fresh_hub()
        try:
            self._call(hub)
        except (AssertionError, DeadlockError, DeadlinePassedError):
            raise
        except (Exception, asyncio.CancelledError) as error:
            if not is_faulted or _is_broken(error):
                raise
        except pytest.skip.Exception as skipped:
            if not is_faulted:
                raise
            raise pytest.fail.Exception(_told(skipped), pytrace=False) from None
        hub.verify(calls_expected=marker_options(self.item).calls_expected)
        if not hub.transcript:
            raise pytest.fail.Exception(
                "the body of this test called no server of the hub that it was given, so that nothing can go wrong; "
                "pass `mcpflow` on to what makes the calls, and not a hub from another fixture",
                pytrace=False,
            )

    @property
    def permutes(self) -> bool:
        return self.way.is_in_process

    def judge_schedule(self, plan: FaultPlan, schedule: int | None) -> Judgement:
        return self._judged(plan, schedule, Callers())

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
        callers = Callers()
        return observation_of(self._judged(plan, schedule, callers), callers)

    def _judged(self, plan: FaultPlan, schedule: int | None, callers: Callers) -> Judgement:
        hub = self._fresh_hub(plan, schedule)
        hub.faults.onlooker = callers
        raised: BaseException | None = None
        broken: list[Broken] = []
        try:
            self._call(hub)
        except (Exception, asyncio.CancelledError, pytest.fail.Exception, pytest.skip.Exception) as error:
            raised = error
            check = ASSERTION if _is_broken(error) else WORKFLOW
            broken.append(Broken(check, "", f"{_place(error, self.test)}{_told(error)}"))
        try:
            hub.verify(calls_expected=False)
        except VacuousTestError as error:
            if raised is None:  # an error leaves behind the calls that were made ready for after it
                broken.append(Broken("run", "", str(error)))
        except (CassetteError, HubError) as error:
            broken.append(Broken("run", "", str(error)))
        return Judgement(
            scenario=self.item.name,
            way=self.way,
            era=self.era,
            seed=self.seed,
            broken=tuple(broken),
            transcript=hub.transcript,
            changes=(),
            seconds=hub.clock.now(),
            cause=raised,
            plan=plan,
            never_happened=tuple(str(each) for each in hub.faults.never_happened() if each in plan.faults),
            admitted=True,
            hung=isinstance(raised, DeadlockError | DeadlinePassedError),
            schedule=schedule,
        )

    def reproduce(self, judgement: Judgement) -> str:
        """The command that runs the test once, under that plan."""
        options = f"--mcp-seed {judgement.seed}"
        if judgement.schedule is not None:
            options = f"--mcp-schedule {judgement.schedule} {options}"
        if judgement.plan:
            options = f"--mcp-plan {shlex.quote(str(judgement.plan))} {options}"
        if marker_options(self.item).transport is None:
            options += f" --mcp-transport {judgement.way}"
        if marker_options(self.item).protocol is None:
            options += f" --mcp-protocol {judgement.era}"
        return f"pytest {options} {shlex.quote(self.item.nodeid)}"

    def pinned(self, judgement: Judgement, why: Sequence[str]) -> Pinned:
        """A test that calls this one under a plan, or in the order of a schedule."""
        module = str(vars(self.item.module)["__name__"])
        name, owner = self.item.originalname, self.item.cls
        test = name if owner is None else f"{owner.__qualname__}.{name}"
        arguments = arguments_of(self.item, self.test, f"{module}.{test}")
        options, obstacle = self._options(), arguments.obstacle
        if "playback" in options:
            obstacle = "its marker `mcpflow(playback=...)` is not its own; give it to the test, its class or its file"
        if obstacle:
            return Pinned(imports=(), source="", obstacle=obstacle)
        is_async = inspect.iscoroutinefunction(self.test)
        return pin_call(
            self.item.name,
            str(judgement.plan),
            why,
            head=f"{'async ' if is_async else ''}({arguments.parameters}) -> None",
            test=test,
            arguments=arguments.passed,
            module=module,
            way=judgement.way.value,
            era=judgement.era.value,
            seed=judgement.seed,
            options=options,
            marks=arguments.marks,
            schedule=judgement.schedule,
        )

    def _options(self) -> Mapping[str, str]:
        """What the marker says of this test that does not stand at it in its source, but at a set of parameters."""
        names = [each.name for each in fields(MarkerOptions) if each.name not in PINNED]
        here = marker_options(self.item)
        source = options_of(getattr(self.item.cls or self.item.module, self.item.originalname))
        return {
            name: repr(getattr(here, name)) for name in names if getattr(here, name) != getattr(source, name)
        }

    def _arguments(self) -> list[str]:
        return list(inspect.signature(self.test).parameters)

    def _fresh_hub(self, plan: FaultPlan | None = None, schedule: int | None = None) -> Hub:
        """A hub that follows the plans of the command line and of the marker `mcpflow`, and this one."""
        hub = self.item.stash[NEW_HUB]()
        hub.schedule = hub.schedule if schedule is None else schedule
        if plan:
            hub.fail(plan)
        self.item.stash[HUB] = hub
        return hub

    def _call(self, hub: Hub) -> None:
        arguments = {name: self.item.funcargs[name] for name in self._arguments()}
        if FIXTURE in arguments:
            arguments[FIXTURE] = hub
        if not inspect.iscoroutinefunction(self.test):
            self.test(**arguments)
            return

        async def body() -> None:
            await within(self.deadline, self.test(**arguments))

        async def closing_the_hub() -> None:
            if hub.is_faulted:
                asyncio.get_running_loop().set_exception_handler(not_of_tasks)
            await guarded(body, hub)()

        run(closing_the_hub())


def _is_broken(error: BaseException) -> bool:
    """Whether an assertion of the test failed, perhaps in a group of tasks, or was left out by skipping."""
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return any(_is_broken(each) for each in inner)
    return isinstance(error, AssertionError | pytest.fail.Exception | pytest.skip.Exception)


def _told(error: BaseException) -> str:
    return described(error) + (SKIPPED if isinstance(error, pytest.skip.Exception) else "")


def _place(error: BaseException, test: Callable[..., Any]) -> str:
    """The line of the assertion that failed, or else the line of the test that raised: `test_it.py:12: `."""
    file = inspect.getsourcefile(test)
    is_assertion = isinstance(error, AssertionError)
    found = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in found if is_assertion or frame.filename == file]
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}: " if frames else ""
