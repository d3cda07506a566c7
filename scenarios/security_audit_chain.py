"""Six scanners look at one code base, and one report says what they found and which of them did not look."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner, Vulnerability
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._security_audit import REPORT, SCAN_SECONDS, SCANS, Audit, audit

__all__ = ["Audit", "SecurityAuditChain"]


def _code() -> SecurityScanner:
    outdated = Vulnerability("CVE-2023-32681", "requests", "2.30.0", "medium", "2.31.0")
    return SecurityScanner(
        findings=[
            Finding("src/db.py", 41, "B608", "medium", "Possible SQL injection through string formatting."),
            Finding("src/config.py", 9, "B105", "low", "Possible hardcoded password."),
            Finding("web/views.py", 88, "direct-response-write", "high", "User input in HTML.", "semgrep"),
        ],
        dependencies={
            "requirements.txt": [outdated],
            "package.json": [Vulnerability("CVE-2021-23337", "lodash", "4.17.20", "high", "4.17.21")],
        },
        images={"app:latest": [Vulnerability("CVE-2022-0778", "openssl", "1.1.1k", "critical", "1.1.1n")]},
        takes={"container_scan": 90.0, "static_analysis": 60.0, "bandit_scan": 15.0},
    )


@dataclass
class SecurityAuditChain(CrossServer):
    """Audit code, dependencies and image of the application with six scanners; write one report.

    The code is in `src/` and `web/`, the dependencies are in `requirements.txt` and `package.json`, the image is
    `app:latest`. Each scanner's own report is kept in a file on the desktop.
    """

    tags = ("security", "chain")

    scanner: SecurityScanner = field(default_factory=_code)
    desktop: DesktopCommander = field(default_factory=DesktopCommander)

    async def workflow(self, hub: Hub) -> Audit:
        with context_of(hub, self.name) as context_id:
            return await audit(Desk(hub, timeout=SCAN_SECONDS, context_id=context_id))

    def expect(self, run: Run) -> None:
        report = self.scanner.reports[REPORT]
        assert report.scanners == sorted(SCANS)
        assert (report.missing, report.total, report.passed) == ([], 7, False)
        assert report.by_severity == {"low": 1, "medium": 3, "high": 2, "critical": 1}
        for name, (tool, file, arguments) in SCANS.items():
            call = run.calls(f"security-scanner.{tool}")[-1]
            assert call.arguments == arguments
            assert json.loads(self.desktop.files[file]) == said(call)
            assert said(call)["scanner"] == name
            assert run.transcript.before(call.site, "security-scanner.consolidate_reports")
        assert [(sent.message, sent.channels) for sent in self.people.notifications] == [
            ("Security audit: 1 critical, 2 high, 3 medium, 1 low", ["dashboard"])
        ]
        assert self.people.alerts == []
        assert run.result == Audit(success=True, passed=False, by_severity=report.by_severity)

    @invariant
    def missing_is_never_clean(self, run: Run) -> None:
        """A scanner that did not look is named in the report, and then nothing is called clean."""
        looked = {name for name, (tool, _, _) in SCANS.items() if any(each.ok for each in run.calls(tool))}
        for report in self.scanner.reports.values():
            assert SCANS.keys() - {*report.scanners} <= {*report.missing}
            assert {*report.scanners} <= looked
            assert not report.passed or looked == SCANS.keys()
        if isinstance(run.result, Audit) and (run.result.passed or run.result.success):
            assert looked == SCANS.keys()

    @invariant
    def no_finding_is_lost(self, run: Run) -> None:
        """The report counts at least what the scanners in it found."""
        for report in self.scanner.reports.values():
            found = [_found(run, SCANS[name][0]) for name in report.scanners]
            assert report.total >= sum(found)

    @invariant
    def there_is_one_report(self, run: Run) -> None:
        """The findings of all scanners are in one report."""
        assert len(self.scanner.reports) <= 1


def _found(run: Run, tool: str) -> int:
    answers = [said(each) for each in run.calls(tool) if each.ok]
    return sum(answers[-1]["counts"].values())
