"""Handlers of an event: each is tried, and one that fails is heard of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring
from pytest_mcpflow.fakes.s3_storage import S3Storage

Handler = Callable[[Hub, str], Awaitable[object]]


# region: pattern
async def note_version(hub: Hub, version: str) -> object:
    note = {"status": "active", "version": version}
    return await hub.call_tool("prometheus-monitoring.update_deployment_status", note, timeout=60)


async def back_up(hub: Hub, version: str) -> object:
    backup = {"source": "k8s/", "backup_name": f"deployment_{version}"}
    return await hub.call_tool("s3-storage.backup_config", backup, timeout=60)


async def tell(hub: Hub, version: str) -> object:
    news = {"environment": "production", "service": "app", "version": version, "status": "completed"}
    return await hub.call_tool("communication-hub.broadcast_deployment", news, timeout=60)


async def deployed(
    hub: Hub, version: str, handlers: tuple[Handler, ...] = (note_version, back_up, tell)
) -> None:
    failed: list[str] = []
    for handler in handlers:
        try:
            await handler(hub, version)
        except Exception as error:  # whatever one handler does is no reason to leave the others out
            failed.append(f"{handler.__name__}: {error}")
    if failed:
        alert = {"message": "; ".join(failed), "severity": "high"}
        await hub.call_tool("communication-hub.send_alert", alert, timeout=60)
    # endregion


# region: test
async def test_the_others_run_when_one_handler_fails(mcpflow: Hub) -> None:
    monitoring = mcpflow.serve(PrometheusMonitoring())
    mcpflow.serve(S3Storage(sources={"k8s/": "image: app:2"}))
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("s3-storage.backup_config#1=refuse")

    await deployed(mcpflow, "2")

    assert [each.version for each in monitoring.deployments] == ["2"]
    assert [sent.status for sent in people.broadcasts] == ["completed"]
    assert people.alerts[0].message.startswith("back_up: ")
    # endregion
