"""Act, look whether that helped, and report what was seen, not what was hoped."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mcp import MCPError

from pytest_mcpflow import Hub, Interaction, ToolError
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService

ACTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "service_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/production/"}),
        "infrastructure_failure": ("kubernetes.kubectl_apply", {"manifest_path": "k8s/backup-region/"}),
    }
)


# region: pattern
async def recover(hub: Hub, incident: str) -> bool:
    start = {"message": f"Disaster recovery started: {incident}", "severity": "critical"}
    await hub.call_tool("communication-hub.send_alert", start, timeout=60)
    recovered, why = False, f"nobody knows what helps against {incident}"
    try:
        if incident in ACTIONS:
            tool, arguments = ACTIONS[incident]
            await hub.call_tool(tool, arguments, timeout=60)
            service = {"service": "app", "environment": "production", "timeout": 300}
            seen = await hub.call_tool("prometheus-monitoring.verify_service_health", service, timeout=600)
            recovered, why = seen.get("healthy") is True, f"app is unwell: {seen.get('problems')}"
    except (ToolError, MCPError) as error:
        why = str(error)
    outcome = f"Recovered from {incident}" if recovered else f"Not recovered from {incident}: {why}"
    notice = {"message": outcome, "channels": ["slack", "email"], "priority": "critical"}
    await hub.call_tool("communication-hub.send_notification", notice, timeout=60)
    return recovered
    # endregion


def serve(hub: Hub) -> CommunicationHub:
    app = Deployment("app", "default", 1, [Revision(1, "app:1", {}, -60, "apply")], crashing=True)
    manifests = {"k8s/production/app.yaml": Manifest("app", "app:1")}
    hub.serve(Kubernetes(manifests=manifests, deployments={"default/app": app}))
    monitoring = hub.serve(PrometheusMonitoring(services={"app": WatchedService("production")}))
    monitoring.record("app", "error_rate", 0.9)

    def errors_end(_: Interaction) -> None:
        monitoring.record("app", "error_rate", 0.0)

    hub.on_effect("kubernetes.kubectl_apply", errors_end)
    return hub.serve(CommunicationHub())


# region: test
async def test_a_verification_without_an_answer_is_no_recovery(mcpflow: Hub) -> None:
    people = serve(mcpflow)
    mcpflow.fail("prometheus-monitoring.verify_service_health#1=lose_reply")

    assert not await recover(mcpflow, "service_failure")

    assert people.notifications[0].message.startswith("Not recovered from service_failure: ")


async def test_a_failure_of_which_nobody_knows_the_cure_is_no_recovery(mcpflow: Hub) -> None:
    people = serve(mcpflow)

    assert not await recover(mcpflow, "flood")

    assert people.texts()[-1] == "Not recovered from flood: nobody knows what helps against flood"
    # endregion


async def test_a_recovery_that_was_seen_is_reported(mcpflow: Hub) -> None:
    people = serve(mcpflow)

    assert await recover(mcpflow, "service_failure")

    assert [sent.message for sent in people.notifications] == ["Recovered from service_failure"]
    assert mcpflow.transcript.before("communication-hub.send_alert", "kubernetes.kubectl_apply")
