"""Exploring: which faults a workflow hides, as the smallest plans that make it fail.

from pytest_mcpflow.explore import explore

exploration = explore(None, IncidentResponse, depth=2)
assert exploration.proven, str(exploration)
"""

from pytest_mcpflow.explore.engine import explore, explore_subject
from pytest_mcpflow.explore.kinds import DEFAULT_KINDS
from pytest_mcpflow.explore.result import Accounting, Cell, Collapsed, Exploration, Finding
from pytest_mcpflow.explore.rules import (
    AtMostOneEffect,
    BoundedRetries,
    Compensated,
    FailuresAlerted,
    NoCallAfter,
    NoSecrets,
    OnceHealed,
    OnlyTools,
    Released,
    Rule,
    UnlessFaulted,
)
from pytest_mcpflow.explore.subject import Check, Subject, World
from pytest_mcpflow.explore.tactics import Tactics

__all__ = [
    "DEFAULT_KINDS",
    "Accounting",
    "AtMostOneEffect",
    "BoundedRetries",
    "Cell",
    "Check",
    "Collapsed",
    "Compensated",
    "Exploration",
    "FailuresAlerted",
    "Finding",
    "NoCallAfter",
    "NoSecrets",
    "OnceHealed",
    "OnlyTools",
    "Released",
    "Rule",
    "Subject",
    "Tactics",
    "UnlessFaulted",
    "World",
    "explore",
    "explore_subject",
]
