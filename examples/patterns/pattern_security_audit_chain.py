"""Several looks at one thing, and one report that names who did not look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mcp import MCPError

from pytest_mcpflow import Hub, ToolError
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner, Vulnerability

SCANS: dict[str, dict[str, Any]] = {
    "bandit_scan": {"path": "src/"},
    "python_safety_check": {"requirements_path": "requirements.txt"},
    "npm_audit": {"package_json_path": "package.json"},
}


# region: pattern
@dataclass
class Audit:
    found: dict[str, int] = field(default_factory=dict[str, int])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """Who did not look, and why."""

    @property
    def is_clean(self) -> bool:
        return not self.missing and not any(self.found.values())


async def audit(hub: Hub) -> Audit:
    report = Audit()
    for scanner, arguments in SCANS.items():
        try:
            result = await hub.call_tool(f"security-scanner.{scanner}", arguments, timeout=300)
            report.found[scanner] = len(result["results" if scanner == "bandit_scan" else "vulnerabilities"])
        except (ToolError, MCPError, KeyError) as error:
            report.missing[scanner] = str(error)
    return report
    # endregion


def scanners() -> SecurityScanner:
    flaw = Vulnerability("requests", "2.19.0", "CVE-2018-18074", "high", "2.20.0")
    return SecurityScanner(
        findings=[Finding("src/app.py", 12, "B101", "low", "Use of assert detected.")],
        dependencies={"requirements.txt": [flaw], "package.json": []},
    )


# region: test
async def test_a_scanner_that_gives_no_answer_is_not_clean(mcpflow: Hub) -> None:
    mcpflow.serve(SecurityScanner(dependencies={"requirements.txt": [], "package.json": []}))
    mcpflow.fail("security-scanner.npm_audit#1=lose_reply")

    report = await audit(mcpflow)

    assert report.found == {"bandit_scan": 0, "python_safety_check": 0}
    assert [*report.missing] == ["npm_audit"]
    assert not report.is_clean
    # endregion


async def test_the_report_counts_what_each_found(mcpflow: Hub) -> None:
    mcpflow.serve(scanners())

    report = await audit(mcpflow)

    assert report.found == {"bandit_scan": 1, "python_safety_check": 1, "npm_audit": 0}
