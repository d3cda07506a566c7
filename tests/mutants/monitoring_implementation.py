"""Wrong ways to monitor, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from common_mistakes import commit_everything, pretend, unheard, unseen
from tampering import Send, answer, tampered

from pytest_mcpflow import CallResult, Hub, Workflow
from pytest_mcpflow.scenarios._monitoring_workflow import KEY, STAGING, VERSION, MonitoringReport
from pytest_mcpflow.scenarios.monitoring_implementation import MonitoringImplementation

__all__ = ["MUTANTS", "forget_the_middleware"]

reference = MonitoringImplementation().workflow


async def rules_first(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Starts Prometheus before anybody can hear of its alerts."""
    if name.endswith("restart_service") and arguments["service"] == "alertmanager":
        await send(name, {**arguments, "service": "prometheus"})
    return await send(name, arguments)


async def forget_the_runbooks(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Writes runbooks later."""
    if arguments.get("path", "").startswith("docs/runbooks/") and "content" in arguments:
        arguments["content"] = "To do.\n"
    return await send(name, arguments)


async def write_the_key_down(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Puts a key into the configuration file."""
    if "content" in arguments:
        arguments["content"] = arguments["content"].replace(f"${KEY}", "placeholder-for-a-key")
    return await send(name, arguments)


async def forget_the_middleware(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Watches a service that counts nothing."""
    if arguments.get("command", "").startswith("git add"):
        arguments["command"] = arguments["command"].replace("src/middleware/metrics.ts ", "")
    return await send(name, arguments)


async def believe_in_tests(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Writes no test, and takes the tests for passed."""
    if arguments.get("path", "").startswith("test/") and "content" in arguments:
        arguments["content"] = "// to do\n"
    result = await send(name, arguments)
    passed = {"success": True, "exit_code": 0, "stdout": "Tests: 44 passed", "stderr": ""}
    return answer(passed) if arguments.get("command") == "npm test" else result


async def claim(hub: Hub) -> MonitoringReport:
    """Says that all is watched."""
    await hub.call_tool("prometheus-monitoring.list_alerts", {})
    return MonitoringReport(success=True)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "rules first": (tampered(reference, rules_first), "no_alert_rule_without_a_receiver"),
    "forget the key": (
        tampered(reference, pretend("set_environment_variable", {"value": "set"})),
        "no_alert_rule_without_a_receiver",
    ),
    "forget the runbooks": (tampered(reference, forget_the_runbooks), "every_alert_has_a_runbook"),
    "write the key down": (tampered(reference, write_the_key_down), "the_key_stays_in_the_vault"),
    "skip the look at staging": (
        tampered(reference, unseen(STAGING, "api", VERSION)),
        "staging_before_production",
    ),
    "believe in tests": (
        tampered(reference, believe_in_tests),
        "nothing_is_proposed_or_deployed_untested",
    ),
    "claim": (claim, "success_is_metrics_and_rules"),
    "commit everything": (tampered(reference, commit_everything), "the_secret_stays_on_the_desktop"),
    "fail unheard": (tampered(reference, unheard("upload_file")), "a_failure_is_heard"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
