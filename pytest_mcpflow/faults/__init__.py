"""Faults: what goes wrong with which calls, as a value and as a line of text."""

from pytest_mcpflow.faults.call import FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind, Level
from pytest_mcpflow.faults.plan import Fault, FaultPlan

__all__ = ["Effect", "Fault", "FaultKind", "FaultPlan", "FaultedCall", "Level"]
