"""A release on a cluster that keeps going away: repeated with growing pauses, but never twice what counts twice."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Outage, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of
from pytest_mcpflow.scenarios._retries import Ended
from pytest_mcpflow.scenarios._retry_workflow import APPLY, NOTE, PATCH, RESTART, SCALE, Rollout, release

__all__ = ["RetryBackoff", "Rollout"]

PAUSES: dict[str, list[float]] = {
    APPLY: [2.0, 4.0, 8.0],
    RESTART: [1.0],
    NOTE: [],
    SCALE: [20.0, 40.0, 60.0],
    PATCH: [1.0, 2.0, 4.0],
}
"""By tool, the seconds between an attempt and the next one when nothing but the cluster fails."""
DOCUMENTED = Rollout(
    success=True,
    steps=(
        *(Ended("apply", "done", 4), Ended("restart", "done", 2), Ended("note", "done", 1)),
        *(Ended("scale", "done", 4), Ended("switch on", "failed", 4)),
    ),
)


def _cluster() -> Kubernetes:
    names = {"app": 3, "worker": 1}
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:1.5", replicas=3)},
        deployments={
            f"production/{name}": Deployment(
                name, "production", replicas, [Revision(1, f"{name}:1.4", {}, -3600.0, "apply")]
            )
            for name, replicas in names.items()
        },
        outages=[Outage(0, 10), Outage(18.0625, 18.9), Outage(20, 130), Outage(144, 3600)],
        takes={
            "kubectl_apply": 1.0,
            "kubectl_rollout_restart": 0.125,
            "kubectl_scale": 1.0,
            "kubectl_patch": 1.0,
        },
    )


@dataclass
class RetryBackoff(CrossServer):
    """Release `k8s/` to production although the cluster is away again and again.

    Apply it (2 s until the first retry), restart `worker` (1 s), note version 1.5 as active in the monitoring, scale
    `app` to 5 (20 s), switch `FAST_PATH` on (1 s), which can wait. Each pause is twice the one before, at most 60 s;
    there are 3 retries. A restart and a note must not be made twice.
    """

    tags = ("resilience",)

    cluster: Kubernetes = field(default_factory=_cluster)
    monitoring: PrometheusMonitoring = field(default_factory=PrometheusMonitoring)

    async def workflow(self, hub: Hub) -> Rollout:
        with context_of(hub, self.name) as context_id:
            return await release(Desk(hub, context_id=context_id))

    def expect(self, run: Run) -> None:
        app, worker = (self.cluster.deployments[f"production/{name}"] for name in ("app", "worker"))
        assert [(each.image, each.cause) for each in app.revisions] == [
            ("app:1.4", "apply"),
            ("app:1.5", "apply"),
        ]
        assert (app.replicas, app.env) == (5, {})
        assert [each.cause for each in worker.revisions][:2] == ["apply", "restart"]
        assert {(each.status, each.version) for each in self.monitoring.deployments} == {("active", "1.5")}
        assert {tool: _pauses(run, tool) for tool in PAUSES} == PAUSES
        assert {(*sent.channels, sent.priority) for sent in self.people.notifications} == {
            ("dashboard", "low")
        }
        assert sorted(sent.message for sent in self.people.notifications) == sorted(
            f"Retrying {ended.step} in {pause:.1f}s (attempt {number}/3)"
            for ended, pauses in zip(run.result.steps, PAUSES.values(), strict=True)
            for number, pause in enumerate(pauses, 1)
        )
        [alert] = self.people.alerts
        assert alert.message.startswith("switch on: failed after 3 retries: ")
        assert (alert.severity, alert.metadata["attempts"]) == ("high", 4)
        assert alert.metadata["error"] in alert.message
        assert run.result == DOCUMENTED

    def admits(self, run: Run) -> bool:
        """The report tells how many attempts each step took, as the notices do."""
        return super().admits(run) or run.result != DOCUMENTED

    @invariant
    def what_counts_twice_is_not_done_twice(self, run: Run) -> None:
        """A restart and a note whose answer was lost are not asked for again."""
        assert len(run.effects(RESTART)) <= 1
        assert len(run.effects(NOTE)) <= 1

    @invariant
    def pauses_grow(self, run: Run) -> None:
        """There are at most 3 retries, and between two attempts at least 1, 2, 4 seconds."""
        for tool in PAUSES:
            pauses = _pauses(run, tool)
            assert len(pauses) <= 3
            assert all(pause >= 2.0**number for number, pause in enumerate(pauses))

    @invariant
    def every_retry_is_noticed(self, run: Run) -> None:
        """People got a notice of each retry, unless notices do not get through."""
        retries = sum(len(_pauses(run, tool)) for tool in PAUSES)
        notices = [each for each in self.people.notifications if each.message.startswith("Retrying")]
        assert len(notices) >= retries or not all(each.ok for each in run.calls("send_notification"))

    @invariant
    def what_is_not_done_is_alerted(self, run: Run) -> None:
        """A step that was not done for certain is in an alert, unless alerts do not get through."""
        if isinstance(run.result, Rollout):
            told = [alert.message for alert in self.people.alerts]
            for ended in run.result.steps:
                heard = any(message.startswith(f"{ended.step}: ") for message in told)
                assert ended.how == "done" or heard or not all(each.ok for each in run.calls("send_alert"))


def _pauses(run: Run, tool: str) -> list[float]:
    """The seconds from the end of each attempt to the beginning of the next one."""
    pairs = itertools.pairwise(run.calls(tool))
    return [round(after.at - (before.until or 0.0), 6) for before, after in pairs]
