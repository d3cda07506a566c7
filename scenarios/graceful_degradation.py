"""Two scanners of a server do not run; commands on the desktop say the same in their place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.security_scanner import Finding, SecurityScanner, Vulnerability
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._degradation import BANDIT, NPM, SEMGREP, Review, review
from pytest_mcpflow.scenarios._plain_answers import refusal_of

__all__ = ["GracefulDegradation", "Review"]

COMMANDS = {BANDIT: "bandit -r src/ -f json", NPM: "npm audit --json --prefix web"}
"""By the tool that it stands in for."""
RUN = "desktop-commander.execute_command"


def _scanner() -> SecurityScanner:
    scanner = SecurityScanner(
        findings=[
            Finding("src/db.py", 41, "B608", "medium", "Possible SQL injection through string formatting."),
            Finding("src/web.py", 7, "insecure-cookie", "low", "A cookie without `secure`.", "semgrep"),
        ],
        dependencies={
            "web/package.json": [Vulnerability("CVE-2021-23337", "lodash", "4.17.20", "high", "4.17.21")]
        },
    )
    scanner.break_scanner("bandit", "the scan engine is being updated")
    scanner.break_scanner("npm", "the advisory database is being updated")
    return scanner


def _desktop() -> DesktopCommander:
    issue = {"filename": "src/db.py", "line_number": 41, "test_id": "B608", "issue_severity": "MEDIUM"}
    lodash = {"name": "lodash", "severity": "high", "range": "<4.17.21", "fixAvailable": True}
    return DesktopCommander(
        scripts=[
            Script(COMMANDS[BANDIT], stdout=json.dumps({"errors": [], "results": [issue]}), exit_code=1),
            Script(COMMANDS[NPM], stdout=json.dumps({"vulnerabilities": {"lodash": lodash}}), exit_code=1),
        ]
    )


@dataclass
class GracefulDegradation(CrossServer):
    """Review `src/` and `web/package.json` for weaknesses, although parts of the security scanner do not run.

    `bandit -r src/ -f json` and `npm audit --json --prefix web` on the desktop stand in for its tools `bandit_scan` and
    `npm_audit`; nothing stands in for `static_analysis`.
    """

    tags = ("resilience",)

    scanner: SecurityScanner = field(default_factory=_scanner)
    desktop: DesktopCommander = field(default_factory=_desktop)

    async def workflow(self, hub: Hub) -> Review:
        with context_of(hub, self.name) as context_id:
            return await review(Desk(hub, context_id=context_id))

    def expect(self, run: Run) -> None:
        assert list(dict.fromkeys(ran.command for ran in self.desktop.history)) == list(COMMANDS.values())
        for tool in COMMANDS:
            assert {each.ok for each in run.calls(tool)} == {False}
        assert run.calls(BANDIT)[0].arguments == {"path": "src/", "format": "json"}
        assert run.calls(NPM)[0].arguments == {"package_json_path": "web/package.json"}
        assert [(sent.message, sent.channels, sent.priority) for sent in self.people.notifications] == [
            (f"Fallback used for {tool}: security-scanner -> desktop-commander", ["dashboard"], "normal")
            for tool in COMMANDS
        ]
        assert self.people.alerts == []
        assert run.result == Review(
            success=True,
            findings={
                BANDIT: ("B608 in src/db.py:41 (medium)",),
                NPM: ("lodash (high)",),
                SEMGREP: ("insecure-cookie in src/web.py:7 (low)",),
            },
            sources={BANDIT: "desktop-commander", NPM: "desktop-commander", SEMGREP: "security-scanner"},
        )

    @invariant
    def what_fails_altogether_is_alerted_with_both_errors(self, run: Run) -> None:
        """Where a tool and what stands in for it failed, an alert has both servers' errors, if alerts get through."""
        for tool, (first, last) in _lost(run).items():
            told = [each for each in self.people.alerts if each.severity == "high" and tool in each.message]
            servers = {"primary_server": "security-scanner", "fallback_server": "desktop-commander"}
            whole = [each.metadata for each in told if servers.items() <= each.metadata.items()]
            heard = any(first in each["primary_error"] and last in each["fallback_error"] for each in whole)
            assert heard or not all(each.ok for each in run.calls("send_alert"))

    @invariant
    def the_last_error_is_raised(self, run: Run) -> None:
        """Where a tool failed, and what stands in for it if anything does, the workflow ends with the last error."""
        for _, last in _lost(run).values():
            assert last in str(run.error)
        if (alone := run.calls(SEMGREP)) and not alone[-1].ok:
            assert _error(alone[-1]) in str(run.error)

    @invariant
    def a_fallback_is_noticed(self, run: Run) -> None:
        """Whoever answered in place of a tool is named in a notice, if notices get through."""
        for tool in COMMANDS:
            if any(_succeeded(each) for each in _fallbacks(run, tool)):
                told = any(tool in sent.message for sent in self.people.notifications)
                assert told or not all(each.ok for each in run.calls("send_notification"))

    @invariant
    def nothing_stands_in_without_need(self, run: Run) -> None:
        """A command runs only after the tool it stands in for has failed."""
        failed_at: dict[str, float] = {}
        for call in run.transcript:
            failed_at[call.site] = math.inf if call.ok or call.until is None else call.until
            for tool, command in COMMANDS.items():
                if call.arguments.get("command") == command:
                    assert failed_at.get(tool, math.inf) <= call.at


def _fallbacks(run: Run, tool: str) -> list[Interaction]:
    return [each for each in run.calls(RUN) if each.arguments["command"] == COMMANDS[tool]]


def _succeeded(call: Interaction) -> bool:
    answer = said(call)
    is_whole = {"success", "exit_code", "stdout", "stderr"} <= answer.keys()
    return is_whole and answer["exit_code"] in (0, 1) and str(answer["stdout"]).startswith("{")


def _lost(run: Run) -> dict[str, tuple[str, str]]:
    """The tools that failed together with what stands in for them, and the last error of each."""
    lost: dict[str, tuple[str, str]] = {}
    for tool in COMMANDS:
        calls, instead = run.calls(tool), _fallbacks(run, tool)
        if calls and instead and not calls[-1].ok and not any(map(_succeeded, instead)):
            lost[tool] = (_error(calls[-1]), _error(instead[-1]))
    return lost


def _error(call: Interaction) -> str:
    """The words of a failure, which every error message about it has; none where the answer was malformed."""
    if (refusal := refusal_of(call)) is not None:
        return refusal
    return str(said(call).get("stderr", getattr(call.outcome, "message", "")))
