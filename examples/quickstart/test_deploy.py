from __future__ import annotations

from deploy import deploy

from pytest_mcpflow import Hub, sent
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision


def cluster(*, images: list[str]) -> Kubernetes:
    """A cluster that runs version 1 and can apply version 2."""
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:2")},
        deployments={
            "production/app": Deployment("app", "production", 1, [Revision(1, "app:1", {}, 0.0, "apply")])
        },
        images=images,
    )


async def test_the_new_version_runs(mcpflow: Hub) -> None:
    kubernetes = mcpflow.serve(cluster(images=["app:1", "app:2"]))
    mcpflow.serve(CommunicationHub())

    assert await deploy(mcpflow)

    assert kubernetes.deployments["production/app"].image == "app:2"
    assert len(kubernetes.running("production", "app")) == 1


async def test_a_version_that_does_not_come_up_is_rolled_back(mcpflow: Hub) -> None:
    kubernetes = mcpflow.serve(cluster(images=["app:1"]))
    mcpflow.serve(CommunicationHub())

    assert not await deploy(mcpflow)

    assert kubernetes.deployments["production/app"].image == "app:1"
    assert mcpflow.transcript.calls("send_alert") == [sent({"severity": "high"})]
    assert mcpflow.clock.now() == 120
