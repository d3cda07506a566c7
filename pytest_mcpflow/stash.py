"""What the plugin keeps with a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.hub import Hub
    from pytest_mcpflow.report.resilience import Resilience

__all__ = [
    "EXPLORED",
    "EXPLORES",
    "HUB",
    "NEVER_HAPPENED",
    "NEW_HUB",
    "RESILIENCE",
    "VERIFIED",
    "hub_of",
    "resilience_of",
]

HUB = pytest.StashKey["Hub"]()
NEW_HUB = pytest.StashKey[Callable[[], "Hub"]]()
"""Makes another hub like the first one."""
RESILIENCE = pytest.StashKey["Resilience"]()
EXPLORES = pytest.StashKey[Callable[[], None]]()
"""Runs a test that is marked for it, in place of whoever would run it."""
EXPLORED = "mcp_explored"
"""The attribute of a report that has what an exploration showed, as JSON values, which pass between processes."""
NEVER_HAPPENED = "mcp_never_happened"
"""The property of a report that names the faults of its plan which concerned no call."""

VERIFIED = "mcp_verified"
"""The property of a report that says of a cassette whether its server still does what is on it."""


def hub_of(item: pytest.Item) -> Hub | None:
    """The hub of a test, if it uses one."""
    return item.stash.get(HUB, None)


def resilience_of(item: pytest.Item) -> Resilience | None:
    """What exploring a test showed, if it was explored."""
    return item.stash.get(RESILIENCE, None)
