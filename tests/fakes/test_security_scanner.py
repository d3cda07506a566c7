"""The security scanner: what each scan finds, what it refuses, what consolidation never calls clean."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pytest_mcpflow.fake import Call, FakeError
from pytest_mcpflow.fakes._scan_results import SCOPES, SEVERITIES, Scanner, Scope, Severity
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner, SkippedFile, Vulnerability
from pytest_mcpflow.schema import RawResult, contract_of, invoke

UNUSED = cast("Call", object())  # no tool of this fake asks or reports anything
ASSERT = Finding("src/app.py", 12, "B101", "low", "Use of assert detected.")
SHELL = Finding("src/jobs/run.py", 40, "B602", "high", "A subprocess call with shell=True.")
LEGACY = Finding("src2/old.py", 1, "B301", "medium", "Pickle may be unsafe.")
INJECTION = Finding("src/app.py", 30, "sql-injection", "critical", "SQL made of text.", "semgrep")
JINJA = Vulnerability("CVE-2024-0001", "jinja2", "3.0.0", "medium", "3.1.4")
LODASH = Vulnerability("GHSA-0001", "lodash", "4.17.0", "high", "4.17.21")
OPENSSL = Vulnerability("CVE-2024-0002", "openssl", "3.0.1", "critical")


def scanner() -> SecurityScanner:
    return SecurityScanner(
        findings=[ASSERT, SHELL, LEGACY, INJECTION],
        dependencies={"requirements.txt": [JINJA], "package.json": [LODASH], "clean.txt": []},
        images={"app:latest": [OPENSSL], "Dockerfile": [], "clean:1": []},
    )


def call(scans: SecurityScanner, name: str, arguments: dict[str, Any]) -> RawResult:
    return asyncio.run(invoke(scans, contract_of(SecurityScanner).tools[name], arguments, UNUSED))


def report(scans: SecurityScanner, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A report as a client has it."""
    answer = call(scans, name, arguments)
    assert not answer["isError"]
    return cast("dict[str, Any]", answer["structuredContent"])


def refused(scans: SecurityScanner, attempt: Callable[[], object]) -> str:
    """The words of a refusal, after which the state is as before."""
    before = copy.deepcopy(scans)
    with pytest.raises(FakeError) as refusal:
        attempt()
    assert scans == before
    return str(refusal.value)


def test_a_full_scan_finds_everything() -> None:
    scan = scanner().comprehensive_scan()

    assert scan.success
    assert scan.findings == [ASSERT, SHELL, LEGACY, INJECTION]
    assert scan.vulnerabilities == [JINJA, LODASH, OPENSSL]
    assert scan.counts == {"low": 1, "medium": 2, "high": 2, "critical": 2}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("code", [ASSERT, SHELL, LEGACY, INJECTION]),
        ("dependencies", [JINJA, LODASH]),
        ("containers", [OPENSSL]),
    ],
)
def test_a_scan_keeps_to_its_scope(scope: Scope, found: list[Finding | Vulnerability]) -> None:
    scan = scanner().comprehensive_scan(scope)

    assert [*scan.findings, *scan.vulnerabilities] == found


@pytest.mark.parametrize(
    ("threshold", "passed"), [("low", False), ("medium", False), ("high", True), ("critical", True)]
)
def test_a_scan_passes_when_nothing_reaches_the_threshold(threshold: Severity, passed: bool) -> None:
    scans = SecurityScanner(findings=[ASSERT, LEGACY])

    scan = scans.comprehensive_scan(severity=threshold)

    assert (scan.success, scan.passed) == (True, passed)
    assert scan.findings == [ASSERT, LEGACY]


def test_an_empty_code_base_passes() -> None:
    scan = SecurityScanner().comprehensive_scan()

    assert (scan.success, scan.passed, scan.missing) == (True, True, [])


@pytest.mark.parametrize("broken", SCOPES["full"])
def test_a_full_scan_without_one_of_its_scanners_has_not_run(broken: Scanner) -> None:
    scans = SecurityScanner()
    scans.break_scanner(broken, "cannot start")

    scan = scans.comprehensive_scan()

    assert (scan.success, scan.passed, scan.missing) == (False, False, [broken])


def test_a_full_scan_without_one_of_its_scanners_shows_what_the_others_found() -> None:
    scans = scanner()
    scans.break_scanner("bandit", "cannot start")
    scans.break_scanner("npm", "registry is down")

    scan = scans.comprehensive_scan()

    assert (scan.findings, scan.vulnerabilities) == ([INJECTION], [JINJA, OPENSSL])


def test_a_broken_scanner_outside_the_scope_does_not_matter() -> None:
    scans = SecurityScanner()
    scans.break_scanner("trivy", "cannot start")

    assert scans.comprehensive_scan("code").passed


def test_a_skipped_file_does_not_pass_a_scan_of_code() -> None:
    scans = SecurityScanner(unreadable={"src/odd.py": "syntax error while parsing AST from file"})

    assert not scans.comprehensive_scan("code").passed
    assert scans.comprehensive_scan("containers").passed


@pytest.mark.parametrize("path", ["src/", "src", "./src"])
def test_bandit_looks_below_a_path_and_not_beside_it(path: str) -> None:
    scan = scanner().bandit_scan(path)

    assert (scan.success, scan.passed, scan.exit_code) == (True, False, 1)
    assert scan.results == [ASSERT, SHELL]
    assert scan.counts == {"low": 1, "medium": 0, "high": 1, "critical": 0}


@pytest.mark.parametrize(
    ("path", "results"),
    [(".", [ASSERT, SHELL, LEGACY]), ("src/jobs", [SHELL]), ("src/app.py", [ASSERT]), ("src/ap", [])],
)
def test_bandit_takes_folders_and_files(path: str, results: list[Finding]) -> None:
    assert scanner().bandit_scan(path).results == results


def test_bandit_exits_with_zero_when_it_finds_nothing() -> None:
    scan = scanner().bandit_scan("docs/")

    assert (scan.passed, scan.exit_code, scan.errors) == (True, 0, [])


def test_bandit_names_a_file_that_it_skipped() -> None:
    scans = SecurityScanner(unreadable={"src/odd.py": "syntax error while parsing AST from file"})

    scan = scans.bandit_scan("src/")

    assert scan.errors == [SkippedFile("src/odd.py", "syntax error while parsing AST from file")]
    assert (scan.success, scan.passed, scan.exit_code) == (True, False, 0)
    assert scans.bandit_scan("docs/").errors == []


def test_bandit_skips_a_path_that_does_not_exist() -> None:
    scans = SecurityScanner(sources=["src"])

    scan = scans.bandit_scan("scr/")

    assert scan.errors == [SkippedFile("scr/", "No such file or directory")]
    assert (scan.passed, scan.exit_code) == (False, 0)


@pytest.mark.parametrize("path", [".", "src", "src/deep/x.py"])
def test_a_path_around_or_below_a_source_exists(path: str) -> None:
    assert SecurityScanner(sources=["src"]).bandit_scan(path).passed


def test_static_analysis_shows_what_semgrep_finds() -> None:
    scan = scanner().static_analysis(config="auto", path=".")

    assert (scan.success, scan.passed, scan.scanner, scan.findings) == (True, False, "semgrep", [INJECTION])


def test_semgrep_refuses_a_path_that_does_not_exist() -> None:
    scans = SecurityScanner(sources=["src"])

    assert refused(scans, lambda: scans.static_analysis("scr")) == "semgrep: Invalid scanning root: scr"


def test_safety_exits_with_64_on_vulnerabilities() -> None:
    vulnerable = scanner().python_safety_check("requirements.txt")
    clean = scanner().python_safety_check("clean.txt")

    assert (vulnerable.vulnerabilities, vulnerable.passed, vulnerable.exit_code) == ([JINJA], False, 64)
    assert (clean.vulnerabilities, clean.passed, clean.exit_code) == ([], True, 0)


def test_pip_audit_exits_with_1_on_vulnerabilities() -> None:
    vulnerable = scanner().pip_audit()
    clean = scanner().pip_audit("clean.txt")

    assert (vulnerable.vulnerabilities, vulnerable.passed, vulnerable.exit_code) == ([JINJA], False, 1)
    assert (clean.vulnerabilities, clean.passed, clean.exit_code) == ([], True, 0)


def test_npm_audit_counts_in_its_metadata() -> None:
    audit = scanner().npm_audit("package.json")

    assert (audit.success, audit.passed, audit.exit_code, audit.vulnerabilities) == (True, False, 1, [LODASH])
    assert audit.metadata == {
        "vulnerabilities": {"low": 0, "medium": 0, "high": 1, "critical": 0, "total": 1}
    }


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (
            SecurityScanner.python_safety_check,
            "safety: Invalid value for '-r' / '--file': 'requirements.txt'",
        ),
        (SecurityScanner.pip_audit, "pip-audit: argument -r/--requirement: can't open 'requirements.txt'"),
        (SecurityScanner.npm_audit, "npm: error code ENOENT: no such file or directory, open 'package.json'"),
    ],
)
def test_an_audit_of_a_manifest_that_does_not_exist_is_refused(
    attempt: Callable[[SecurityScanner], object], words: str
) -> None:
    scans = SecurityScanner()

    assert refused(scans, lambda: attempt(scans)).startswith(words)


def test_an_image_is_scanned() -> None:
    scan = scanner().container_scan(image="app:latest", format="json")

    assert (scan.success, scan.passed, scan.vulnerabilities) == (True, False, [OPENSSL])
    assert scan.counts["critical"] == 1


def test_a_dockerfile_is_scanned() -> None:
    scan = scanner().container_scan(dockerfile="Dockerfile")

    assert (scan.success, scan.passed, scan.vulnerabilities) == (True, True, [])


@pytest.mark.parametrize(
    ("image", "dockerfile", "words"),
    [
        ("app:latest", "Dockerfile", "multiple targets cannot be specified"),
        (None, None, "trivy requires at least 1 argument"),
        ("app:2", None, 'unable to find the specified image "app:2"'),
        ("", None, 'unable to find the specified image ""'),
        (None, "Dockerfile.dev", "stat Dockerfile.dev: no such file or directory"),
    ],
)
def test_a_container_scan_needs_one_target_that_exists(
    image: str | None, dockerfile: str | None, words: str
) -> None:
    scans = scanner()

    said = refused(scans, lambda: scans.container_scan(image, dockerfile))

    assert said.startswith(f"FATAL Fatal error: {words}")


ATTEMPTS: dict[Scanner, Callable[[SecurityScanner], object]] = {
    "comprehensive": lambda scans: scans.comprehensive_scan(),
    "bandit": lambda scans: scans.bandit_scan("src"),
    "semgrep": lambda scans: scans.static_analysis("src"),
    "safety": lambda scans: scans.python_safety_check(),
    "pip-audit": lambda scans: scans.pip_audit(),
    "npm": lambda scans: scans.npm_audit(),
    "trivy": lambda scans: scans.container_scan("app:latest"),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_broken_scanner_refuses_in_its_own_words_until_it_is_repaired(name: Scanner) -> None:
    scans, attempt = scanner(), ATTEMPTS[name]
    before = attempt(scans)
    scans.break_scanner(name, "database is locked")

    assert refused(scans, lambda: attempt(scans)) == f"{name}: database is locked"
    scans.repair_scanner(name)
    assert attempt(scans) == before


def all_reports(scans: SecurityScanner) -> dict[str, Any]:
    return {
        "bandit": report(scans, "bandit_scan", {"path": "src/", "format": "json"}),
        "safety": report(scans, "python_safety_check", {"requirements_path": "requirements.txt"}),
        "trivy": report(scans, "container_scan", {"image": "app:latest", "format": "json"}),
        "semgrep": report(scans, "static_analysis", {"config": "auto", "path": "."}),
        "npm": report(scans, "npm_audit", {"package_json_path": "package.json"}),
        "pip": report(scans, "pip_audit", {}),
    }


def test_reports_of_all_scanners_are_consolidated_and_kept() -> None:
    scans = scanner()

    merged = scans.consolidate_reports(all_reports(scans), "report.json")

    assert (merged.success, merged.passed, merged.output, merged.total) == (True, False, "report.json", 7)
    assert merged.by_severity == {"low": 1, "medium": 2, "high": 2, "critical": 2}
    assert merged.scanners == ["bandit", "npm", "pip", "safety", "semgrep", "trivy"]
    assert (merged.missing, merged.reasons) == ([], {})
    assert scans.reports == {"report.json": merged}


def test_reports_that_found_nothing_pass() -> None:
    scans = SecurityScanner()

    merged = scans.consolidate_reports({"bandit": report(scans, "bandit_scan", {"path": "."})}, "report.json")

    assert (merged.success, merged.passed, merged.total) == (True, True, 0)


CLEAN: dict[str, Any] = {"success": True, "findings": []}


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (None, "no report"),
        ("", "no report"),
        ({}, "the scan did not succeed"),
        ("trivy: database is locked", "trivy: database is locked"),
        ({"error": "timed out"}, "timed out"),
        ({"success": False, "findings": []}, "the scan did not succeed"),
        ({"success": "yes", "findings": []}, "the scan did not succeed"),
        ({"success": True}, "malformed report: no findings, vulnerabilities or results"),
        ({"success": True, "findings": None}, "malformed report: None has no severity"),
        ({"success": True, "findings": [{"severity": "awful"}]}, "malformed report: "),
        ({"success": True, "findings": ["B101"]}, "malformed report: 'B101' has no severity"),
        ({"success": True, "findings": [{"severity": ["low"]}]}, "malformed report: "),
        ([], "no report"),
        (
            {
                "success": True,
                "results": [],
                "errors": [{"filename": "src/odd.py", "reason": "syntax error"}],
            },
            "not everything was scanned: ",
        ),
    ],
)
def test_a_scanner_without_a_readable_report_is_missing_and_never_clean(failed: object, reason: str) -> None:
    scans = SecurityScanner()

    merged = scans.consolidate_reports({"bandit": CLEAN, "trivy": failed}, "report.json")

    assert (merged.success, merged.passed) == (False, False)
    assert (merged.scanners, merged.missing) == (["bandit"], ["trivy"])
    assert merged.reasons["trivy"].startswith(reason)


def test_what_an_incomplete_scan_found_counts_though_the_scan_is_missing() -> None:
    scans = scanner()
    scans.break_scanner("trivy", "database is locked")
    scan = report(scans, "comprehensive_scan", {"scope": "full", "severity": "medium"})

    merged = scans.consolidate_reports({"all": scan}, "report.json")

    assert (merged.missing, merged.total) == (["all"], 6)
    assert "trivy" in merged.reasons["all"]


def test_there_is_nothing_clean_about_no_reports() -> None:
    scans = SecurityScanner()

    assert refused(scans, lambda: scans.consolidate_reports({}, "report.json")).startswith(
        "nothing to consolidate"
    )


def test_a_later_report_of_the_same_name_takes_the_place_of_the_earlier_one() -> None:
    scans = SecurityScanner()
    scans.consolidate_reports({"trivy": None}, "report.json")

    scans.consolidate_reports({"trivy": CLEAN}, "report.json")

    assert scans.reports["report.json"].passed
    assert len(scans.reports) == 1


def test_consolidating_again_changes_nothing() -> None:
    scans = scanner()
    reports = all_reports(scans)
    first = scans.consolidate_reports(reports, "report.json")
    before = copy.deepcopy(scans)

    assert scans.consolidate_reports(reports, "report.json") == first
    assert scans == before


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(SEVERITIES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
REPORT_LIKE = st.dictionaries(
    st.sampled_from(["success", "findings", "results", "vulnerabilities", "errors", "error"]),
    JSON,
    max_size=4,
)


@given(reports=st.dictionaries(st.text(max_size=4), JSON | REPORT_LIKE, min_size=1, max_size=4))
def test_whatever_is_reported_every_scanner_is_either_read_or_missing(reports: dict[str, Any]) -> None:
    merged = SecurityScanner().consolidate_reports(reports, "report.json")

    assert sorted([*merged.scanners, *merged.missing]) == sorted(reports)
    assert merged.total == sum(merged.by_severity.values())
    assert merged.missing == sorted(merged.reasons)
    assert all(merged.reasons.values())
    assert merged.success == (not merged.missing)
    assert merged.passed == (merged.success and merged.total == 0)


def test_scans_change_nothing() -> None:
    scans = scanner()
    before = copy.deepcopy(scans)

    all_reports(scans)
    scans.comprehensive_scan().findings.clear()
    scans.container_scan("app:latest").vulnerabilities.clear()
    scans.npm_audit().vulnerabilities.clear()

    assert scans == before


def test_the_state_survives_json() -> None:
    scans = scanner()
    scans.break_scanner("trivy", "database is locked")
    scans.consolidate_reports({"bandit": CLEAN, "trivy": None}, "report.json")
    adapter = TypeAdapter(SecurityScanner)

    assert adapter.validate_json(adapter.dump_json(scans)) == scans


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("comprehensive_scan", {"scope": "everything", "severity": "medium"}),
        ("comprehensive_scan", {"scope": "full", "severity": "moderate"}),
        ("bandit_scan", {}),
        ("bandit_scan", {"path": "src/", "recursive": True}),
        ("npm_audit", {"package_json_path": 1}),
        ("consolidate_reports", {"reports": [], "output": "report.json"}),
    ],
)
def test_a_client_that_breaks_the_schema_is_refused(name: str, arguments: dict[str, Any]) -> None:
    scans = scanner()

    answer = call(scans, name, arguments)

    assert answer["isError"]
    assert answer["content"][0]["text"].startswith(f"Invalid arguments for {name}: ")
    assert scans.reports == {}
