"""The reference answer to `security-audit-chain`: let all scanners look, keep what each says, consolidate, tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["REPORT", "SCANS", "SCAN_SECONDS", "Audit", "audit"]

REPORT = "comprehensive_security_report.json"
SCAN_SECONDS = 300
SCANS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bandit": ("bandit_scan", "bandit_report.json", {"path": "src/", "format": "json"}),
    "safety": ("python_safety_check", "safety_report.json", {"requirements_path": "requirements.txt"}),
    "pip-audit": ("pip_audit", "pip_audit.json", {"requirements_path": "requirements.txt"}),
    "npm": ("npm_audit", "npm_audit.json", {"package_json_path": "package.json"}),
    "trivy": ("container_scan", "trivy_report.json", {"image": "app:latest", "format": "json"}),
    "semgrep": ("static_analysis", "semgrep_report.json", {"config": "auto", "path": "."}),
}
"""By scanner: its tool, the file that keeps its report, and what it is to look at."""


@dataclass(frozen=True)
class Audit:
    """What the audit found.

    Args:
        success: Every scanner looked, and its report is kept; not: nothing was found.
        passed: Every scanner looked, and nothing was found.
        by_severity: How many findings of each severity.
        missing: The scanners that did not look.
        problems: What else went wrong.
    """

    success: bool
    passed: bool
    by_severity: Mapping[str, int]
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


async def audit(desk: Desk) -> Audit:
    scans = await asyncio.gather(*(_scan(desk, tool, arguments) for tool, _, arguments in SCANS.values()))
    reports = dict(zip(SCANS, scans, strict=True))
    files = {SCANS[name][1]: json.dumps(report) for name, report in reports.items()}
    kept = await asyncio.gather(
        *(desk.write(file, text) for file, text in files.items()), return_exceptions=True
    )
    problems = [f"{file}: {each}" for file, each in zip(files, kept, strict=True) if each is not None]
    try:
        report = await desk.repeat(
            "security-scanner.consolidate_reports", {"reports": reports, "output": REPORT}
        )
    except Exception as error:
        await desk.alert(f"Security audit without a report: {error}", severity="high")
        raise
    missing, counts = report["missing"], report["by_severity"]
    shown = ", ".join(f"{counts[severity]} {severity}" for severity in reversed(counts))
    summary = f"Security audit: {shown}" + (f"; not scanned by {', '.join(missing)}" if missing else "")
    await desk.notify(summary, "dashboard")
    problems += [f"not told: {each}" for each in desk.untold]
    if missing or problems:
        why = {"reasons": report["reasons"], "problems": problems}
        await desk.alert(
            f"Security audit incomplete: {', '.join([*missing, *problems])}", why, severity="high"
        )
    return Audit(not missing and not problems, report["passed"], counts, tuple(missing), tuple(problems))


async def _scan(desk: Desk, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A scanner's report, or why there is none: what is missing goes into the report as missing."""
    try:
        return dict(await desk.repeat(f"security-scanner.{tool}", arguments))
    except Exception as error:
        return {"success": False, "error": str(error) or type(error).__name__}
