"""Every pair of faults: how long it takes, which kinds were taken for one, and whether anything was lost by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from measure import Measurement

from chaos.case import Case
from chaos.corpus import KINDS
from chaos.development.deliveries import RolloutForgetsTheOrder, RolloutPutsBackOnce
from chaos.development.records import (
    Migration,
    PublicationCopiesWhatItReads,
    PublicationDropsOnce,
    Shopping,
    ShoppingTakesTheLastPrice,
)
from chaos.development.shared import EditAsksUnderOtherNames
from chaos.hunt import is_found, kinds_at
from pytest_mcpflow import FaultPlan, Way
from pytest_mcpflow.explore import Exploration, explore
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import Judgement, judge

__all__ = ["Audit", "audit", "measure", "whole_space"]

DEPTH = 2
ROUNDS = 3
"""Of which the fastest counts: other machines on the same processor take their share of some."""

PAIRS: tuple[tuple[type[Case], float, str], ...] = ((Shopping, 1.0, ""), (Migration, 8.0, "prototype 14 s"))
PLANTED: tuple[type[Case], ...] = (
    RolloutForgetsTheOrder,
    RolloutPutsBackOnce,
    PublicationCopiesWhatItReads,
    PublicationDropsOnce,
    EditAsksUnderOtherNames,
    ShoppingTakesTheLastPrice,
)

Violation = frozenset[str]


@dataclass(frozen=True)
class Audit:
    """What an exploration found, beside what is found by running every plan of the same space.

    Args:
        exploration: With kinds taken for one.
        plans: How many plans there are in all.
        violations: The sets of checks that are broken by some plan.
        lost: Those that the exploration did not report.
    """

    exploration: Exploration
    plans: int
    violations: frozenset[Violation]
    lost: frozenset[Violation]


def measure() -> Iterator[Measurement | str]:
    """Measurements, and tables of classes. Pairs are of the explorer's own kinds, audits of those of the corpus."""
    for case, bar, baseline in PAIRS:
        exploration, taken = _fastest(case)
        calls = len(exploration.baseline.transcript)
        accounting = exploration.accounting
        title = f"all pairs, {calls} calls, {accounting.run:,} plans run of {accounting.planned:,}"
        proven = "proven" if exploration.proven else "NOT proven"
        yield Measurement(
            title, taken, "s", f"under {bar:g} s", taken < bar and exploration.proven, baseline or proven
        )
        yield str(exploration)
        yield "\n".join(str(each) for each in exploration.accounting.classes)
    for case in PLANTED:
        found = audit(case)
        accounting = found.exploration.accounting
        title = (
            f"violations lost by taking kinds for one, {case.__name__}, "
            f"{accounting.run:,} plans run of {found.plans:,}"
        )
        there = f"there are {len(found.violations)}"
        yield Measurement(title, len(found.lost), "", "0", not found.lost and bool(found.violations), there)


def _fastest(case: type[Case]) -> tuple[Exploration, float]:
    """An exploration of all pairs, and the seconds of processor time that the fastest of some took."""
    rounds = list[tuple[float, Exploration]]()
    for _ in range(ROUNDS):
        began = time.process_time()
        exploration = explore(None, case, depth=DEPTH)
        rounds.append((time.process_time() - began, exploration))
    taken, exploration = min(rounds, key=itemgetter(0))
    return exploration, taken


def audit(case: type[Case], *, depth: int = DEPTH) -> Audit:
    """Explore a workflow, and run the whole space besides."""
    exploration = explore(None, case, depth=depth, kinds=KINDS)
    plans, violations = whole_space(case, depth)
    reported = {_violation(finding.judgement) for finding in exploration.findings}
    return Audit(exploration, plans, violations, violations - reported)


def whole_space(case: type[Case], depth: int) -> tuple[int, frozenset[Violation]]:
    """How many plans of up to `depth` faults there are at calls that are reached, and what breaks under them.

    A plan under which something breaks is not made larger: what breaks then may break for the same reason.
    """
    stack, count, violations = [FaultPlan()], 0, set[Violation]()
    with Stage() as stage:
        while stack:
            plan = stack.pop()
            judgement = judge(case(), way=Way.DIRECT, plan=plan, stage=stage)
            count += bool(plan)
            if is_found(judgement):
                violations.add(_violation(judgement))
            elif len(plan) < depth:
                calls = kinds_at(case, judgement.transcript)
                planned = {*plan.faults}
                last = max((at for at, faults in enumerate(calls) if planned & {*faults}), default=-1)
                stack += [plan.with_fault(fault) for faults in calls[last + 1 :] for fault in faults]
    return count, frozenset(violations)


def _violation(judgement: Judgement) -> Violation:
    return frozenset(broken.check for broken in judgement.broken) - {"expect"} or frozenset({"expect"})
