"""Other ways to look for the same bugs, with the same kinds of faults and the same verdicts.

Calls beyond those of the fault-free run, such as retries, can go wrong as well: the ones by chance draw for `MORE`
further calls of each tool.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Generator, Mapping, Sequence

from chaos.case import Case
from chaos.hunt import Strategy, kinds_at, tools_of
from pytest_mcpflow import Fault, FaultPlan, Transcript
from pytest_mcpflow.faults import FaultKind
from pytest_mcpflow.verdict import Judgement

__all__ = ["RIVALS", "by_chance", "exhaustive", "filibuster", "plan_by_chance", "swarm"]

MORE = 12
Plans = Generator[FaultPlan, Judgement, None]


def by_chance(probability: float) -> Strategy:
    """Each call goes wrong with this probability, in any way, as with most tools that inject faults."""

    def plans(case: type[Case], chance: random.Random) -> Plans:
        fault_free = yield FaultPlan()
        while True:
            yield plan_by_chance(case, fault_free.transcript, chance, probability)

    return plans


def swarm(case: type[Case], chance: random.Random) -> Plans:
    """By chance, with other chances in each run: how likely, which one to four kinds, from which call on.

    After Groce and others, "Swarm testing" (ISSTA 2012), as simulators do it that run by seeds.
    """
    fault_free = (yield FaultPlan()).transcript
    kinds = sorted({kind for some in tools_of(case).values() for kind in some}, key=str)
    while True:
        yield plan_by_chance(
            case,
            fault_free,
            chance,
            chance.choice((0.02, 0.05, 0.1, 0.2, 0.5)),
            only=chance.sample(kinds, chance.randint(1, 4)),
            after=chance.choice((0, 0, 5, 15, 30)),
        )


def exhaustive(case: type[Case], chance: random.Random) -> Plans:
    """All faults at the calls of the fault-free run, alone, then in pairs, then in threes."""
    calls = kinds_at(case, (yield FaultPlan()).transcript)
    for size in (1, 2, 3):
        for some in itertools.combinations(calls, size):
            for faults in itertools.product(*some):
                yield FaultPlan(faults)


def filibuster(case: type[Case], chance: random.Random) -> Plans:
    """Whenever a run reaches a call that no fault was tried at, try each fault there, the deepest first.

    After Meiklejohn and others, "Service-level fault injection testing" (SoCC 2021). Its reduction, which looks at
    the servers that servers call, has nothing to reduce where there is one caller.
    """
    stack = [FaultPlan()]
    while stack:
        plan = stack.pop()
        judgement = yield plan
        calls = kinds_at(case, judgement.transcript)
        last = _last_faulted(plan, calls)
        children = [plan.with_fault(fault) for faults in calls[last + 1 :] for fault in faults]
        stack += reversed(children)


def _last_faulted(plan: FaultPlan, calls: Sequence[Sequence[Fault]]) -> int:
    planned = {*plan.faults}
    return max((index for index, faults in enumerate(calls) if planned & {*faults}), default=-1)


def plan_by_chance(
    case: type[Case],
    fault_free: Transcript,
    chance: random.Random,
    probability: float,
    *,
    only: Sequence[FaultKind] = (),
    after: int = 0,
) -> FaultPlan:
    """A plan in which each call goes wrong with a probability.

    Args:
        fault_free: The run without faults: its calls, and some more of each tool of the world, may go wrong.
        only: The kinds that may happen; all if there are none.
        after: How many calls of the fault-free run are spared.
    """
    spared = fault_free[:after].counts()
    counts = fault_free.counts()
    faults: list[Fault] = []
    for site, kinds in tools_of(case).items():
        kinds = [kind for kind in kinds if not only or kind in only]
        numbers = range(spared[site] + 1, counts[site] + MORE + 1)
        drawn = [number for number in numbers if kinds and chance.random() < probability]
        faults += [Fault(site, chance.choice(kinds), number, number) for number in drawn]
    return FaultPlan(tuple(faults))


RIVALS: Mapping[str, Strategy] = {
    "random 0.2": by_chance(0.2),
    "random 0.05": by_chance(0.05),
    "swarm": swarm,
    "exhaustive": exhaustive,
    "Filibuster": filibuster,
}
