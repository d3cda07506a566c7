"""Exploring: the run without faults, then plan after plan, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from time import perf_counter

from pytest_mcpflow.errors import ExplorationError
from pytest_mcpflow.explore.kinds import DEFAULT_KINDS, applicable
from pytest_mcpflow.explore.result import Accounting, Cell, Exploration, Finding
from pytest_mcpflow.explore.subject import Check, Subject, World
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.scenario import Workflow
from pytest_mcpflow.transcript import Transcript
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
) -> Exploration:
    """Run a workflow without faults, and then under every plan that matters, and say what it hides.

        exploration = explore(restock, Shop, depth=2)

    Args:
        workflow: The code under test; `None` for a scenario's own.
        world: Makes a fresh world: a scenario's class, or a function that returns fakes.
        depth: The most faults at once.
        kinds: The kinds of faults to try, by default `DEFAULT_KINDS`.
        runs: The most runs to search with.
        seconds: The most real seconds to search for.
        seed: Of the scenario, and of what the search draws.
        way, era: How calls reach the world.
        expect: What must come out when nothing fails; for a world that is no scenario.
        invariants: What must hold whatever fails, besides the scenario's own.
        executor: Runs plans elsewhere, such as in other processes.

    Raises:
        ExplorationError: The workflow fails without faults, or does not do the same twice.
    """
    subject = Subject(world, workflow, seed, way, era, expect, tuple(invariants))
    return explore_subject(subject, depth=depth, kinds=kinds, runs=runs, seconds=seconds, executor=executor)


def explore_subject(
    subject: Subject,
    *,
    depth: int = 1,
    kinds: Sequence[FaultKind] | None = None,
    runs: int | None = None,
    seconds: float | None = None,
    executor: Executor | None = None,
) -> Exploration:
    """The same for anything that can be run under a plan: a test with a marker is a subject, too."""
    began, seed = perf_counter(), subject.seed
    declared = DEFAULT_KINDS if kinds is None else tuple(kinds)
    baseline = subject.judge(FaultPlan())
    if baseline.broken:
        raise ExplorationError(f"{subject.name} fails without any fault: {baseline.broken[0].why}")
    count = 1
    cells: list[Cell] = []
    findings: list[Finding] = []
    plans = [FaultPlan((fault,), seed) for fault in _singles(subject, baseline.transcript, declared)]
    for plan in plans:
        if (runs is not None and count >= runs) or (seconds is not None and perf_counter() - began > seconds):
            break
        judgement = subject.judge(plan)
        count += 1
        fault = plan.faults[0]
        cells.append(Cell(f"{fault.site}#{fault.first}", str(fault.kind), judgement.verdict, plan))
        if not judgement.verdict.is_good:
            findings.append(Finding(plan, plan, judgement, runs_until_found=count))
    done = len(cells)
    accounting = Accounting(
        depth, len(plans), done, not_reached=len(plans) - done, exhausted=done == len(plans)
    )
    return Exploration(
        subject.name,
        seed,
        depth,
        baseline,
        tuple(findings),
        tuple(cells),
        accounting,
        perf_counter() - began,
        count,
    )


def _singles(subject: Subject, calls: Transcript, kinds: Sequence[FaultKind]) -> Iterator[Fault]:
    seen = Counter[str]()
    for call in calls:
        seen[call.site] += 1
        for kind in applicable(kinds, subject.spec(call.server, call.name)):
            yield Fault(call.site, kind, seen[call.site], seen[call.site])
