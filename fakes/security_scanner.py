"""A fake of a security scanner: code, dependencies, container images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Finding", "Report", "Scan", "SecurityScanner", "Vulnerability"]

Severity = Literal["low", "medium", "high", "critical"]
Scope = Literal["full", "code", "dependencies", "containers"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


@dataclass
class Finding:
    """Something a scanner does not like about a line of code."""

    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    scanner: str = "bandit"


@dataclass
class Vulnerability:
    """A known weakness of a package."""

    id: str
    package: str
    installed: str
    severity: Severity
    fixed_in: str | None = None


@dataclass
class Scan:
    """What a scan found. `success` says that it ran, `passed` that there was nothing at or above the threshold."""

    success: bool
    passed: bool
    scanner: str
    findings: list[Finding] = field(default_factory=list[Finding])
    vulnerabilities: list[Vulnerability] = field(default_factory=list[Vulnerability])
    counts: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class Report:
    """Several scans in one. Scanners without a report are `missing`, which is not the same as clean."""

    success: bool
    output: str
    total: int
    by_severity: dict[str, int]
    scanners: list[str]
    missing: list[str]


@dataclass
class SecurityScanner(Fake):
    """Scans one code base. Scans change nothing."""

    findings: list[Finding] = field(default_factory=list[Finding])
    dependencies: dict[str, list[Vulnerability]] = field(default_factory=dict[str, list[Vulnerability]])
    """By manifest: requirements.txt, package.json."""
    images: dict[str, list[Vulnerability]] = field(default_factory=dict[str, list[Vulnerability]])
    """By image tag or Dockerfile."""
    broken: dict[str, str] = field(default_factory=dict[str, str])
    """Scanners that do not run, and what they say."""
    reports: dict[str, Report] = field(default_factory=dict[str, Report])

    @tool(reads=True)
    def comprehensive_scan(self, scope: Scope = "full", severity: Severity = "low") -> Scan:
        """Scan everything in the scope; `severity` is the threshold of `passed`."""
        self._runs("comprehensive")
        findings = self.findings if scope in ("full", "code") else []
        vulnerable: list[Vulnerability] = []
        for targets, within in ((self.dependencies, "dependencies"), (self.images, "containers")):
            if scope in ("full", within):
                vulnerable += [each for found in targets.values() for each in found]
        return _scan("comprehensive", findings, vulnerable, severity)

    @tool(reads=True)
    def bandit_scan(self, path: str, format: Literal["json", "txt"] = "json") -> Scan:  # noqa: A002 - the tool's name
        """Look for common weaknesses in Python code below a path."""
        self._runs("bandit")
        below = [
            each for each in self.findings if each.scanner == "bandit" and each.file.startswith(_folder(path))
        ]
        return _scan("bandit", below, [], "low")

    @tool(reads=True)
    def static_analysis(self, path: str, config: str = "auto") -> Scan:
        """Run semgrep's rules over the code below a path."""
        self._runs("semgrep")
        below = [
            each
            for each in self.findings
            if each.scanner == "semgrep" and each.file.startswith(_folder(path))
        ]
        return _scan("semgrep", below, [], "low")

    @tool(reads=True)
    def python_safety_check(self, requirements_path: str = "requirements.txt") -> Scan:
        """Check Python requirements against known vulnerabilities."""
        return self._manifest("safety", requirements_path)

    @tool(reads=True)
    def pip_audit(self, requirements_path: str = "requirements.txt") -> Scan:
        """Audit Python requirements."""
        return self._manifest("pip-audit", requirements_path)

    @tool(reads=True)
    def npm_audit(self, package_json_path: str = "package.json") -> Scan:
        """Audit npm dependencies."""
        return self._manifest("npm", package_json_path)

    @tool(reads=True)
    def container_scan(
        self,
        image: str | None = None,
        dockerfile: str | None = None,
        format: Literal["json", "table"] = "json",  # noqa: A002 - the tool's name
    ) -> Scan:
        """Scan an image, or what a Dockerfile would build."""
        self._runs("trivy")
        if (image is None) == (dockerfile is None):
            raise FakeError("FATAL: trivy needs exactly one of image and dockerfile")
        target = image or dockerfile or ""
        if target not in self.images:
            raise FakeError(f"FATAL: unable to find the specified image {target!r}")
        return _scan("trivy", [], self.images[target], "low")

    @tool(idempotent=True)
    def consolidate_reports(self, reports: dict[str, Any], output: str) -> Report:
        """Merge the reports of several scanners, by scanner; one that failed is given as null or as its error."""
        counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
        present = {name: cast("dict[str, Any]", each) for name, each in reports.items() if _is_report(each)}
        for report in present.values():
            for found in (*report.get("findings", ()), *report.get("vulnerabilities", ())):
                counts[found["severity"]] += 1
        missing = sorted(set(reports) - set(present))
        merged = Report(not missing, output, sum(counts.values()), counts, sorted(present), missing)
        self.reports[output] = merged
        return merged

    def _manifest(self, scanner: str, path: str) -> Scan:
        self._runs(scanner)
        if path not in self.dependencies:
            raise FakeError(f"{scanner}: ENOENT: no such file or directory, open '{path}'")
        return _scan(scanner, [], self.dependencies[path], "low")

    def _runs(self, scanner: str) -> None:
        if scanner in self.broken:
            raise FakeError(f"{scanner}: {self.broken[scanner]}")


def _scan(
    scanner: str, findings: list[Finding], vulnerable: list[Vulnerability], threshold: Severity
) -> Scan:
    counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for severity in [*(each.severity for each in findings), *(each.severity for each in vulnerable)]:
        counts[severity] += 1
    passed = not any(counts[severity] for severity in SEVERITIES[SEVERITIES.index(threshold) :])
    return Scan(True, passed, scanner, [*findings], [*vulnerable], counts)


def _is_report(value: object) -> bool:
    return isinstance(value, dict) and bool(cast("dict[str, Any]", value).get("success"))


def _folder(path: str) -> str:
    return "" if path in ("", ".", "./") else path
