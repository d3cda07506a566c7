"""What reference workflows say when a library of theirs is not installed."""

from __future__ import annotations

import sys

import pytest

from pytest_mcpflow import Scenario, Way
from pytest_mcpflow.scenarios.context_cache import ContextCache
from pytest_mcpflow.scenarios.mcp_error_handling import McpErrorHandling
from pytest_mcpflow.scenarios.retry_backoff import RetryBackoff
from pytest_mcpflow.verdict import Verdict, judge


@pytest.mark.parametrize(
    ("scenario", "library"),
    [(ContextCache, "cachetools"), (McpErrorHandling, "tenacity"), (RetryBackoff, "tenacity")],
)
def test_a_workflow_without_its_library_says_how_to_install_it(
    scenario: type[Scenario], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    judgement = judge(scenario(), way=Way.DIRECT)

    assert judgement.verdict is not Verdict.PASSED
    assert isinstance(judgement.cause, ModuleNotFoundError)
    assert f"needs {library}" in str(judgement.cause)
    assert "pip install 'pytest-mcpflow[scenarios]'" in str(judgement.cause)
