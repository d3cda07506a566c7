"""Wrong tests of environments, and the check of the scenario that must say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._environment_trial import OVER, EnvironmentReport, EnvironmentTrial, Quota
from pytest_mcpflow.scenarios.multi_environment_testing import MultiEnvironmentTesting

__all__ = ["MUTANTS"]


async def forget_the_quota(hub: Hub) -> EnvironmentReport:
    """Sends as much as it can."""
    return await EnvironmentTrial(hub, Quota(1000)).run()


async def count_each_server_for_itself(hub: Hub) -> EnvironmentReport:
    """Takes the quota of a key for the quota of a server."""
    return await EnvironmentTrial(hub, Quota(3 * 100)).run()


async def report_what_sounds_better(hub: Hub) -> EnvironmentReport:
    """Leaves the slow half of the requests out of the percentiles."""
    report = await MultiEnvironmentTesting().workflow(hub)
    return replace(report, load=replace(report.load, p95=report.load.p50, longest=report.load.p50))


async def leave_the_servers_down(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Forgets to tell operators that the drill is over."""
    if name.endswith("send_notification") and arguments["message"] == OVER:
        return answer({"success": True, "delivered_to": ["slack"]})
    return await send(name, arguments)


async def find_nobody_and_say_nothing(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reaches two of three environments, and keeps it to itself."""
    if name.startswith("context7-3."):
        return answer({**await send(name, arguments), "source": "mock"})
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    return await send(name, arguments)


REFERENCE = MultiEnvironmentTesting().workflow
MUTANTS: dict[str, tuple[Workflow, str]] = {
    "forget the quota": (forget_the_quota, "the_quota_is_honoured"),
    "count each server for itself": (count_each_server_for_itself, "the_quota_is_honoured"),
    "report what sounds better": (report_what_sounds_better, "the_report_is_true"),
    "leave the servers down": (tampered(REFERENCE, leave_the_servers_down), "no_drill_is_left_over"),
    "find nobody and say nothing": (tampered(REFERENCE, find_nobody_and_say_nothing), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
