"""The workflows with planted bugs: each bug shows under its plan and under nothing less."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from chaos.case import Case
from chaos.corpus import (
    DEVELOPMENT,
    FROZEN,
    FROZEN_DIGEST,
    KINDS,
    VALIDATION,
    buggy,
    correct,
    digest_of_frozen,
)

from pytest_mcpflow import Fault, FaultPlan, Way
from pytest_mcpflow.scenario import check_definition, world_of
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.verdict import Judgement, Verdict, judge

SETS = (DEVELOPMENT, VALIDATION, FROZEN)
BUGGY = [case for modules in SETS for case in buggy(*modules)]
CORRECT = [case for modules in SETS for case in correct(*modules)]


@pytest.mark.parametrize("case", [*BUGGY, *CORRECT])
def test_nothing_goes_wrong_where_nothing_fails(case: type[Case]) -> None:
    check_definition(case)

    assert judged(case, FaultPlan()).verdict is Verdict.PASSED


@pytest.mark.parametrize("case", BUGGY)
def test_the_bug_shows_under_its_plan(case: type[Case]) -> None:
    judgement = judged(case, FaultPlan.parse(case.plan))

    assert judgement.verdict in (Verdict.FAILED_SILENTLY, Verdict.HUNG)
    assert case.breaks in checks(judgement)
    assert checks(judgement) <= {case.breaks, "expect"}
    assert not judgement.never_happened


@pytest.mark.parametrize("case", BUGGY)
def test_the_bug_shows_under_no_part_of_its_plan(case: type[Case]) -> None:
    faults = FaultPlan.parse(case.plan).faults
    parts = [part for size in range(len(faults)) for part in itertools.combinations(faults, size)]

    assert all(judged(case, FaultPlan(part)).verdict.is_good for part in parts)


@pytest.mark.parametrize("case", CORRECT)
def test_where_there_is_no_bug_every_run_ends_well(case: type[Case]) -> None:
    for plan in itertools.islice(plans_by_chance(case), 12):
        judgement = judged(case, plan)

        assert judgement.verdict.is_good, f"{plan}: {judgement.broken}"


def test_each_set_has_twenty_bugs_and_ten_workflows_without() -> None:
    for modules in SETS:
        assert len(buggy(*modules)) >= 20
        assert len(correct(*modules)) >= 10
        assert {len(FaultPlan.parse(case.plan)) for case in buggy(*modules)} == {1, 2, 3, 4}


def test_the_frozen_set_is_as_it_was_written() -> None:
    assert digest_of_frozen() == FROZEN_DIGEST


def judged(case: type[Case], plan: FaultPlan) -> Judgement:
    return judge(case(), way=Way.DIRECT, plan=plan)


def checks(judgement: Judgement) -> set[str]:
    return {broken.check for broken in judgement.broken}


def plans_by_chance(case: type[Case]) -> Iterator[FaultPlan]:
    chance, world = random.Random(case.name), world_of(case())
    counts = judged(case, FaultPlan()).transcript.counts()
    while True:
        faults: list[Fault] = []
        likely = chance.choice([0.05, 0.2, 0.5])
        for site, count in counts.items():
            server, _, tool = site.partition(".")
            spec = contract_of(type(world[server])).tools[tool]
            kinds = [kind for kind in KINDS if kind.objection(spec) is None]
            numbers = [number for number in range(1, count + 6) if chance.random() < likely]
            faults += [Fault(site, chance.choice(kinds), number, number) for number in numbers]
        yield FaultPlan(tuple(faults))
