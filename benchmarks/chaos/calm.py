"""False alarms: workflows without a bug, under ten thousand plans each."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from measure import Measurement

from chaos.corpus import ALL, correct
from chaos.hunt import is_found
from chaos.rivals import plan_by_chance
from pytest_mcpflow import FaultPlan, Way
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import judge

__all__ = ["alarms", "measure"]


def measure(*, plans: int, processes: int) -> Iterator[Measurement | str]:
    names = [case.__name__ for case in correct(*ALL)]
    with ProcessPoolExecutor(processes, initializer=partial(os.nice, 5)) as pool:
        found = [alarm for each in pool.map(partial(alarms, plans=plans), names) for alarm in each]
    title = f"false alarms, {len(names)} workflows without a bug, {plans:,} plans each"
    yield Measurement(title, len(found), "", "0", not found)
    yield "\n".join(found[:20])


def alarms(name: str, *, plans: int) -> list[str]:
    """The plans under which a workflow without a bug is said to have one."""
    [case] = (each for each in correct(*ALL) if each.__name__ == name)
    chance = random.Random(name)  # noqa: S311 - to be repeated, not to be kept from anybody
    found: list[str] = []
    with Stage() as stage:
        fault_free = judge(case(), way=Way.DIRECT, plan=FaultPlan(), stage=stage).transcript
        for _ in range(plans):
            plan = plan_by_chance(case, fault_free, chance, chance.choice((0.02, 0.05, 0.2, 0.5)))
            judgement = judge(case(), way=Way.DIRECT, plan=plan, stage=stage)
            if is_found(judgement):
                found.append(f"{name}: {plan}: {judgement.verdict}")
    return found
