"""The deployment chain under every fault and every pair of faults, and when a gate says no."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from planned import Fault, call_sites
from single_faults import each_call_failing, faulted, reference, silent_under

from pytest_mcpflow.fakes.security_scanner import Finding
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(DeploymentChain, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    assert {
        site for site, run in each_call_failing(DeploymentChain, fault) if not run.is_as_documented
    } == set()


@pytest.mark.parametrize(("first", "second"), [*itertools.product(Fault, repeat=2)])
def test_no_pair_of_faults_goes_unnoticed(first: Fault, second: Fault) -> None:
    """Two calls of the chain, or one and what it is followed by when it fails."""
    sites = call_sites(reference(DeploymentChain).transcript)
    after = [
        (site, then)
        for site in sites
        for then in (site.replace("#1", "#2"), "list_messages#1", "send_alert#1")
    ]
    silent = [
        silence
        for one, other in (*itertools.combinations(sites, 2), *after)
        if (silence := faulted(DeploymentChain(), {one: first, other: second}).silence)
    ]

    assert silent == []


def vulnerable(scenario: DeploymentChain) -> None:
    scenario.scanner.findings.append(Finding("src/db.py", 41, "B608", "medium", "SQL injection"))


def without_a_scanner(scenario: DeploymentChain) -> None:
    scenario.scanner.break_scanner("trivy", "database is locked")


def not_building(scenario: DeploymentChain) -> None:
    dockerfile = scenario.docker.dockerfiles["Dockerfile"]
    dockerfile.fails_at, dockerfile.error = "COPY . /app", "1"


@pytest.mark.parametrize("spoil", [vulnerable, without_a_scanner, not_building])
def test_a_gate_that_says_no_stops_the_chain_before_the_cluster(
    spoil: Callable[[DeploymentChain], None],
) -> None:
    scenario = DeploymentChain()
    spoil(scenario)

    run = faulted(scenario, {})

    assert scenario.cluster.deployments == {}
    assert [sent.status for sent in scenario.people.broadcasts] == ["failed"]
    [alert] = scenario.people.alerts
    assert alert.message.startswith(f"Deployment stopped at {run.result.failed_step}: ")
    assert run.silence is None


def test_a_broadcast_that_never_gets_through_is_alerted() -> None:
    run = faulted(DeploymentChain(), {"broadcast_deployment": Fault.LOSE_REQUEST})

    assert not run.result.success
    assert run.scenario.people.alerts[0].message.startswith("Nobody was told of the deployment: ")


def test_a_broadcast_whose_answer_is_lost_is_not_repeated() -> None:
    run = faulted(DeploymentChain(), {"broadcast_deployment": Fault.LOSE_REPLY})

    assert len(run.scenario.people.broadcasts) == 1
    assert run.is_as_documented
