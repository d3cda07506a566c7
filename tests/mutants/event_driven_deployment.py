"""Wrong events, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from planned import Fault, under
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._event_workflow import Deployed
from pytest_mcpflow.scenarios.event_driven_deployment import APPLY, HANDLERS, EventDrivenDeployment

__all__ = ["MUTANTS"]

BACKUP = HANDLERS["back_up_configuration"]
COMPLETED = {"environment": "production", "service": "app", "version": "1.2.3", "status": "completed"}


async def stop_at_the_first_failure(hub: Hub) -> Deployed:
    """Lets a failing handler keep the next one from its work."""
    context = hub.create_context().id
    place = {"namespace": "production"}
    await hub.call_tool(APPLY, {"manifest_path": "k8s/", **place}, context)
    await hub.call_tool("kubernetes.kubectl_rollout_status", {"name": "app", **place}, context)
    note = {"status": "active", "version": "1.2.3"}
    try:
        await hub.call_tool(HANDLERS["update_status"], note, context)
        await hub.call_tool(BACKUP, {"source": "k8s/", "backup_name": "deployment_1.2.3"}, context)
        await hub.call_tool(HANDLERS["tell_everybody"], COMPLETED, context)
    except Exception as error:
        alert = {"message": f"Workflow handler failed: {error}", "severity": "high"}
        metadata = {"event_type": "deployment.success", "handler": "back_up_configuration"}
        await hub.call_tool("communication-hub.send_alert", {**alert, "metadata": metadata}, context)
    return Deployed(False, (), ())


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Loses the alert of a handler that failed."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


async def forget_the_event(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Does not say which event it was that a handler failed at."""
    if name.endswith("send_alert"):
        arguments["metadata"] = {"handler": arguments["metadata"]["handler"]}
    return await send(name, arguments)


async def not_wait(hub: Hub) -> Deployed:
    """Takes a rollout for done that has only begun."""
    context = hub.create_context().id
    await hub.call_tool(APPLY, {"manifest_path": "k8s/", "namespace": "production"}, context)
    await hub.call_tool(HANDLERS["update_status"], {"status": "active", "version": "1.2.3"}, context)
    await hub.call_tool(BACKUP, {"source": "k8s/", "backup_name": "deployment_1.2.3"}, context)
    await hub.call_tool(HANDLERS["tell_everybody"], COMPLETED, context)
    return Deployed(True, tuple(HANDLERS), ())


async def note_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats a note, as after a lost answer."""
    if name == HANDLERS["update_status"]:
        await send(name, arguments)
    return await send(name, arguments)


async def back_up_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats a backup without looking."""
    if name == BACKUP:
        await send(name, arguments)
    return await send(name, arguments)


def _of(tamper: Tamper) -> Workflow:
    return tampered(EventDrivenDeployment().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "stop at the first failure": (
        under(stop_at_the_first_failure, {BACKUP: Fault.REFUSE}),
        "every_handler_is_tried",
    ),
    "fail unheard": (under(_of(fail_unheard), {BACKUP: Fault.REFUSE}), "a_handler_that_fails_is_alerted"),
    "forget the event": (
        under(_of(forget_the_event), {BACKUP: Fault.REFUSE}),
        "a_handler_that_fails_is_alerted",
    ),
    "not wait": (not_wait, "success_is_only_told_of_what_runs"),
    "note twice": (_of(note_twice), "nothing_is_done_twice"),
    "back up twice": (_of(back_up_twice), "nothing_is_done_twice"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
