"""The delivery pipeline when calls fail, one or two at a time, and when a gate says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants.full_cicd_pipeline import as_documented
from planned import Fault, bad_ends, call_sites
from single_faults import faulted, reference, silent_under

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.fakes.desktop_commander import Script
from pytest_mcpflow.fakes.security_scanner import Finding, Vulnerability
from pytest_mcpflow.scenarios._full_cicd_pipeline_workflow import COMMANDS
from pytest_mcpflow.scenarios.full_cicd_pipeline import STEPS, FullCicdPipeline
from pytest_mcpflow.verdict import judge

VULNERABLE = Vulnerability("CVE-2022-0778", "openssl", "1.1.1k", "critical")


@pytest.mark.parametrize("fault", Fault)
def test_no_failing_call_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(FullCicdPipeline, fault) == []


@pytest.mark.parametrize("kind", ["duplicate", "delay", "restart"])
def test_no_call_that_is_repeated_late_or_cut_off_goes_unnoticed(kind: str) -> None:
    assert bad_ends(FullCicdPipeline, kind) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 24), st.sampled_from(Fault), min_size=2, max_size=2))
def test_no_two_failing_calls_go_unnoticed(faults: dict[int, Fault]) -> None:
    sites = call_sites(reference(FullCicdPipeline).transcript)
    failing = {sites[number % len(sites)]: fault for number, fault in faults.items()}

    assert faulted(FullCicdPipeline(), failing).silence is None


def test_the_pipeline_as_the_documents_write_it_passes_while_nothing_fails() -> None:
    broken = judge(FullCicdPipeline(), way=Way.DIRECT, workflow=as_documented).broken

    # It returns a dict of its own, which says nothing about success.
    assert {each.check for each in broken} == {"expect", "a_failure_is_heard"}


def test_the_checks_of_quality_and_the_first_looks_at_production_run_at_the_same_time() -> None:
    transcript = reference(FullCicdPipeline).transcript
    quality = [(each.name, each.at, each.until) for each in transcript[:4]]

    assert quality == [
        ("bandit_scan", 0.0, 20.0),
        ("npm_audit", 0.0, 10.0),
        ("execute_command", 0.0, 5.0),
        ("execute_command", 0.0, 5.0),
    ]
    rules, waits = transcript.calls("setup_alerts")[0], transcript.calls("execute_command")[-1]
    assert rules.at == waits.at
    assert waits.arguments == {"command": COMMANDS["pods"]}


def test_the_steps_come_in_the_documented_order() -> None:
    effects = [each.name for each in reference(FullCicdPipeline).transcript if each.effect]

    assert effects == [
        *("execute_command", "execute_command", "docker_build", "docker_run", "kubectl_apply"),
        *("execute_command", "backup_deployment", "kubectl_apply", "setup_alerts", "execute_command"),
        "broadcast_deployment",
    ]


def _fail(command: str) -> Callable[[FullCicdPipeline], None]:
    def change(scenario: FullCicdPipeline) -> None:
        scenario.desktop.scripts.insert(0, Script(COMMANDS[command], stderr="1 error", exit_code=1))

    return change


def _fail_build(scenario: FullCicdPipeline) -> None:
    scenario.docker.dockerfiles["Dockerfile"].fails_at = "COPY . /app"


def _fail_tests(scenario: FullCicdPipeline) -> None:
    scenario.docker.commands[0].exit_code = 1


def _find_weakness(scenario: FullCicdPipeline) -> None:
    scenario.scanner.findings.append(Finding("src/app.py", 3, "B608", "medium", "SQL injection"))


def _find_old_package(scenario: FullCicdPipeline) -> None:
    scenario.scanner.dependencies["package.json"].append(VULNERABLE)


def _find_old_image(scenario: FullCicdPipeline) -> None:
    scenario.scanner.images["app:latest"] = [VULNERABLE]


def _lose_image(scenario: FullCicdPipeline) -> None:
    scenario.cluster.images = ["app:1.9"]


def _lose_backups(scenario: FullCicdPipeline) -> None:
    scenario.storage.sources.clear()


@pytest.mark.parametrize(
    ("change", "step", "issues"),
    [
        (_find_weakness, "quality", 1),
        (_find_old_package, "quality", 1),
        (_fail("black"), "quality", 0),
        (_fail("mypy"), "quality", 0),
        (_fail_build, "build", 0),
        (_fail_tests, "test", 0),
        (_find_old_image, "security_scan", 1),
        (_lose_image, "staging_deploy", 0),
        (_fail("integration tests"), "integration_tests", 0),
        (_lose_backups, "backup", 0),
    ],
)
def test_a_gate_that_says_no_stops_the_pipeline_before_production(
    change: Callable[[FullCicdPipeline], None], step: str, issues: int
) -> None:
    scenario = FullCicdPipeline()
    change(scenario)

    trial = faulted(scenario, {})

    assert trial.result.stopped_at == step
    assert trial.result.passed == STEPS[: STEPS.index(step)]
    assert trial.result.security_issues == issues
    assert trial.silence is None
    assert scenario.touched == []
    [alert] = scenario.people.alerts
    assert alert.severity == "high"
    assert alert.message.startswith(f"CI/CD pipeline failed: {step}: ")
    assert alert.metadata == {
        "context_id": "full-cicd-pipeline",
        "partial_results": list(STEPS[: STEPS.index(step)]),
    }
    [sent] = scenario.people.broadcasts
    assert (sent.environment, sent.status) == ("staging", "failed")
    assert sent.details == {
        "pipeline_steps": STEPS.index(step),
        "security_issues": issues,
        "deploy_ready": STEPS.index(step) > STEPS.index("security_scan"),
    }


@dataclass
class CrashingInProduction(FullCicdPipeline):
    """The same, and the image crashes where there is real data."""

    name = "crashing-in-production"

    def connect(self, hub: Hub) -> None:
        hub.on_effect(
            "kubernetes.kubectl_apply",
            lambda call: (
                self.cluster.crash("production", "app")
                if call.arguments["namespace"] == "production"
                else None
            ),
        )
        super().connect(hub)


@pytest.mark.parametrize("fault", [None, *Fault])
def test_what_crashes_in_production_is_undone_once_whatever_becomes_of_the_answer(
    fault: Fault | None,
) -> None:
    faults: dict[str, Fault] = {} if fault is None else {"kubectl_rollout_undo": fault}

    trial = faulted(CrashingInProduction(), faults)

    causes = [each.cause for each in trial.scenario.cluster.deployments["production/app"].revisions]
    undone = fault not in (Fault.REFUSE, Fault.LOSE_REQUEST)
    assert causes == ["apply", "apply", *(["undo to revision 1"] if undone else [])]
    [sent] = trial.scenario.people.broadcasts
    assert (sent.environment, sent.status) == ("production", "rolled_back" if undone else "failed")
    by_hand = [alert for alert in trial.scenario.people.alerts if "by hand" in alert.message]
    assert len(by_hand) == (0 if undone else 1)
    assert trial.result.stopped_at == "production_deploy"
    assert trial.silence is None
