"""Reviewing code when the documentation is out of reach, and when its server fails."""

from __future__ import annotations

import pytest
from hidden_faults import dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.docs_code_review import MUTANTS
from planned import Fault
from single_faults import each_call_failing, faulted

from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios.docs_code_review import CODE, DocsCodeReview


@pytest.mark.parametrize("fault", Fault)
def test_any_one_call_may_fail_and_every_file_is_reviewed(fault: Fault) -> None:
    assert faults_hidden(DocsCodeReview, fault) == []
    assert all(run.is_as_documented for _, run in each_call_failing(DocsCodeReview, fault))


@pytest.mark.parametrize("fault", Fault)
def test_a_tool_that_never_works_is_heard_of(fault: Fault) -> None:
    assert dead_tools_hidden(DocsCodeReview, fault) == []


def test_a_library_without_any_copy_stops_only_the_review_of_its_user() -> None:
    scenario = DocsCodeReview()
    scenario.context7.kept.clear()
    run = faulted(scenario, {})

    assert [each.path for each in run.result.reviews] == ["src/main.py", "src/health.py"]
    assert list(run.result.not_reviewed) == ["src/client.py"]
    assert "reviews/src-client.py.md" not in scenario.desktop.files
    [alert] = scenario.people.alerts
    assert (alert.severity, "src/client.py is not reviewed" in alert.message) == ("medium", True)
    assert "502 Bad Gateway" in alert.message
    assert run.silence is None


def test_clean_code_that_was_held_against_an_old_copy_passes_with_the_mark() -> None:
    scenario = DocsCodeReview()
    scenario.desktop.files["src/client.py"] = "import httpx\n"
    faulted(scenario, {})

    assert scenario.desktop.files["reviews/src-client.py.md"] == (
        "# src/client.py: passed\nHeld against httpx 0.28, stale: from a copy of 2025-12-31T22:00:00Z.\n"
    )


def test_documentation_that_is_made_up_reviews_nothing() -> None:
    scenario = DocsCodeReview()
    scenario.context7.has_api_key = False
    run = faulted(scenario, {})

    assert (run.result.success, run.result.reviews, set(run.result.not_reviewed)) == (False, (), set(CODE))
    assert scenario.people.notifications == []
    assert "nothing real" in scenario.people.alerts[0].message


def test_documentation_and_best_practices_are_asked_for_at_the_same_time() -> None:
    run = faulted(DocsCodeReview(), {})

    assert {each.at for each in run.judgement.transcript.calls("context7.*")} == {0.0}
    assert run.judgement.seconds == 2.0


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(DocsCodeReview) == []


def test_every_rule_has_a_review_that_breaks_it() -> None:
    of_its_own = {rule.name for rule in invariants_of(DocsCodeReview())} - {*vars(CrossServer)}

    assert of_its_own <= {check for _, check in MUTANTS.values()}
