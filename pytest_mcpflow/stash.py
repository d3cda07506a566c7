"""What the plugin keeps with a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.hub import Hub

__all__ = ["HUB", "NEVER_HAPPENED", "VERIFIED", "hub_of"]

HUB = pytest.StashKey["Hub"]()
NEVER_HAPPENED = "mcp_never_happened"
"""The property of a report that names the faults of its plan which concerned no call."""

VERIFIED = "mcp_verified"
"""The property of a report that says of a cassette whether its server still does what is on it."""


def hub_of(item: pytest.Item) -> Hub | None:
    """The hub of a test, if it uses one."""
    return item.stash.get(HUB, None)
