from __future__ import annotations

import pytest
from dirty_equals import IsPartialDict, IsStr
from rollout import roll_out
from syrupy.assertion import SnapshotAssertion

from pytest_mcpflow import Hub, answered, refused, sent
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.snapshot import TranscriptSnapshot


@pytest.fixture
def cluster(mcpflow: Hub) -> Kubernetes:
    """Runs version 1, and has the image of version 2."""
    mcpflow.serve(CommunicationHub())
    return mcpflow.serve(
        Kubernetes(
            manifests={"k8s/app.yaml": Manifest("app", "app:2")},
            deployments={
                "production/app": Deployment("app", "production", 1, [Revision(1, "app:1", {}, 0.0, "apply")])
            },
            images=["app:1", "app:2"],
        )
    )


# region: queries
@pytest.mark.usefixtures("cluster")
async def test_people_hear_of_it_when_the_pods_are_ready(mcpflow: Hub) -> None:
    await roll_out(mcpflow)

    transcript = mcpflow.transcript
    assert transcript.counts() == {
        "kubernetes.kubectl_apply": 1,
        "kubernetes.kubectl_rollout_status": 1,
        "communication-hub.send_alert": 1,
    }
    assert transcript.before("kubectl_rollout_status", "send_alert")
    [alert] = transcript.calls("send_alert")
    assert (alert.at, alert.arguments["severity"]) == (5.0, "low")
    assert transcript.by_server("kubernetes").latency().longest == 5.0
    assert [call.name for call in transcript.in_context("rollout")] == [
        "kubectl_apply",
        "kubectl_rollout_status",
    ]


# endregion


# region: matchers
async def test_people_hear_why_it_failed(mcpflow: Hub, cluster: Kubernetes) -> None:
    cluster.images = ["app:1"]

    await roll_out(mcpflow)

    assert mcpflow.transcript == [
        answered(IsPartialDict(success=True)),
        refused(IsStr(regex=".*timed out.*")),
        sent({"severity": "high", "message": IsStr(regex="app:2 is not out: .*")}),
    ]
    assert mcpflow.transcript.failures() == mcpflow.transcript.calls("kubectl_rollout_status")
    assert [call.name for call in mcpflow.transcript.effects()] == ["kubectl_apply", "send_alert"]


# endregion


# region: snapshot
@pytest.mark.usefixtures("cluster")
async def test_it_does_what_it_did(mcpflow: Hub, snapshot: SnapshotAssertion) -> None:
    await roll_out(mcpflow)

    assert mcpflow.transcript == snapshot(extension_class=TranscriptSnapshot)


# endregion
