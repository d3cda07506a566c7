"""Servers that are looked at every 30 seconds, and helped when they are not well, but never in a storm."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Container, Docker
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Outage, Revision
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, is_well, said
from pytest_mcpflow.scenarios._health_workflow import RESTART, Recovery, Watch, watch

__all__ = ["HealthRecovery", "Watch"]

PS, RUN, GET = "docker.docker_ps", "desktop-commander.execute_command", "kubernetes.kubectl_get"
BOOT_SECONDS = 45.0
DOCUMENTED = Watch(
    success=True,
    healthy={"docker": 17, "kubernetes": 20},
    recoveries=(Recovery("docker", 63.0, "done"), Recovery("docker", 213.0, "done")),
)
"""What is reported when nothing but Docker and the cluster fails."""


def _engine() -> Docker:
    return Docker(containers=[Container("c0ffee", "app:1.4", "", "running")], stops=[50.0, 200.0])


def _cluster() -> Kubernetes:
    running = Deployment("app", "production", 3, [Revision(1, "app:1.4", {}, -3600.0, "apply")])
    return Kubernetes(deployments={"production/app": running}, outages=[Outage(95, 150)])


@dataclass
class HealthRecovery(CrossServer):
    """Watch Docker and the cluster for ten minutes, and restart Docker when it does not answer.

    `sudo systemctl restart docker` helps Docker, which then takes a while; nothing here can help the cluster. Look
    every 30 seconds; try a recovery at most once a minute and three times in a row.
    """

    tags = ("resilience",)
    accepts: ClassVar[Mapping[str, str]] = {
        "communication-hub.send_alert#*=delay": "an alert that takes longer than its sender waits is there twice, and "
        "people resolve the second one themselves",
    }

    docker: Docker = field(default_factory=_engine)
    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander(scripts=[Script(RESTART)], sudo_allowed=True)
    )
    cluster: Kubernetes = field(default_factory=_cluster)

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def restart(call: Interaction) -> None:
            if call.arguments["command"] == RESTART and self.desktop.history[-1].exit_code == 0:
                self.docker.restart(after=BOOT_SECONDS)

        hub.on_effect(RUN, restart)

    async def workflow(self, hub: Hub) -> Watch:
        with context_of(hub, self.name) as context_id:
            return await watch(hub, context_id)

    def expect(self, run: Run) -> None:
        assert self.docker.is_up
        assert {(ran.command, ran.exit_code) for ran in self.desktop.history} == {(RESTART, 0)}
        checks = [each.at for each in run.calls(PS) if each.at % 30 == 0]
        assert checks == [*range(0, 601, 30)] == [each.at for each in run.calls(GET) if each.at % 30 == 0]
        assert {bool(each.arguments["all"]) for each in run.calls(PS)} == {False}
        # Not answered at 60 nor a second and two later; the check at 90 leaves the engine its time to start.
        assert [(each.server, each.at, each.how) for each in run.result.recoveries] == [
            ("docker", 63.0, "done"),
            ("docker", 213.0, "done"),
        ]
        assert [(sent.message, sent.channels, sent.priority) for sent in self.people.notifications] == [
            (f"Recovery action executed for docker at t={at}", ["dashboard"], "normal") for at in (63, 213)
        ]
        [alert] = self.people.alerts
        assert alert.message.startswith("Health check failed for kubernetes: ")
        assert alert.severity == "medium"
        assert alert.resolved_at is not None
        assert run.result == DOCUMENTED

    def admits(self, run: Run) -> bool:
        """The report tells how often each server was well, and each recovery."""
        return super().admits(run) or run.result != DOCUMENTED

    @invariant
    def no_recovery_storm(self, run: Run) -> None:
        """Recoveries are a minute apart, and after three in a row without a healthy answer there is no fourth."""
        restarts = _restarts(run)
        assert all(then.at - first.at >= 60 for first, then in itertools.pairwise(restarts))
        for first, *_, last in zip(restarts, restarts[1:], restarts[2:], restarts[3:], strict=False):
            assert any(is_well(each) and first.at < each.at < last.at for each in run.calls(PS))

    @invariant
    def only_the_unhealthy_are_helped(self, run: Run) -> None:
        """Docker is restarted only where the last look at it went wrong."""
        looked: Interaction | None = None
        for call in run.transcript:
            if call.site == PS:
                looked = call
            elif call in _restarts(run):
                assert looked is not None
                assert not is_well(looked)

    @invariant
    def a_failed_recovery_is_alerted(self, run: Run) -> None:
        """Each recovery that failed is in an alert of high severity, unless alerts do not get through."""
        failed = [each for each in _restarts(run) if each.until is not None and not _succeeded(each)]
        told = [each for each in self.people.alerts if each.message.startswith("Recovery failed for docker")]
        assert all(each.severity == "high" for each in told)
        assert len(told) >= len(failed) or not all(each.ok for each in run.calls("send_alert"))

    @invariant
    def nobody_stops_looking(self, run: Run) -> None:
        """However things go, a look at each server begins every 30 seconds."""
        for tool in (PS, GET):
            begun = [0.0, *(each.at for each in run.calls(tool)), 600.0]
            assert max(then - first for first, then in itertools.pairwise(begun)) <= 30


def _restarts(run: Run) -> list[Interaction]:
    return [each for each in run.calls(RUN) if each.arguments["command"] == RESTART]


def _succeeded(call: Interaction) -> bool:
    return said(call).get("exit_code") == 0
