from __future__ import annotations

from collections.abc import Iterable

from pytest_mcpflow.cassette.redaction import Rule


def pytest_mcpflow_redaction_rules() -> Iterable[Rule]:
    return [Rule("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b")]
