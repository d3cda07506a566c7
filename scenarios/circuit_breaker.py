"""A board asks a cluster that is away for a while, and leaves it alone meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Outage, Revision
from pytest_mcpflow.scenarios._circuit_as_seen import Seen, followed
from pytest_mcpflow.scenarios._circuit_breaker_workflow import LOOKS, Board, watch
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of

__all__ = ["Board", "CircuitBreaker"]

GET, STATUS, TOP = "kubernetes.kubectl_get", "kubernetes.kubectl_rollout_status", "kubernetes.kubectl_top"
_GET, _STATUS = "mcp_kubernetes_kubectl_get", "mcp_kubernetes_kubectl_rollout_status"
CHANGES = (
    *((60.5, _GET, "open"), (100.5, _STATUS, "open"), (180.5, _STATUS, "closed")),
    *((300.5, _STATUS, "open"), (380.5, _GET, "closed"), (380.5, _STATUS, "closed")),
)
SIGHTS = {"fresh": 26, "fallback": 50, "failed": 12}
"""When circuits change, and what the board shows, when nothing but the cluster fails."""


def _cluster() -> Kubernetes:
    running = [
        Deployment("app", namespace, replicas, [Revision(1, "app:1.4", {}, -3600.0, "apply")])
        for namespace, replicas in (("production", 3), ("staging", 1))
    ]
    return Kubernetes(
        deployments={f"{each.namespace}/app": each for each in running},
        # Away once for good and all, then three times for a moment.
        outages=[Outage(60, 150), Outage(220, 225), Outage(260, 265), Outage(300, 305)],
        takes={"kubectl_get": 0.5, "kubectl_rollout_status": 0.5},
    )


@dataclass
class CircuitBreaker(CrossServer):
    """Show how a cluster is, every 20 seconds for seven minutes, and spare it while it does not answer.

    A tool that failed three times in a row, or half of at least five times, is left alone for 60 seconds; then one call
    shows whether it answers again. Tools that the cluster does not have (`kubectl_top`) do not count as failures.
    """

    tags = ("resilience",)

    cluster: Kubernetes = field(default_factory=_cluster)

    async def workflow(self, hub: Hub) -> Board:
        with context_of(hub, self.name) as context_id:
            return await watch(hub, context_id)

    def expect(self, run: Run) -> None:
        began = {
            site: [each.at for each in run.transcript if each.site == site] for site in (GET, STATUS, TOP)
        }
        # Three in a row at t=60; a probe that fails at 140, and at 220, and at 300; one that succeeds at 380.
        assert began[GET] == sorted([*[0, 20, 40, 60, 400, 420] * 3, 140, 220, 300, 380])
        # Three in a row at t=60 to 100; a probe at 180; then half of the calls from 200 to 300; a probe at 380.
        assert began[STATUS] == [*range(0, 101, 20), *range(180, 301, 20), 380, 400, 420]
        # What the cluster does not have is asked for every minute, and never counts.
        assert began[TOP] == [*range(0, 421, 60)]
        assert sorted(run.result.missing) == ["grafana.get_dashboard", TOP]
        assert sorted(run.result.changes) == [*CHANGES]
        told: list[tuple[str, str]] = [(each.message, each.severity) for each in self.people.alerts]
        told += [(sent.message, sent.priority) for sent in self.people.notifications]
        loud = {"open": "high", "closed": "normal"}
        assert sorted(told) == sorted(
            (f"Circuit {name} is {state} since t={at:g}", loud[state])
            for at, name, state in run.result.changes
        )
        shown = [(each.look, each.state, each.answer) for each in run.result.sights if each.at == 80]
        before = {each.look: each.answer for each in run.result.sights if each.at == 40}
        assert [(look, state) for look, state, _ in sorted(shown, key=lambda each: each[0])] == [
            *((number, "fallback") for number in range(3)),
            (3, "failed"),
        ]
        assert all(answer == before[look] for look, state, answer in shown if state == "fallback")
        assert [len(before[look]["items"]) for look in range(3)] == [3, 1, 1]
        assert {each.state for each in run.result.sights if each.at == 420} == {"fresh"}
        assert len(run.result.sights) == 22 * len(LOOKS)
        assert Counter(each.state for each in run.result.sights) == SIGHTS
        assert run.result.success

    def admits(self, run: Run) -> bool:
        """The board itself shows what was not seen, and when it was not."""
        told = isinstance(run.result, Board) and (
            sorted(run.result.changes) != [*CHANGES]
            or Counter(each.state for each in run.result.sights) != SIGHTS
        )
        return super().admits(run) or told

    @invariant
    def no_call_while_open(self, run: Run) -> None:
        """A tool that failed too often gets no call for 60 seconds."""
        assert [str(call) for seen, call in _watched(run) if seen.rests_until > call.at] == []

    @invariant
    def one_probe_at_a_time(self, run: Run) -> None:
        """Until a tool that failed too often has answered again, one call at most is under way."""
        assert [str(call) for seen, call in _watched(run) if seen.is_tripped and seen.under_way] == []

    @invariant
    def an_open_circuit_is_told(self, run: Run) -> None:
        """While answers come from memory, people know of it, unless alerts do not get through."""
        tripped = {call.name for seen, call in _watched(run) if seen.is_tripped}
        tried = run.calls("send_alert")
        told = [alert.message for alert in self.people.alerts]
        unheard = [tool for tool in tripped if not any(str(tool) in message for message in told)]
        assert not unheard or (tried and not all(each.ok for each in tried))

    @invariant
    def memory_is_never_shown_as_fresh(self, run: Run) -> None:
        """What the board shows as fresh was answered at that time."""
        if isinstance(run.result, Board):
            for sight in run.result.sights:
                calls = [each for each in run.transcript if (each.site, each.arguments) == LOOKS[sight.look]]
                assert sight.state != "fresh" or any(each.at == sight.at and each.ok for each in calls)


def _watched(run: Run) -> list[tuple[Seen, Interaction]]:
    """Each call of a tool that the cluster has, and how its circuit had to be when it began."""
    return [pair for tool in (GET, STATUS) for pair in followed(run.calls(tool))]
