"""A fake of a security scanner: code, dependencies, container images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pytest_mcpflow.fake import Fake, FakeError, tool
from pytest_mcpflow.fakes._scan_results import (
    SCOPES,
    SEVERITIES,
    BanditReport,
    DependencyReport,
    Finding,
    NpmReport,
    Report,
    Scan,
    Scanner,
    Scope,
    Severity,
    SkippedFile,
    Vulnerability,
)

__all__ = [
    "BanditReport",
    "DependencyReport",
    "Finding",
    "NpmReport",
    "Report",
    "Scan",
    "SecurityScanner",
    "SkippedFile",
    "Vulnerability",
]


@dataclass
class SecurityScanner(Fake):
    """Scans one code base. Scans change nothing."""

    service_error = "scanner exited with status 2"
    findings: list[Finding] = field(default_factory=list[Finding])
    dependencies: dict[str, list[Vulnerability]] = field(default_factory=dict[str, list[Vulnerability]])
    """By manifest: requirements.txt, package.json."""
    images: dict[str, list[Vulnerability]] = field(default_factory=dict[str, list[Vulnerability]])
    """By image tag or Dockerfile."""
    broken: dict[str, str] = field(default_factory=dict[str, str])
    """Scanners that do not run, and what they say."""
    reports: dict[str, Report] = field(default_factory=dict[str, Report])
    sources: list[str] = field(default_factory=list[str])
    """The files and folders that exist; none stands for a code base in which every path does."""
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    """Files that bandit skips, and why."""

    @tool(reads=True)
    def comprehensive_scan(self, scope: Scope = "full", severity: Severity = "low") -> Scan:
        """Scan everything in the scope; `severity` is the threshold of `passed`."""
        self._runs("comprehensive")
        running = [each for each in SCOPES[scope] if each not in self.broken]
        findings = [each for each in self.findings if each.scanner in running]
        vulnerable: list[Vulnerability] = []
        if scope in ("full", "dependencies"):
            for manifest, found in self.dependencies.items():
                vulnerable += found if _audited_by(manifest) in running else []
        if "trivy" in running:
            vulnerable += [each for found in self.images.values() for each in found]
        missing: list[str] = [each for each in SCOPES[scope] if each in self.broken]
        counts = _counted(findings, vulnerable)
        passed = not missing and not any(counts[each] for each in SEVERITIES[SEVERITIES.index(severity) :])
        passed = passed and not ("bandit" in running and self.unreadable)
        return Scan(not missing, passed, "comprehensive", findings, vulnerable, counts, missing)

    @tool(reads=True)
    def bandit_scan(self, path: str, format: Literal["json", "txt"] = "json") -> BanditReport:  # noqa: A002 - the tool's name
        """Look for common weaknesses in Python code below a path."""
        self._runs("bandit")
        results = self._below(path, "bandit")
        errors = [SkippedFile(name, why) for name, why in self.unreadable.items() if _is_below(name, path)]
        if not self._exists(path):
            errors.append(SkippedFile(path, "No such file or directory"))
        passed = not results and not errors
        return BanditReport(
            True, passed, "bandit", results, errors, int(bool(results)), _counted(results, [])
        )

    @tool(reads=True)
    def static_analysis(self, path: str, config: str = "auto") -> Scan:
        """Run semgrep's rules over the code below a path."""
        self._runs("semgrep")
        if not self._exists(path):
            raise FakeError(f"semgrep: Invalid scanning root: {path}")
        found = self._below(path, "semgrep")
        return Scan(True, not found, "semgrep", found, [], _counted(found, []))

    @tool(reads=True)
    def python_safety_check(self, requirements_path: str = "requirements.txt") -> DependencyReport:
        """Check Python requirements against known vulnerabilities."""
        found = self._manifest(
            "safety",
            requirements_path,
            f"Invalid value for '-r' / '--file': '{requirements_path}': No such file or directory",
        )
        return DependencyReport(True, not found, "safety", found, 64 if found else 0, _counted([], found))

    @tool(reads=True)
    def pip_audit(self, requirements_path: str = "requirements.txt") -> DependencyReport:
        """Audit Python requirements."""
        words = f"argument -r/--requirement: can't open '{requirements_path}': No such file or directory"
        found = self._manifest("pip-audit", requirements_path, words)
        return DependencyReport(True, not found, "pip-audit", found, int(bool(found)), _counted([], found))

    @tool(reads=True)
    def npm_audit(self, package_json_path: str = "package.json") -> NpmReport:
        """Audit npm dependencies."""
        words = f"error code ENOENT: no such file or directory, open '{package_json_path}'"
        found = self._manifest("npm", package_json_path, words)
        counts = _counted([], found)
        metadata = {"vulnerabilities": {**counts, "total": len(found)}}
        return NpmReport(True, not found, "npm", found, int(bool(found)), counts, metadata)

    @tool(reads=True)
    def container_scan(
        self,
        image: str | None = None,
        dockerfile: str | None = None,
        format: Literal["json", "table"] = "json",  # noqa: A002 - the tool's name
    ) -> Scan:
        """Scan an image, or what a Dockerfile would build; name one of them."""
        self._runs("trivy")
        if image is not None and dockerfile is not None:
            raise FakeError("FATAL Fatal error: multiple targets cannot be specified (image and dockerfile)")
        target = image if image is not None else dockerfile
        if target is None:
            raise FakeError("FATAL Fatal error: trivy requires at least 1 argument: image or dockerfile")
        if target not in self.images:
            missing = f'unable to find the specified image "{image}"' if image is not None else None
            raise FakeError(
                f"FATAL Fatal error: {missing or f'stat {dockerfile}: no such file or directory'}"
            )
        found = [*self.images[target]]
        return Scan(True, not found, "trivy", [], found, _counted([], found))

    @tool(idempotent=True)
    def consolidate_reports(self, reports: dict[str, Any], output: str) -> Report:
        """Merge the reports of several scanners, by scanner; one that failed is given as null or as its error."""
        if not reports:
            raise FakeError("nothing to consolidate: reports is empty")
        counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
        reasons: dict[str, str] = {}
        for name, report in reports.items():
            severities, reason = _read(report)
            for severity in severities:
                counts[severity] += 1
            if reason:
                reasons[name] = reason
        total = sum(counts.values())
        present, missing = sorted(set(reports) - set(reasons)), sorted(reasons)
        passed = not missing and not total
        self.reports[output] = Report(not missing, output, total, counts, present, missing, reasons, passed)
        return self.reports[output]

    def break_scanner(self, scanner: Scanner, words: str) -> None:
        """Let a scanner not run, and say this."""
        self.broken[scanner] = words

    def repair_scanner(self, scanner: Scanner) -> None:
        """Let a broken scanner run again."""
        del self.broken[scanner]

    def _below(self, path: str, scanner: Scanner) -> list[Finding]:
        return [each for each in self.findings if each.scanner == scanner and _is_below(each.file, path)]

    def _exists(self, path: str) -> bool:
        return not self.sources or any(
            _is_below(path, source) or _is_below(source, path) for source in self.sources
        )

    def _manifest(self, scanner: Scanner, path: str, absent: str) -> list[Vulnerability]:
        self._runs(scanner)
        if path not in self.dependencies:
            raise FakeError(f"{scanner}: {absent}")
        return [*self.dependencies[path]]

    def _runs(self, scanner: Scanner) -> None:
        if scanner in self.broken:
            raise FakeError(f"{scanner}: {self.broken[scanner]}")


def _audited_by(manifest: str) -> Scanner:
    return "npm" if manifest.rpartition("/")[2].startswith("package") else "pip-audit"


def _counted(findings: list[Finding], vulnerable: list[Vulnerability]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for severity in [*(each.severity for each in findings), *(each.severity for each in vulnerable)]:
        counts[severity] += 1
    return counts


def _read(report: object) -> tuple[list[str], str]:
    """The severities in a report, and why it does not count as one (empty if it does)."""
    if not isinstance(report, dict):
        return [], str(report) if report else "no report"
    content = cast("dict[str, object]", report)
    lists = [content[key] for key in ("findings", "vulnerabilities", "results") if key in content]
    severities: list[str] = []
    for found in lists:
        for each in cast("list[object]", found) if isinstance(found, list) else [None]:
            severity = cast("dict[str, object]", each).get("severity") if isinstance(each, dict) else None
            if severity not in SEVERITIES:
                return [], f"malformed report: {each!r} has no severity of {', '.join(SEVERITIES)}"
            severities.append(cast("str", severity))
    if content.get("success") is not True:
        return severities, str(content.get("error") or content.get("missing") or "the scan did not succeed")
    if content.get("errors"):
        return severities, f"not everything was scanned: {content['errors']}"
    return severities, "" if lists else "malformed report: no findings, vulnerabilities or results"


def _is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder's (or file's) own or lies in it; `./src/` and `src` are the same."""
    inner, outer = (name.removeprefix("./").rstrip("/") for name in (path, folder))
    return outer in ("", ".") or inner == outer or inner.startswith(f"{outer}/")
