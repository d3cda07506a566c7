"""Hooks by which a plugin or a conftest adds to pytest-mcpflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.redaction import Rule
    from pytest_mcpflow.faults.kind import FaultKind
    from pytest_mcpflow.scenario import Scenario

__all__ = ["pytest_mcpflow_faults", "pytest_mcpflow_redaction_rules", "pytest_mcpflow_scenarios"]


@pytest.hookspec
def pytest_mcpflow_faults() -> Iterable[type[FaultKind]]:
    """Return kinds of faults for plans to name, besides those that ship."""
    return ()


@pytest.hookspec
def pytest_mcpflow_redaction_rules() -> Iterable[Rule]:
    """Return what is to be taken out of recordings besides secrets, and out of requests that are compared with them."""
    return ()


@pytest.hookspec
def pytest_mcpflow_scenarios() -> Iterable[type[Scenario]]:
    """Return scenarios for `--mcp-scenario` to select from, besides those that ship and those of `mcp_scenarios`."""
    return ()
