"""What the plugin keeps with a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mcpflow.hub import Hub

__all__ = ["HUB", "hub_of"]

HUB = pytest.StashKey["Hub"]()


def hub_of(item: pytest.Item) -> Hub | None:
    """The hub of a test, if it uses one."""
    return item.stash.get(HUB, None)
