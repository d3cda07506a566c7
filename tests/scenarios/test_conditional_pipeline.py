"""The pipeline under every fault, under every two tools that fail, and when a rollback fails."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from planned import Fault, call_sites
from single_faults import Faulted, each_call_failing, faulted, reference, silent_under

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._conditional_workflow import Pipeline, PipelineReport, Step, release_steps
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios.conditional_pipeline import ConditionalPipeline

UNDO, REMOVE = "kubernetes.kubectl_rollout_undo", "docker.docker_rmi"


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ConditionalPipeline, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    unlike = {site for site, run in each_call_failing(ConditionalPipeline, fault) if not run.is_as_documented}

    assert unlike == set()


@pytest.mark.parametrize(("first", "second"), [*itertools.product(Fault, repeat=2)])
def test_no_two_tools_that_fail_go_unnoticed(first: Fault, second: Fault) -> None:
    tools = [*reference(ConditionalPipeline).transcript.counts(), UNDO, REMOVE]
    silent = [
        silence
        for one, other in itertools.combinations(tools, 2)
        if (silence := faulted(ConditionalPipeline(), {one: first, other: second}).silence)
    ]

    assert silent == []


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_step_that_did_its_work_without_an_answer_is_undone(fault: Fault) -> None:
    run = faulted(ConditionalPipeline(), {"kubernetes.kubectl_apply": fault})

    app = run.scenario.cluster.deployments["production/app"]
    assert [revision.image for revision in app.revisions] == ["app:1.4", "app:latest", "app:1.4"]
    assert run.scenario.docker.images == {}
    assert run.result.rolled_back == ("deploy", "build")


def with_a_last_step_that_fails(faults: Mapping[str, Fault]) -> Faulted[ConditionalPipeline]:
    """The documented steps, and a smoke test that says no."""

    async def smoke_test(data: dict[str, Any]) -> dict[str, Any]:
        assert data["deployed"]
        raise RuntimeError("smoke test failed")

    async def workflow(hub: Hub) -> PipelineReport:
        with context_of(hub, "smoke-test") as context_id:
            desk = Desk(hub, context_id=context_id)
            return await Pipeline(desk, [*release_steps(desk), Step("smoke test", smoke_test)]).execute()

    return faulted(ConditionalPipeline(), faults, workflow)


def test_everything_is_undone_in_reverse_after_a_late_failure() -> None:
    run = with_a_last_step_that_fails({})

    assert run.result.rolled_back == ("deploy", "build")
    assert run.result.error == "smoke test failed"
    assert run.judgement.transcript.before(UNDO, REMOVE)
    assert run.scenario.cluster.deployments["production/app"].image == "app:1.4"
    assert run.scenario.docker.images == {}
    assert [alert.severity for alert in run.scenario.people.alerts] == ["high"]
    assert run.silence is None


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_rollback_whose_answer_is_lost_is_not_undone_again(fault: Fault) -> None:
    run = with_a_last_step_that_fails({UNDO: fault})

    assert run.scenario.cluster.deployments["production/app"].image == "app:1.4"
    assert run.result.rolled_back == ("deploy", "build")
    assert run.silence is None


@pytest.mark.parametrize(("failing", "left"), [(UNDO, "deploy"), (REMOVE, "build")])
def test_a_rollback_that_fails_is_critical_and_the_rest_still_rolls_back(failing: str, left: str) -> None:
    run = with_a_last_step_that_fails({failing: Fault.REFUSE})

    assert {*run.result.rolled_back} == {"deploy", "build"} - {left}
    critical = [alert.message for alert in run.scenario.people.alerts if alert.severity == "critical"]
    assert critical == [f"Rolling back {left} failed: {failing}: 503 Service Unavailable"]
    assert run.silence is None


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LATE, Fault.LOSE_REPLY])
def test_any_single_fault_of_a_rollback_is_survived(fault: Fault) -> None:
    sites = call_sites(with_a_last_step_that_fails({}).judgement.transcript)
    silent = [with_a_last_step_that_fails({site: fault}).silence for site in sites]

    assert [each for each in silent if each is not None] == []


def test_without_a_dockerfile_nothing_is_built() -> None:
    scenario = ConditionalPipeline()
    del scenario.desktop.files["Dockerfile"]

    run = faulted(scenario, {})

    assert run.result.skipped == ("build", "migrate")
    assert scenario.docker.images == {}


def test_a_cluster_of_which_nothing_is_known_is_not_one_that_is_missing() -> None:
    run = faulted(ConditionalPipeline(), {"kubernetes.kubectl_get": Fault.LOSE_REQUEST})

    assert not run.result.success
    assert "deploy" not in run.result.skipped
    assert run.scenario.docker.images == {}


def test_conditions_may_be_sync_or_async() -> None:
    async def yes(_: dict[str, Any]) -> bool:
        return True

    async def run_it(_: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def workflow(hub: Hub) -> PipelineReport:
        desk = Desk(hub, context_id=hub.create_context().id)
        steps = [
            Step("async", run_it, yes),
            Step("sync", run_it, lambda _: True),
            Step("never", run_it, lambda _: False),
        ]
        return await Pipeline(desk, steps).execute()

    report = faulted(ConditionalPipeline(), {}, workflow).result

    assert (report.executed, report.skipped) == (("async", "sync"), ("never",))
