"""Taking secrets out of what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mcpflow.cassette.redaction.redactor import Redactor

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.redaction.rules import (
        Rule,
        default_rules,
        personal_data,
        rules_from_ini,
    )

__all__ = ["Redactor", "Rule", "default_rules", "personal_data", "rules_from_ini"]


def __getattr__(name: str) -> object:
    """Import what has to do with rules when it is asked for: a recorder needs none of it until it meets a secret."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_mcpflow.cassette.redaction import rules

    return getattr(rules, name)
