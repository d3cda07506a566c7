"""Wrong audits, and the check of the scenario that must say so."""

from __future__ import annotations

from typing import Any

from tampering import Send, Tamper, answer, tampered

from pytest_mcpflow import CallResult, Hub, ToolError, Workflow
from pytest_mcpflow.scenarios.security_audit_chain import SecurityAuditChain

__all__ = ["MUTANTS"]


async def take_missing_for_clean(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Goes on as if npm had found nothing, since it did not run."""
    if name.endswith("npm_audit"):
        return answer({"success": True, "passed": True, "vulnerabilities": [], "counts": {}})
    return await send(name, arguments)


async def leave_a_scanner_out(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Does not say that there was to be a look at the image."""
    if name.endswith("consolidate_reports"):
        del arguments["reports"]["trivy"]
    return await send(name, arguments)


async def drop_what_is_low(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Reports only what it finds important."""
    if name.endswith("consolidate_reports"):
        bandit = arguments["reports"]["bandit"]
        bandit["results"] = [each for each in bandit["results"] if each["severity"] != "low"]
    return await send(name, arguments)


async def fail_unheard(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Loses the alert of a scanner that does not run."""
    if name.endswith("send_alert"):
        return answer({"success": True, "alert_id": "alert-1"})
    if name.endswith("bandit_scan"):
        raise ToolError("security-scanner", "bandit_scan", "bandit: command not found")
    return await send(name, arguments)


async def report_twice(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
    """Writes a report of the code beside the one of everything."""
    if name.endswith("consolidate_reports"):
        code = {name: arguments["reports"][name] for name in ("bandit", "semgrep")}
        await send(name, {"reports": code, "output": "code_report.json"})
    return await send(name, arguments)


async def forget_the_context(hub: Hub) -> object:
    """Looks at something outside of the audit's context."""
    await hub.call_tool("security-scanner.bandit_scan", {"path": "src/"})
    return await SecurityAuditChain().workflow(hub)


def _of(tamper: Tamper) -> Workflow:
    return tampered(SecurityAuditChain().workflow, tamper)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "take missing for clean": (_of(take_missing_for_clean), "missing_is_never_clean"),
    "leave a scanner out": (_of(leave_a_scanner_out), "missing_is_never_clean"),
    "drop what is low": (_of(drop_what_is_low), "no_finding_is_lost"),
    "fail unheard": (_of(fail_unheard), "a_failure_is_heard"),
    "report twice": (_of(report_twice), "there_is_one_report"),
    "forget the context": (forget_the_context, "every_call_has_a_context"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
