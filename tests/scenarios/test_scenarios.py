"""Every scenario that ships: the same on every way and in both eras, and able to fail."""

from __future__ import annotations

import re
from functools import cache

import pytest
from checkout import ROOT
from kill_table import PAGE, kill_table
from mutants import planted

from pytest_mcpflow import Era, Hub, Way, Workflow
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.verdict import Judgement, Verdict, judge

SCENARIOS = {scenario.name: scenario for scenario in Catalogue(builtin_scenarios())}
PAIRS = [
    (Way.DIRECT, Era.STATELESS),
    *((way, era) for way in (Way.MEMORY, Way.STDIO, Way.HTTP) for era in Era),
]


@cache
def reference(name: str) -> Judgement:
    """The run that the others are compared with."""
    return judge(SCENARIOS[name](), way=Way.MEMORY, era=Era.STATELESS)


def test_each_scenario_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "scenarios.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == set(SCENARIOS)


def test_every_module_is_announced_before_one_of_them_is_imported() -> None:
    """Pytest rewrites the assertions only of what it hears of before."""
    announced: list[str] = []

    next(builtin_scenarios(announced.append))

    assert len(announced) == len(
        [*(ROOT / "scenarios").glob("[!_]*.py"), *(ROOT / "scenarios").glob("_[!_]*.py")]
    )


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize(("way", "era"), PAIRS, ids=[f"{way}-{era}" for way, era in PAIRS])
def test_a_scenario_passes_with_one_transcript_whatever_the_way(name: str, way: Way, era: Era) -> None:
    judgement = judge(SCENARIOS[name](), way=way, era=era)

    assert judgement.verdict is Verdict.PASSED, judgement.broken
    assert list(judgement.transcript) == list(reference(name).transcript)
    assert judgement.changes == reference(name).changes


@pytest.mark.parametrize("name", SCENARIOS)
def test_two_runs_are_equal_to_the_byte(name: str) -> None:
    again = judge(SCENARIOS[name]())

    assert str(again.transcript) == str(reference(name).transcript)


@pytest.mark.parametrize("name", SCENARIOS)
def test_another_seed_changes_ids_and_nothing_else(name: str) -> None:
    other = SCENARIOS[name]()
    other.seed = 7

    judgement = judge(other)

    assert judgement.verdict is Verdict.PASSED, judgement.broken
    assert [each.site for each in judgement.transcript] == [each.site for each in reference(name).transcript]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_invariant_says_its_rule(name: str) -> None:
    rules = list(invariants_of(SCENARIOS[name]()))

    assert len(rules) >= 2
    assert all(rule.claim.endswith(".") for rule in rules)


PLANTED = list(planted())


@pytest.mark.parametrize(
    ("name", "mutant", "check"),
    [pytest.param(name, mutant, check, id=f"{name}-{wrong}") for name, wrong, mutant, check in PLANTED],
)
def test_a_planted_wrong_workflow_is_caught_by_name(name: str, mutant: Workflow, check: str) -> None:
    judgement = judge(SCENARIOS[name](), workflow=mutant)

    assert check in [broken.check for broken in judgement.broken], judgement.broken


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_has_wrong_workflows_planted(name: str) -> None:
    assert sum(scenario == name for scenario, *_ in PLANTED) >= 2


def test_the_page_of_planted_mistakes_lists_what_is_caught() -> None:
    """`python tests/kill_table.py` writes it; a test above sees each mistake caught by the check that it names."""
    assert PAGE.read_text(encoding="utf-8") == kill_table()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_workflow_that_does_nothing_fails(name: str) -> None:
    async def nothing(hub: Hub) -> None:
        """Calls no server."""

    checks = {broken.check for broken in judge(SCENARIOS[name](), workflow=nothing).broken}

    assert {"expect", "run"} <= checks


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_a_fresh_world_each_time(name: str) -> None:
    used, untouched = SCENARIOS[name](), SCENARIOS[name]()
    assert used == untouched

    judge(used)

    assert SCENARIOS[name]() == untouched
