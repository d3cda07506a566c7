"""What the plugin keeps with a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.hub import Hub

__all__ = ["HUB", "NEVER_HAPPENED", "hub_of"]

HUB = pytest.StashKey["Hub"]()
NEVER_HAPPENED = "mcp_never_happened"
"""The property of a report that names the faults of its plan which concerned no call."""


def hub_of(item: pytest.Item) -> Hub | None:
    """The hub of a test, if it uses one."""
    return item.stash.get(HUB, None)
