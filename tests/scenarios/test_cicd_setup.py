"""The set-up of a pipeline when servers fail, or a piece of it does not fit."""

from __future__ import annotations

import pytest
from hidden_faults import alerts, dead_tools_hidden, faults_hidden, steps_unnoticed
from mutants.cicd_setup import MUTANTS, break_the_file
from planned import Fault
from single_faults import faulted
from tampering import tampered

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.scenario import invariants_of
from pytest_mcpflow.scenarios.cicd_setup import CicdSetup


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_is_hidden(fault: Fault) -> None:
    assert faults_hidden(CicdSetup, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_no_tool_that_never_works_is_hidden(fault: Fault) -> None:
    assert dead_tools_hidden(CicdSetup, fault) == []


def test_no_step_with_an_effect_can_be_left_out_unnoticed() -> None:
    assert steps_unnoticed(CicdSetup) == []


def test_every_rule_has_a_workflow_that_breaks_it() -> None:
    rules = {rule.name for rule in invariants_of(CicdSetup())}

    assert rules == {check for _, check in MUTANTS.values()}


def test_a_file_that_github_does_not_understand_is_not_merged_and_its_error_is_told() -> None:
    scenario = CicdSetup()

    run = faulted(scenario, {}, tampered(scenario.workflow, break_the_file))

    assert run.result.missing == ("workflow file",)
    assert scenario.hosting.list_workflows("shop", "api", "develop") == []
    assert "Job 'deploy-staging' depends on unknown job 'bild'." in alerts(scenario)[-1]
    assert run.silence is None


def test_one_piece_that_fails_is_named_and_the_others_are_set_up() -> None:
    run = faulted(CicdSetup(), {"github.create_webhook": Fault.REFUSE})

    assert run.result.missing == ("webhook",)
    assert len(run.result.configured) == 10
    assert run.scenario.hosting.repositories["shop/api"].pull_requests == []
    assert "not set up: webhook (" in alerts(run.scenario)[-1]
    assert run.silence is None


def test_a_pipeline_that_fails_on_staging_does_not_go_on_to_production() -> None:
    class Unfit(CicdSetup):
        """Somebody changes the keys of staging while the change is merged."""

        def connect(self, hub: Hub) -> None:
            def change_keys(_: Interaction) -> None:
                self.droplets.hosts["staging-1"].files["/home/deploy/.ssh/authorized_keys"] = "other\n"

            hub.on_effect("github.create_pull_request", change_keys)
            super().connect(hub)

    run = faulted(Unfit(), {})

    assert run.result.error == "the pipeline runs on develop, and fails"
    assert len(run.scenario.hosting.repositories["shop/api"].pull_requests) == 1
    assert run.silence is None


def test_a_check_that_fails_keeps_the_pipeline_from_develop() -> None:
    scenario = CicdSetup()
    scenario.hosting.repositories["shop/api"].new_checks = {"lint": "failure"}

    run = faulted(scenario, {})

    assert scenario.hosting.repositories["shop/api"].workflow_runs == []
    assert "checks of pull request #1 fail" in alerts(scenario)[-1]
    assert run.silence is None
