"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change.

The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.lint_findings import CHECKS, Finding
from pytest_mcpflow.cassette.redaction.placeholder import digest

__all__ = ["sarif_of"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_of(findings: Sequence[Finding], *, base: Path) -> dict[str, Any]:
    """A SARIF log with one run; files below `base` are named relative to it."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mcpflow lint",
                        "version": importlib.metadata.version("pytest-mcpflow"),
                        "rules": [
                            {
                                "id": check.id,
                                "name": "".join(word.title() for word in check.name.split("-")),
                                "shortDescription": {"text": check.says},
                                "help": {"text": check.advice},
                                "defaultConfiguration": {"level": check.level},
                            }
                            for check in CHECKS
                        ],
                    }
                },
                "results": [_result(each, base) for each in findings],
            }
        ],
    }


def _result(finding: Finding, base: Path) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _address(finding.path, base)},
            "region": {"startLine": finding.line},
        }
    }
    if finding.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.pointer}]
    return {
        "ruleId": finding.check.id,
        "ruleIndex": CHECKS.index(finding.check),
        "level": finding.check.level,
        "message": {"text": f"{finding.message}. {finding.check.advice}"},
        "locations": [location],
        "partialFingerprints": {
            "pointerAndMessage/v1": digest(f"{finding.check.id}{finding.pointer}{finding.message}", length=16)
        },
    }


def _address(path: Path, base: Path) -> str:
    whole = path.resolve()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else whole.as_uri()
