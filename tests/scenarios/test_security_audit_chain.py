"""The audit when scanners or servers fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from planned import Fault
from single_faults import each_call_failing, faulted, silent_under

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.fakes.security_scanner import SkippedFile
from pytest_mcpflow.scenarios._security_audit import REPORT, SCANS
from pytest_mcpflow.scenarios.security_audit_chain import SecurityAuditChain
from pytest_mcpflow.verdict import judge


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(SecurityAuditChain, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    assert {
        site for site, run in each_call_failing(SecurityAuditChain, fault) if not run.is_as_documented
    } == set()


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.LOSE_REPLY])
def test_a_scanner_that_never_answers_is_named_and_the_others_still_count(name: str, fault: Fault) -> None:
    tool = SCANS[name][0]
    run = faulted(SecurityAuditChain(), {f"security-scanner.{tool}": fault})

    report = run.scenario.scanner.reports[REPORT]
    assert (report.missing, run.result.missing) == ([name], (name,))
    assert report.scanners == sorted(SCANS.keys() - {name})
    assert not report.passed
    [alert] = run.scenario.people.alerts
    assert (alert.message, alert.severity) == (f"Security audit incomplete: {name}", "high")
    assert f"not scanned by {name}" in run.scenario.people.notifications[0].message


def test_an_empty_code_base_is_clean_only_because_all_six_looked() -> None:
    scenario = SecurityAuditChain()
    scenario.scanner.findings.clear()
    for found in (*scenario.scanner.dependencies.values(), *scenario.scanner.images.values()):
        found.clear()

    judgement = judge(scenario, way=Way.DIRECT)

    assert scenario.scanner.reports[REPORT].passed
    assert [broken.check for broken in judgement.broken] == ["expect"]


def test_a_file_that_bandit_skipped_makes_its_report_a_missing_one() -> None:
    scenario = SecurityAuditChain()
    scenario.scanner.unreadable["src/legacy.py"] = "syntax error while parsing AST from file"

    run = faulted(scenario, {})

    skipped = SkippedFile("src/legacy.py", "syntax error while parsing AST from file")
    assert run.result.missing == ("bandit",)
    assert skipped.filename in str(scenario.people.alerts[0].metadata)
    assert run.silence is None


def test_scans_run_side_by_side() -> None:
    assert judge(SecurityAuditChain(), way=Way.DIRECT).seconds == 90


def test_the_chain_of_the_document_runs_as_written_and_is_told_which_scanners_it_leaves_out() -> None:
    async def security_audit_chain(mcp_manager: Hub) -> None:
        context_id = mcp_manager.create_context("audit").id
        results: dict[str, Any] = {}
        results["bandit"] = await mcp_manager.call_tool(
            "security-scanner.bandit_scan", {"path": "src/", "format": "json"}, context_id
        )
        results["safety"], results["trivy"], results["semgrep"] = await asyncio.gather(
            mcp_manager.call_tool(
                "security-scanner.python_safety_check", {"requirements_path": "requirements.txt"}, context_id
            ),
            mcp_manager.call_tool(
                "security-scanner.container_scan", {"image": "app:latest", "format": "json"}, context_id
            ),
            mcp_manager.call_tool(
                "security-scanner.static_analysis", {"config": "auto", "path": "."}, context_id
            ),
        )
        reports = {name: dict(report) for name, report in results.items()}
        await mcp_manager.call_tool(
            "security-scanner.consolidate_reports", {"reports": reports, "output": REPORT}, context_id
        )

    scenario = SecurityAuditChain()
    judgement = judge(scenario, way=Way.DIRECT, workflow=security_audit_chain)

    assert scenario.scanner.reports[REPORT].total == 5
    assert "missing_is_never_clean" in [broken.check for broken in judgement.broken]
