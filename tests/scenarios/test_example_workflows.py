"""What the documented example workflows share: their guidelines hold for each of them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_mcpflow import Scenario, Way
from pytest_mcpflow.catalogue import Catalogue, builtin_scenarios
from pytest_mcpflow.scenario import invariants_of, world_of
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.verdict import Verdict, judge

EACH_ON_THE_LAST = ("api-endpoint-creation", "emergency-hotfix")
"""Those whose document has every step wait for the one before."""
SIDE_BY_SIDE = (
    *(
        "cicd-setup",
        "code-review-refactor",
        "collaborative-review",
        "disaster-recovery",
        "feature-development",
    ),
    *("incident-response", "microservice-creation", "monitoring-implementation", "multi-agent-feature"),
    *("production-debugging", "staged-deployment"),
)
SCENARIOS = {each.name: each for each in Catalogue(builtin_scenarios())}


def slow(scenario: type[Scenario]) -> Scenario:
    """A world in which every call takes a second at least."""
    world = scenario()
    for fake in world_of(world).values():
        fake.takes = {**dict.fromkeys(contract_of(type(fake)).tools, 1.0), **fake.takes}
    return world


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_independent_steps_are_taken_at_the_same_time(name: str) -> None:
    judgement = judge(slow(SCENARIOS[name]), way=Way.DIRECT)

    assert judgement.verdict is Verdict.PASSED, judgement.broken
    assert [one for one, other in pairwise(judgement.transcript) if one.until and other.at < one.until]


@pytest.mark.parametrize("name", EACH_ON_THE_LAST + SIDE_BY_SIDE)
def test_no_secret_may_leave_the_desktop_and_no_failure_stay_unheard(name: str) -> None:
    rules = {rule.name for rule in invariants_of(SCENARIOS[name]())}

    assert rules >= {"the_secret_stays_on_the_desktop", "a_failure_is_heard"}
