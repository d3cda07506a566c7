"""What the benchmark of planted bugs makes of its numbers."""

from __future__ import annotations

import random

import pytest
from chaos.audits import audited, pairs_at_least
from chaos.case import Case
from chaos.command import with_section
from chaos.completeness import whole_space
from chaos.corpus import DEVELOPMENT, KINDS, buggy
from chaos.development.deliveries import AnnouncementTakesAPageForHeard, RolloutForgetsTheOrder
from chaos.development.shared import EditAsksUnderOtherNames
from chaos.hunt import Hunt, hunt, tools_of
from chaos.rivals import RIVALS, filibuster
from chaos.tables import geometric_mean, summary
from chaos.tournament import Try

from pytest_mcpflow import FaultPlan, Way
from pytest_mcpflow.verdict import judge


@pytest.mark.parametrize("name", [name for name in RIVALS if name != "Filibuster"])
def test_each_rival_finds_an_easy_bug(name: str) -> None:
    found = hunt(RIVALS[name], RolloutForgetsTheOrder, budget=400, seed=3)

    assert found.found
    assert found.runs <= 400


def test_a_search_that_finds_nothing_has_used_up_its_runs() -> None:
    assert hunt(RIVALS["exhaustive"], buggy(*DEVELOPMENT)[1], budget=20, seed=0) == Hunt(20)


def test_filibuster_runs_each_plan_once() -> None:
    case, seen = AnnouncementTakesAPageForHeard, list[str]()
    plans = filibuster(case, random.Random(0))
    plan = next(plans)
    for _ in range(80):
        seen.append(str(plan))
        plan = plans.send(judge(case(), way=Way.DIRECT, plan=plan))

    assert len({*seen}) == len(seen) == 80


def test_the_whole_space_of_single_faults_has_each_kind_at_each_call() -> None:
    case: type[Case] = RolloutForgetsTheOrder
    kinds = len(tools_of(case)["cluster.deploy"])

    plans, violations = whole_space(case, 1)

    assert plans == 6 * kinds
    assert len(KINDS) > kinds
    assert violations == {frozenset({"versions_fit_together"})}


def test_an_audit_runs_every_pair_and_knows_each_violation() -> None:
    found = audited(EditAsksUnderOtherNames.__name__)

    assert found.lost == ()
    assert found.violations == 1
    assert found.plans == whole_space(EditAsksUnderOtherNames, 2)[0] > found.run
    assert pairs_at_least(EditAsksUnderOtherNames) == 513


def test_a_summary_counts_what_is_not_found_as_all_runs() -> None:
    case = RolloutForgetsTheOrder
    tries = [
        Try("ours", case.__name__, 0, Hunt(10, size=2, shrunk=1, to_shrink=4, to_explain=2)),
        Try("ours", case.__name__, 1, Hunt(1000)),
    ]

    row = summary(tries, [case], ["ours"]).splitlines()[-1]

    assert row == "| ours | 2 | 0.5 of 1 | 0 | 100.0 | 505 | 2.00 | 100% | 4.0 | 2.0 |"
    assert geometric_mean([1, 100]) == pytest.approx(10)  # pyright: ignore[reportUnknownMemberType]


def test_a_section_that_is_measured_again_takes_the_place_of_the_old_one() -> None:
    document = with_section(with_section("# Head\n", "one", "## one\n\n1\n"), "two", "## two\n\n2\n")

    assert with_section(document, "one", "## one\n\nI\n") == "# Head\n\n## one\n\nI\n\n## two\n\n2\n"


def test_a_plan_of_the_corpus_reads_back() -> None:
    plans = [FaultPlan.parse(case.plan) for case in buggy(*DEVELOPMENT)]

    assert [str(plan) for plan in plans] == [case.plan for case in buggy(*DEVELOPMENT)]
