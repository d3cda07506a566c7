"""The registry by itself, and when services are away or answers are lost."""

from __future__ import annotations

import pytest
from planned import Fault, bad_ends
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Hub, Way, run
from pytest_mcpflow.fakes.docker import Docker
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.scenarios._careful import Careful
from pytest_mcpflow.scenarios._service_registry_workflow import (
    ServiceNotFoundError,
    ServiceUnavailableError,
)
from pytest_mcpflow.scenarios._service_registry_workflow import ServiceRegistry as Registry
from pytest_mcpflow.scenarios.service_registry import ServiceRegistry

APPLY = {"manifest_path": "k8s/", "namespace": "production"}


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(ServiceRegistry, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(ServiceRegistry, kind) == []


def test_nothing_reaches_the_cluster_while_it_is_away_and_nothing_that_needs_it() -> None:
    transcript = reference(ServiceRegistry).transcript

    assert [each.at for each in transcript.calls("kubectl_apply")] == [90.0]
    assert [each.at for each in transcript.calls("setup_alerts")] == [195.0]
    assert [each.site for each in transcript if each.effect] == [
        "communication-hub.send_notification",
        "docker.docker_build",
        "communication-hub.send_notification",
        "kubernetes.kubectl_apply",
        "communication-hub.send_notification",
        "prometheus-monitoring.setup_alerts",
        "communication-hub.broadcast_deployment",
    ]


def test_people_are_told_once_what_is_waited_for() -> None:
    people = faulted(ServiceRegistry(), {}).scenario.people

    assert [(sent.at, sent.message) for sent in people.notifications] == [
        (0.0, "Services: docker up, kubernetes down, prometheus-monitoring up"),
        (0.0, "Waiting: kubernetes is unavailable: it does not answer"),
        (
            135.0,
            "Waiting: prometheus-monitoring is unavailable: it needs kubernetes, which does not answer",
        ),
    ]


def test_a_cluster_that_stays_away_stops_the_release_by_name() -> None:
    scenario = ServiceRegistry()
    scenario.cluster.unreachable = True

    trial = faulted(scenario, {})

    assert trial.result.error == "kubernetes is unavailable: it does not answer"
    assert [(alert.severity, alert.message) for alert in scenario.people.alerts] == [
        ("high", "The release stopped: kubernetes is unavailable: it does not answer")
    ]
    assert [sent.status for sent in scenario.people.broadcasts] == ["failed"]
    assert scenario.monitoring.rules == []


class World:
    """A registry of a cluster that needs an image builder."""

    def __init__(self) -> None:
        self.hub = Hub(way=Way.DIRECT)
        self.docker = self.hub.serve(Docker())
        self.cluster = self.hub.serve(
            Kubernetes({"k8s/app.yaml": Manifest("app", "app:1.0.0")}, namespaces=["production"])
        )
        self.registry = Registry(Careful(self.hub), Careful(self.hub))
        self.registry.register("docker", "docker_ps", {})
        self.registry.register("kubernetes", "kubectl_get", {"resource_type": "pods"}, needs=("docker",))


def test_a_service_is_called_while_all_of_it_answers() -> None:
    world = World()

    assert run(world.registry.call("kubernetes", "kubectl_apply", APPLY))["success"]
    assert [each.name for each in world.hub.transcript] == ["docker_ps", "kubectl_get", "kubectl_apply"]


def test_the_health_of_all_services_is_known_by_name() -> None:
    world = World()
    world.cluster.unreachable = True

    assert run(world.registry.health()) == {"docker": True, "kubernetes": False}


def test_a_service_is_not_called_while_what_it_needs_does_not_answer() -> None:
    world = World()
    world.docker.withdraw("docker_ps")

    with pytest.raises(ServiceUnavailableError, match="kubernetes is unavailable: it needs docker") as raised:
        run(world.registry.call("kubernetes", "kubectl_apply", APPLY))

    assert (raised.value.service, raised.value.unhealthy) == ("kubernetes", "docker")
    assert world.cluster.deployments == {}


def test_an_unknown_service_is_named_with_those_there_are() -> None:
    with pytest.raises(
        ServiceNotFoundError, match="no service 'payments'; registered are: docker, kubernetes"
    ):
        run(World().registry.call("payments", "charge", {}))


def test_a_service_cannot_need_what_is_not_registered() -> None:
    with pytest.raises(ServiceNotFoundError, match="no service 'vault'"):
        World().registry.register("payments", "ping", {}, needs=("vault",))
