from __future__ import annotations

import pytest
from releasing import CLUSTER, PEOPLE, release

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision


@pytest.fixture
def kubernetes(mcpflow: Hub) -> Kubernetes:
    """A cluster that runs version 1, where the code looks for one."""
    cluster = mcpflow.serve(
        Kubernetes(
            manifests={"k8s/app.yaml": Manifest("app", "app:2")},
            deployments={
                "production/app": Deployment("app", "production", 1, [Revision(1, "app:1", {}, 0.0, "apply")])
            },
            images=["app:1", "app:2"],
        )
    )
    mcpflow.serve(CommunicationHub())
    mcpflow.redirect(CLUSTER, to="kubernetes")
    mcpflow.redirect(PEOPLE, to="communication-hub")
    return cluster


async def test_the_release_is_applied_and_told(mcpflow: Hub, kubernetes: Kubernetes) -> None:
    await release()

    assert kubernetes.deployments["production/app"].image == "app:2"
    assert mcpflow.transcript.before("kubectl_apply", "send_alert")


async def test_nothing_is_told_of_a_release_whose_answer_is_lost(
    mcpflow: Hub, kubernetes: Kubernetes
) -> None:
    mcpflow.fail("kubernetes.kubectl_apply=disconnect")

    with pytest.raises(ExceptionGroup):
        await release()

    assert mcpflow.transcript.calls("send_alert") == []
