"""Another server in place of one that fails, and the review of `graceful-degradation` that is built on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow.scenarios._careful import Desk

__all__ = ["BANDIT", "FALLBACKS", "NPM", "SEMGREP", "Degradation", "Fallback", "Review", "review"]

SCANNER = "security-scanner"
BANDIT, NPM, SEMGREP = f"{SCANNER}.bandit_scan", f"{SCANNER}.npm_audit", f"{SCANNER}.static_analysis"
Findings = tuple[str, ...]


@dataclass(frozen=True)
class Fallback:
    """What stands in for a tool: another one, the arguments it takes instead, and how to read what it says."""

    tool: str
    arguments: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    read: Callable[[Mapping[str, Any]], Findings]

    @property
    def server(self) -> str:
        return self.tool.partition(".")[0]


@dataclass
class Degradation:
    """Calls a tool, or what stands in for it.

    `sources` has the server that answered, by tool.
    """

    desk: Desk
    fallbacks: Mapping[str, Fallback]
    sources: dict[str, str] = field(default_factory=dict[str, str])

    async def call(
        self, tool: str, arguments: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Findings]
    ) -> Findings:
        """What a tool found.

        Raises:
            Exception: Nothing answered; it is the error of the last one that was asked, and people were alerted.
        """
        server, fallback = tool.partition(".")[0], self.fallbacks.get(tool)
        try:
            found = read(await self.desk.repeat(tool, arguments))
        except Exception as error:
            if fallback is None:
                await self._alert(f"{tool} failed, and nothing stands in for it", server, None, error)
                raise
            found = await self._fall_back(tool, fallback, arguments, error)
        else:
            self.sources[tool] = server
        return found

    async def _fall_back(
        self, tool: str, fallback: Fallback, arguments: Mapping[str, Any], because: Exception
    ) -> Findings:
        server = tool.partition(".")[0]
        try:
            found = fallback.read(await self.desk.repeat(fallback.tool, fallback.arguments(arguments)))
        except Exception as error:
            await self._alert(
                f"{tool} and what stands in for it failed", server, fallback.server, because, error
            )
            raise
        self.sources[tool] = fallback.server
        await self.desk.notify(f"Fallback used for {tool}: {server} -> {fallback.server}", "dashboard")
        return found

    async def _alert(self, message: str, server: str, other: str | None, *errors: Exception) -> None:
        names = ("primary_error", "fallback_error")
        metadata = {"primary_server": server, "fallback_server": other}
        told = {name: str(error) for name, error in zip(names, errors, strict=False)}
        await self.desk.alert(message, {**metadata, **told}, severity="high")


def _of_scanner(answer: Mapping[str, Any]) -> Findings:
    found = answer.get("findings", []) + answer.get("results", [])
    return (
        *(f"{each['rule']} in {each['file']}:{each['line']} ({each['severity']})" for each in found),
        *(f"{each['package']} ({each['severity']})" for each in answer.get("vulnerabilities", [])),
    )


def _said(answer: Mapping[str, Any]) -> Any:
    """What a command said; 1 only means that it found something."""
    if answer["exit_code"] not in (0, 1):
        raise RuntimeError(f"exit code {answer['exit_code']}: {answer['stderr']}")
    return json.loads(answer["stdout"])


def _of_bandit(answer: Mapping[str, Any]) -> Findings:
    said = _said(answer)
    if said["errors"]:
        raise RuntimeError(f"bandit could not read everything: {said['errors']}")
    return tuple(
        f"{each['test_id']} in {each['filename']}:{each['line_number']} ({each['issue_severity'].lower()})"
        for each in said["results"]
    )


def _of_npm(answer: Mapping[str, Any]) -> Findings:
    vulnerable: Mapping[str, Mapping[str, Any]] = _said(answer)["vulnerabilities"]
    return tuple(f"{name} ({each['severity']})" for name, each in vulnerable.items())


FALLBACKS: Mapping[str, Fallback] = {
    BANDIT: Fallback(
        "desktop-commander.execute_command",
        lambda asked: {"command": f"bandit -r {asked['path']} -f {asked['format']}"},
        _of_bandit,
    ),
    NPM: Fallback(
        "desktop-commander.execute_command",
        lambda asked: {
            "command": f"npm audit --json --prefix {asked['package_json_path'].rpartition('/')[0] or '.'}"
        },
        _of_npm,
    ),
}
"""By tool; nothing stands in for semgrep."""


@dataclass(frozen=True)
class Review:
    """What was found, and which server said so, by tool."""

    success: bool
    findings: Mapping[str, Findings]
    sources: Mapping[str, str]
    untold: tuple[str, ...] = ()


async def review(desk: Desk) -> Review:
    """Look at the code and its dependencies with whatever works."""
    scans = Degradation(desk, FALLBACKS)
    findings = {
        tool: await scans.call(tool, arguments, _of_scanner)
        for tool, arguments in (
            (BANDIT, {"path": "src/", "format": "json"}),
            (NPM, {"package_json_path": "web/package.json"}),
            (SEMGREP, {"path": ".", "config": "auto"}),
        )
    }
    untold = tuple(desk.untold)
    if untold:
        await desk.alert(f"Nobody was told: {'; '.join(untold)}", severity="medium")
    return Review(not untold, findings, scans.sources, untold)
