"""When a failure is one that is known already, though another plan led to it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.explore.shrink import Failure
from pytest_mcpflow.faults.plan import Fault, covers
from pytest_mcpflow.performance import Verdict

__all__ = ["Familiar", "includes", "is_part"]


@dataclass(frozen=True)
class Familiar:
    """A failure that was found.

    Args:
        faults: The smallest plan that leads to it; empty where the order of tasks alone does.
        verdict, checks: What became of the run.
    """

    faults: tuple[Fault, ...]
    verdict: Verdict
    checks: tuple[str, ...]

    def explains(self, failure: Failure, faults: tuple[Fault, ...]) -> bool:
        """Whether another failure is this one: what is known to break the same check is part of its plan.

        Of plans of several faults it is enough if they concern the same tools, since each failure of two concurrent
        calls would come in many variants.
        """
        if not self.faults or not failure.is_same(self.verdict, self.checks):
            return False
        if len(self.faults) > 1 and all(
            any(covers(fault.site, known.site) for fault in faults) for known in self.faults
        ):
            return True
        return is_part(self.faults, faults)


def is_part(known: tuple[Fault, ...], faults: tuple[Fault, ...]) -> bool:
    """Whether all that goes wrong by one plan goes wrong by another one, too."""
    return all(any(includes(fault, each) for fault in faults) for each in known)


def includes(fault: Fault, smaller: Fault) -> bool:
    """Whether all that goes wrong by one fault goes wrong by another one, too."""
    return (
        covers(fault.site, smaller.site)
        and fault.kind == smaller.kind
        and fault.first <= smaller.first
        and (fault.last is None or (smaller.last is not None and fault.last >= smaller.last))
    )
