"""The deployment and its handlers when servers fail."""

from __future__ import annotations

import pytest
from planned import Fault
from single_faults import each_call_failing, faulted, silent_under

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios.event_driven_deployment import APPLY, HANDLERS, EventDrivenDeployment
from pytest_mcpflow.verdict import judge

NOTE = HANDLERS["update_status"]


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(EventDrivenDeployment, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_only_a_note_without_an_answer_is_left_to_people(fault: Fault) -> None:
    unlike = {
        site for site, run in each_call_failing(EventDrivenDeployment, fault) if not run.is_as_documented
    }

    assert unlike == (set() if fault is Fault.REFUSE else {NOTE})


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REQUEST])
def test_a_handler_that_never_works_is_alerted_and_the_others_do_their_work(
    handler: str, fault: Fault
) -> None:
    run = faulted(EventDrivenDeployment(), {HANDLERS[handler]: fault})

    others = tuple(name for name in HANDLERS if name != handler)
    assert (run.result.handled, run.result.failed) == (others, (handler,))
    [alert] = run.scenario.people.alerts
    assert alert.severity == "high"
    assert alert.metadata == {"event_type": "deployment.success", "handler": handler}
    assert alert.message.startswith(f"Workflow handler {handler} failed: ")


def test_a_deployment_that_does_not_come_up_is_told_as_failed_and_nothing_is_noted() -> None:
    scenario = EventDrivenDeployment()
    scenario.cluster.images = ["app:1.2.2"]

    run = faulted(scenario, {})

    assert [sent.status for sent in scenario.people.broadcasts] == ["failed"]
    assert scenario.monitoring.deployments == []
    assert scenario.storage.objects == {}
    assert run.silence is None


def test_the_handler_of_the_document_does_everything_in_one() -> None:
    async def workflow(mcp_manager: Hub) -> None:
        with context_of(mcp_manager, "as documented") as context_id:
            await handled(mcp_manager, context_id)

    async def handled(mcp_manager: Hub, context_id: str) -> None:
        event_data = {"environment": "production", "service": "app", "version": "1.2.3"}
        place = {"namespace": "production"}
        await mcp_manager.call_tool(APPLY, {"manifest_path": "k8s/", **place}, context_id)
        await mcp_manager.call_tool("kubernetes.kubectl_rollout_status", {"name": "app", **place}, context_id)
        await mcp_manager.call_tool(NOTE, {"status": "active", "version": event_data["version"]}, context_id)
        await mcp_manager.call_tool(
            "s3-storage.backup_config",
            {"source": "k8s/", "backup_name": f"deployment_{event_data['version']}"},
            context_id,
        )
        await mcp_manager.call_tool(
            "communication-hub.broadcast_deployment", {**event_data, "status": "completed"}, context_id
        )

    scenario = EventDrivenDeployment()
    judgement = judge(scenario, way=Way.DIRECT, workflow=workflow)

    assert [sent.status for sent in scenario.people.broadcasts] == ["completed"]
    assert {broken.check for broken in judgement.broken} == {"expect", "a_failure_is_heard"}
