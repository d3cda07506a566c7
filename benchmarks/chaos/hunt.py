"""Looking for a bug with a number of runs: how many it took, and under which plan it showed."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from chaos.case import Case
from chaos.corpus import KINDS
from pytest_mcpflow import Fault, FaultPlan, Transcript, Way
from pytest_mcpflow.faults import FaultKind
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import Judgement, judge

__all__ = ["Hunt", "Strategy", "hunt", "is_found", "kinds_at", "tools_of"]


@dataclass(frozen=True)
class Hunt:
    """What came of looking for the bug of one workflow.

    Args:
        runs: How many it took, the fault-free one included; all that there were if it was not found.
        size: How many faults had happened when it showed, 0 if it was not found.
        shrunk: How many are left after shrinking, where that is done.
        to_shrink: How many further runs that took.
        to_explain: And how many more to say what of it matters.
    """

    runs: int
    size: int = 0
    shrunk: int | None = None
    to_shrink: int = 0
    to_explain: int = 0

    @property
    def found(self) -> bool:
        return self.size > 0


Strategy = Callable[[type[Case], random.Random], Generator[FaultPlan, Judgement, None]]
"""Says which plan to run next, and is told what came of it; the first plan is the one without faults."""


def hunt(strategy: Strategy, case: type[Case], *, budget: int, seed: int) -> Hunt:
    """Run a strategy's plans until one shows the bug."""
    plans = strategy(case, random.Random(seed))  # noqa: S311 - to be repeated, not to be kept from anybody
    plan = next(plans)
    with Stage() as stage:
        for count in range(1, budget + 1):
            judgement = judge(case(), way=Way.DIRECT, plan=plan, stage=stage)
            if is_found(judgement):
                return Hunt(count, len(plan) - len(judgement.never_happened))
            try:
                plan = plans.send(judgement)
            except StopIteration:
                break
    return Hunt(budget)


def is_found(judgement: Judgement) -> bool:
    """Whether a run shows a bug: it failed silently, hung, or left something running."""
    return not judgement.verdict.is_good


@cache
def tools_of(case: type[Case]) -> Mapping[str, Sequence[FaultKind]]:
    """The tools of a case's world by `server.tool`, and what can happen to each."""
    return {
        f"{server}.{tool}": [kind for kind in KINDS if kind.objection(spec) is None]
        for server, fake in world_of(case()).items()
        for tool, spec in contract_of(type(fake)).tools.items()
    }


def kinds_at(case: type[Case], transcript: Transcript) -> list[list[Fault]]:
    """For each call of a run, in order, what can happen to it."""
    numbers: dict[str, int] = {}
    faults: list[list[Fault]] = []
    for call in transcript:
        number = numbers[call.site] = numbers.get(call.site, 0) + 1
        faults.append([Fault(call.site, kind, number, number) for kind in tools_of(case)[call.site]])
    return faults
