"""Exploring: the run without faults, then plan after plan, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.kinds import DEFAULT_KINDS
from pytest_mcpflow.explore.part import WHOLE, Part
from pytest_mcpflow.explore.result import Exploration
from pytest_mcpflow.explore.runner import Runner
from pytest_mcpflow.explore.search import Budget, Search
from pytest_mcpflow.explore.subject import Check, Subject, World
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.scenario import Workflow
from pytest_mcpflow.ways import Era, Way

__all__ = ["explore", "explore_subject"]


def explore(
    workflow: Workflow | None,
    world: World,
    *,
    depth: int = 1,
    kinds: Sequence[FaultKind] | None = None,
    runs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    way: Way = Way.DIRECT,
    era: Era = Era.STATELESS,
    expect: Check | None = None,
    invariants: Sequence[Check] = (),
    executor: Executor | None = None,
    findings: int | None = None,
    permute: int = 0,
    tactics: Tactics | None = None,
) -> Exploration:
    """Run a workflow without faults, and then under every plan that matters, and say what it hides.

        exploration = explore(restock, Shop, depth=2)

    Args:
        workflow: The code under test; `None` for a scenario's own.
        world: Makes a fresh world: a scenario's class, or a function that returns fakes.
        depth: The most faults at once.
        kinds: The kinds of faults to try, the simplest first; by default `DEFAULT_KINDS`.
        runs: The most runs to search with; those that shrink what was found come on top.
        seconds: The most real seconds to search for.
        seed: Of the scenario, and of what the search draws.
        way, era: How calls reach the world.
        expect: What must come out when nothing fails; for a world that is no scenario.
        invariants: What must hold whatever fails, besides the scenario's own.
        executor: Runs plans elsewhere, such as in other processes; what comes of it is the same.
        findings: Stop when there are so many.
        permute: In how many other orders of ready tasks to run it without faults, besides `runs`; the first that fails
            is reported.
        tactics: Which of its tactics the search uses, for measurements.

    Raises:
        ExplorationError: An argument is none that can be meant; the workflow fails without faults, or does not do the
            same twice; none of the kinds can happen to its calls; there are more plans than anybody can run, and
            neither `runs` nor `seconds` says when to stop; an event loop is running already.
    """
    _refuse_fake(world)
    subject = Subject(world, workflow, seed, way, era, expect, tuple(invariants))
    return explore_subject(
        subject,
        depth=depth,
        kinds=kinds,
        runs=runs,
        seconds=seconds,
        executor=executor,
        findings=findings,
        permute=permute,
        tactics=tactics,
    )


def explore_subject(
    subject: Subject,
    *,
    depth: int = 1,
    kinds: Sequence[FaultKind] | None = None,
    runs: int | None = None,
    seconds: float | None = None,
    executor: Executor | None = None,
    findings: int | None = None,
    permute: int = 0,
    tactics: Tactics | None = None,
    part: Part = WHOLE,
) -> Exploration:
    """The same for anything that can be run under a plan: a test with a marker is a subject, too.

    A `part` of an exploration runs its share of the plans, and accounts for it alone; only what is explored without a
    budget can be divided.
    """
    _refuse_running_loop()
    _refuse_executor(executor)
    _refuse_numbers(depth=depth, runs=runs, findings=findings, permute=permute, seconds=seconds)
    if kinds is not None:
        _refuse_kinds(kinds)
    if permute and not subject.way.is_in_process:
        raise ExplorationError(
            f"other orders of tasks were asked for on {subject.way}, where pipes and sockets decide, too, which task "
            "is ready first, so that no order could be repeated; take direct or memory"
        )
    budget = Budget(runs, seconds, findings)
    if part != WHOLE and not budget.is_for_all:
        raise ExplorationError(
            "a part of an exploration was asked for, and an end to it (runs, seconds or findings): the budget is one "
            "for all parts, which know nothing of each other; leave out one of them"
        )
    with Runner(subject, executor) as runner:
        search = Search(
            subject,
            runner,
            kinds=DEFAULT_KINDS if kinds is None else tuple(dict.fromkeys(kinds)),
            depth=depth,
            budget=budget,
            tactics=tactics or Tactics(),
            permute=permute,
            part=part,
        )
        return search.run()


def _refuse_fake(world: object) -> None:
    """Say how fakes are given, of what is one, or makes one that nobody could name."""
    kind: type[object] = world if isinstance(world, type) else type(world)
    if issubclass(kind, Fake):
        raise ExplorationError(
            f"a world is a function that returns all fakes that are served, and {kind.__name__} is one of them; "
            f"pass lambda: [{kind.__name__}()]"
        )
    if not callable(world):
        raise ExplorationError(
            "a world is a function that makes a fresh one for each run, or the class of a scenario, got "
            f"{world!r}; pass a function that returns it"
        )


def _refuse_executor(executor: object) -> None:
    """Say what an executor is, of a class of them, or of what cannot be asked to run anything."""
    if isinstance(executor, type):
        raise ExplorationError(
            f"an executor is an object, and {executor.__name__} is a class; pass {executor.__name__}(...)"
        )
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ExplorationError(
            "an executor has a method submit(), as concurrent.futures.ProcessPoolExecutor(2) and a cluster's client "
            f"have, got {executor!r}"
        )


def _refuse_numbers(
    *, depth: object, runs: object, findings: object, permute: object, seconds: float | None
) -> None:
    if not _is_count(depth, 1):
        raise ExplorationError(
            f"depth is a whole number from 1 on, got {depth!r}; it is the most faults at once"
        )
    for name, count, least in (("runs", runs, 1), ("findings", findings, 1), ("permute", permute, 0)):
        if count is not None and not _is_count(count, least):
            raise ExplorationError(f"{name} is a whole number from {least} on, got {count!r}")
    if seconds is not None and not seconds > 0:
        raise ExplorationError(f"seconds are the most real seconds to search for, above 0, got {seconds!r}")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and value >= least


def _refuse_kinds(kinds: Sequence[object]) -> None:
    if not kinds:
        raise ExplorationError("no kinds of faults were given, so there is nothing to try; leave `kinds` out")
    for kind in kinds:
        if not isinstance(kind, FaultKind):
            raise ExplorationError(
                f"`kinds` are kinds of faults and no texts, got {kind!r}; pass those of a plan: "
                "[fault.kind for fault in FaultPlan.parse('*.*=refuse, *.*=delay(60)').faults]"
            )


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ExplorationError(
        "an exploration makes event loops of its own, and one is running here; call explore() from a plain test or "
        "function, not from an async one"
    )
