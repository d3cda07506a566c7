"""What the security scanner finds, and the reports it makes of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "SCOPES",
    "SEVERITIES",
    "BanditReport",
    "DependencyReport",
    "Finding",
    "NpmReport",
    "Report",
    "Scan",
    "Scanner",
    "Scope",
    "Severity",
    "SkippedFile",
    "Vulnerability",
]

Severity = Literal["low", "medium", "high", "critical"]
Scope = Literal["full", "code", "dependencies", "containers"]
Scanner = Literal["comprehensive", "bandit", "semgrep", "safety", "pip-audit", "npm", "trivy"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
SCOPES: dict[Scope, tuple[Scanner, ...]] = {
    "code": ("bandit", "semgrep"),
    "dependencies": ("pip-audit", "npm"),
    "containers": ("trivy",),
    "full": ("bandit", "semgrep", "pip-audit", "npm", "trivy"),
}
"""The scanners that a comprehensive scan is made of."""


@dataclass
class Finding:
    """Something a scanner does not like about a line of code."""

    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    scanner: Literal["bandit", "semgrep"] = "bandit"


@dataclass
class Vulnerability:
    """A known weakness of a package."""

    id: str
    package: str
    installed: str
    severity: Severity
    fixed_in: str | None = None


@dataclass
class SkippedFile:
    """A file that could not be scanned, and so is not known to be clean."""

    filename: str
    reason: str


@dataclass
class Scan:
    """What a scan found. `success` says that it ran, `passed` that there was nothing at or above the threshold.

    A comprehensive scan without one of its scanners has not run: `missing` names them, and it passes nothing.
    """

    success: bool
    passed: bool
    scanner: Scanner
    findings: list[Finding] = field(default_factory=list[Finding])
    vulnerabilities: list[Vulnerability] = field(default_factory=list[Vulnerability])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    missing: list[str] = field(default_factory=list[str])


@dataclass
class BanditReport:
    """As the command's: `exit_code` 1 on results only, so that a skipped file shows in `errors` and `passed` alone."""

    success: bool
    passed: bool
    scanner: Scanner
    results: list[Finding]
    errors: list[SkippedFile]
    exit_code: int
    counts: dict[str, int]


@dataclass
class DependencyReport:
    """`exit_code` is the command's own: on vulnerabilities 64 of safety, 1 of the others."""

    success: bool
    passed: bool
    scanner: Scanner
    vulnerabilities: list[Vulnerability]
    exit_code: int
    counts: dict[str, int]


@dataclass
class NpmReport(DependencyReport):
    """`metadata["vulnerabilities"]` counts by severity, with a `total`."""

    metadata: dict[str, dict[str, int]]


@dataclass
class Report:
    """Several scans in one, counted as they were reported.

    A scanner that did not run or cannot be read is in `missing`, with the reason in `reasons`; that is never
    clean: `success` needs every scanner, `passed` needs that and nothing found.
    """

    success: bool
    output: str
    total: int
    by_severity: dict[str, int]
    scanners: list[str]
    missing: list[str]
    reasons: dict[str, str] = field(default_factory=dict[str, str])
    passed: bool = False
