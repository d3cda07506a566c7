"""Wrong responses to the incident, and the check of the scenario that must say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common_mistakes import commit_everything, deploy_twice, unheard, unseen
from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._incident_workflow import LEAK, RELEASE
from pytest_mcpflow.scenarios.incident_response import IncidentReport, IncidentResponse

__all__ = ["MUTANTS", "unfixed"]

ALERT = {"message": "P1: connections", "severity": "critical"}


async def restart_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Repeats each restart, as after a lost answer."""
    if name.endswith("restart_service"):
        await send(name, arguments)
    return await send(name, arguments)


async def play_it_down(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Tells people of a P3."""
    if name.endswith("send_alert"):
        arguments["message"] = arguments["message"].replace("P1", "P3")
    return await send(name, arguments)


async def overlook_failing_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Goes on with tests that fail."""
    if name.endswith("edit_block"):
        return answer({"result": "Successfully applied 1 edit"})
    result = await send(name, arguments)
    passed = {"success": True, "exit_code": 0, "stdout": "Tests: 112 passed", "stderr": ""}
    return answer(passed) if arguments.get("command") == "npm test" else result


async def unfixed(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Proposes and deploys the code as it was."""
    if name.endswith("push_files"):
        files: list[Mapping[str, str]] = arguments["files"]
        arguments["files"] = [{**file, "content": file["content"].replace(RELEASE, LEAK)} for file in files]
    return await send(name, arguments)


async def close_without_looking(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Deploys the code as it was, and believes in it."""
    result = await unfixed(name, arguments, send)
    mitigated = name.endswith("list_connections") and result["max_connections"] == 300
    return answer({**result, "connections": 89}) if mitigated else result


async def keep_the_makeshift(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Leaves the flag on, so that nobody sees that the fix is none."""
    if name.endswith("set_feature_flag") and not arguments["enabled"]:
        return answer({"success": True, **arguments})
    return await unfixed(name, arguments, send)


async def investigate_first(hub: Hub) -> Any:
    """Reads the logs at the same instant, but before the pool is raised."""
    await hub.call_tool("droplet-executor.get_logs", {"host": "prod-1", "service": "api"})
    return await IncidentResponse().workflow(hub)


async def close_at_once(hub: Hub) -> IncidentReport:
    """Resolves the alert while connections run out, and mitigates afterwards."""
    alert = await hub.call_tool("communication-hub.send_alert", ALERT)
    await hub.call_tool("communication-hub.resolve_alert", {"alert_id": alert["alert_id"]})
    return await IncidentResponse().workflow(hub)


def _of(tamper: Tamper) -> Workflow:
    return tampered(IncidentResponse().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "restart twice": (_of(restart_twice), "restarts_at_most_once"),
    "play it down": (_of(play_it_down), "severity_is_never_lowered_by_a_missing_answer"),
    "investigate first": (investigate_first, "mitigation_comes_first"),
    "close at once": (close_at_once, "closed_only_while_healthy"),
    "close without looking": (_of(close_without_looking), "closed_only_while_healthy"),
    "keep the makeshift": (_of(keep_the_makeshift), "no_makeshift_stays"),
    "skip the look at staging": (_of(unseen("staging-1", "api", "2.4.1")), "staging_before_production"),
    "overlook failing tests": (_of(overlook_failing_tests), "a_failing_test_stops_the_rest"),
    "deploy twice": (_of(deploy_twice), "one_fix"),
    "commit everything": (_of(commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (_of(unheard("set_connection_pool")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
