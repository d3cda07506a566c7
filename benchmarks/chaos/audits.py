"""Every pair of faults of every workflow that is small enough: whether taking kinds for one has lost a violation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from measure import Measurement

from chaos.case import Case
from chaos.completeness import audit
from chaos.corpus import ALL, buggy, correct
from chaos.hunt import kinds_at
from pytest_mcpflow import Way
from pytest_mcpflow.verdict import judge

__all__ = ["AFFORDABLE", "Audited", "audited", "measure", "pairs_at_least"]

AFFORDABLE = 13_000
"""Pairs of faults at the calls that are made without any; with those at the calls of recoveries there are more."""


@dataclass(frozen=True)
class Audited:
    """What came of one workflow.

    Args:
        name: Of the workflow.
        plans: How many there are of up to two faults at calls, those that contain a failing one left out; all were run.
        run: How many the exploration ran, those with tools and servers that never work included.
        violations: How many sets of checks some plan breaks.
        lost: Those sets of which the exploration knows nothing.
        seconds: That every plan took, on one core.
    """

    name: str
    plans: int
    run: int
    violations: int
    lost: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        lost = f", LOST: {'; '.join(self.lost)}" if self.lost else ""
        found = f"{self.violations} violation{'' if self.violations == 1 else 's'}"
        return f"{self.name}: {self.plans:,} plans, {self.run:,} explored, {found}{lost}"


def measure(cases: Sequence[type[Case]], *, processes: int) -> Iterator[Measurement | str]:
    """One measurement for all workflows together, and a list of them."""
    pairs = {case.__name__: pairs_at_least(case) for case in cases}
    names = [name for name, count in pairs.items() if count <= AFFORDABLE]
    with ProcessPoolExecutor(processes, initializer=partial(os.nice, 5)) as pool:
        found = [*pool.map(audited, names)]
    plans, run = sum(each.plans for each in found), sum(each.run for each in found)
    violations, lost = sum(each.violations for each in found), sum(len(each.lost) for each in found)
    title = f"violations lost by taking kinds for one, {len(found)} workflows, all {plans:,} plans and {run:,} explored"
    is_good = not lost and violations > 0
    yield Measurement(title, lost, "", "0", is_good, f"there are {violations}")
    yield "\n".join(map(str, found))
    large = [f"{name} ({count:,} and more)" for name, count in pairs.items() if count > AFFORDABLE]
    took = sum(each.seconds for each in found)
    yield f"All plans took {took:,.0f} s on one core. Not audited, too many pairs: {', '.join(large) or 'none'}"


def audited(name: str) -> Audited:
    """Explore a workflow with pairs of faults, and run all of them besides."""
    [case] = (each for each in [*buggy(*ALL), *correct(*ALL)] if each.__name__ == name)
    began = time.process_time()
    found = audit(case)
    lost = tuple(sorted(", ".join(sorted(each)) for each in found.lost))
    run = found.exploration.accounting.run
    return Audited(name, found.plans, run, len(found.violations), lost, time.process_time() - began)


def pairs_at_least(case: type[Case]) -> int:
    """How many pairs of faults there are at two calls that are made without faults."""
    calls = [len(faults) for faults in kinds_at(case, judge(case(), way=Way.DIRECT).transcript)]
    return sum(one * other for one, other in combinations(calls, 2))
