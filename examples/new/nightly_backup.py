"""The scenario `nightly-backup`: a world, a workflow, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest


def empty_cluster() -> Kubernetes:
    """Nothing runs yet, and there is a manifest of the application."""
    app = Manifest("app", "app:1.1", replicas=2)
    return Kubernetes(manifests={"k8s/app.yaml": app})


@dataclass
class NightlyBackup(Scenario):
    """Deploy the application, and tell people when it is ready."""

    tags = ("own",)
    cluster: Kubernetes = field(default_factory=empty_cluster)
    people: CommunicationHub = field(default_factory=CommunicationHub)

    async def workflow(self, hub: Hub) -> str:
        """Say here how it is done, or call the workflow that you have."""
        await hub.call_tool(
            "kubernetes.kubectl_apply",
            {"manifest_path": "k8s/"},
            timeout=60,
        )
        rollout = await hub.call_tool(
            "kubernetes.kubectl_rollout_status",
            {"name": "app"},
            timeout=600,
        )
        if rollout.get("ready") != 2:
            raise RuntimeError(f"the application is not ready: {rollout}")
        await hub.call_tool(
            "communication-hub.send_notification",
            {
                "message": "app:1.1 is ready",
                "channels": ["slack"],
                "deduplication_key": "app:1.1",
            },
            timeout=60,
        )
        return "ready"

    def expect(self, run: Run) -> None:
        """What must have come out when nothing failed."""
        assert len(self.cluster.running("default", "app")) == 2
        assert self.people.texts() == ["app:1.1 is ready"]
        assert run.result == "ready"

    @invariant
    def only_what_runs_is_announced(self, run: Run) -> None:
        """Nobody is told of an application that is not there."""
        assert not self.people.messages or "default/app" in self.cluster.deployments

    @invariant
    def announced_once(self, run: Run) -> None:
        """Nobody is told twice, whatever answer got lost."""
        assert len(self.people.messages) <= 1
