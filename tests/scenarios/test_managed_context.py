"""Releases in contexts of their own when calls fail, and when two are started for one service."""

from __future__ import annotations

import asyncio
import json

import pytest
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Hub, HubError, Way, run
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.scenarios._managed_context_workflow import ManagedRelease
from pytest_mcpflow.scenarios.managed_context import SERVICES, ManagedContext


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ManagedContext, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(ManagedContext, kind) == []


def test_the_releases_run_at_the_same_time_and_each_in_its_context() -> None:
    transcript = reference(ManagedContext).transcript
    builds = transcript.calls("docker_build")

    assert [(each.at, each.until, each.context_id) for each in builds] == [
        (0.0, 30.0, "release-shop"),
        (1.0, 31.0, "release-stock"),
        (2.0, 32.0, "release-billing"),
    ]
    assert {each.context_id for each in transcript} == {f"release-{service}" for service in SERVICES}


def test_a_record_has_what_was_done_in_its_context_in_order() -> None:
    trial = faulted(ManagedContext(), {})

    [kept] = trial.scenario.storage.objects["audit/release-billing.json"]
    assert json.loads(kept.content) == [
        {
            "call": "desktop-commander.write_file",
            "arguments": {"path": "runs/release-billing/plan.txt", "content": "Release billing:2.0.0\n"},
        },
        {
            "call": "docker.docker_build",
            "arguments": {"dockerfile_path": "billing/Dockerfile", "image_tag": "billing:2.0.0"},
        },
        {
            "call": "desktop-commander.execute_command",
            "arguments": {"command": "rm -rf runs/release-billing"},
        },
    ]
    assert {name: each.calls for name, each in trial.result.outcomes.items()} == {
        "shop": 4,
        "stock": 4,
        "billing": 3,
    }


def test_one_release_that_fails_leaves_the_others_alone() -> None:
    scenario = ManagedContext()
    scenario.docker.dockerfiles.clear()

    trial = faulted(scenario, {})

    assert not any(each.success for each in trial.result.outcomes.values())
    assert sorted(alert.metadata["service"] for alert in scenario.people.alerts) == sorted(SERVICES)
    assert trial.silence is None


def test_a_workspace_that_cannot_be_removed_is_said_to_be_left() -> None:
    trial = faulted(ManagedContext(), {"execute_command": Fault.REFUSE})

    assert all("is left behind" in each.error for each in trial.result.outcomes.values())
    assert len(trial.scenario.storage.objects) == 3


def hub_of(scenario: ManagedContext) -> Hub:
    hub = Hub(way=Way.DIRECT)
    for name, fake in world_of(scenario).items():
        hub.serve(fake, name=name)
    return hub


def test_a_second_release_of_a_service_is_refused_while_the_first_is_under_way() -> None:
    scenario = ManagedContext()
    hub = hub_of(scenario)

    async def twice() -> None:
        first = asyncio.create_task(ManagedRelease(hub, "shop").run())
        await asyncio.sleep(1)
        with pytest.raises(HubError, match="there is a context 'release-shop' already"):
            await ManagedRelease(hub, "shop").run()
        assert (await first).success
        assert (await ManagedRelease(hub, "shop").run()).success

    run(twice())
    assert hub.contexts == {}


def test_a_release_that_is_cancelled_cleans_up_too() -> None:
    scenario = ManagedContext()
    hub = hub_of(scenario)

    async def cancelled() -> None:
        release = asyncio.create_task(ManagedRelease(hub, "shop").run())
        await asyncio.sleep(10)
        assert list(scenario.desktop.files) == ["runs/release-shop/plan.txt"]
        release.cancel()
        with pytest.raises(asyncio.CancelledError):
            await release

    run(cancelled())
    assert hub.contexts == {}
    assert scenario.desktop.files == {}
    assert list(scenario.storage.objects) == ["audit/release-shop.json"]
