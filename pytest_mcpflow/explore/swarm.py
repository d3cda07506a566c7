"""Faults drawn by chance while a run goes on. Each run has its own probability, kinds and warm-up, which finds failures
that lie far apart in the systematic order; every draw is a keyed hash, so a run is known by its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mcpflow.explore.frontier import Specs
from pytest_mcpflow.explore.kinds import applicable
from pytest_mcpflow.explore.subject import Choose
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay, Jitter
from pytest_mcpflow.faults.plan import Fault, chance

__all__ = ["Drawing", "drawing"]

PROBABILITIES = (0.02, 0.05, 0.1, 0.2, 0.2, 0.5)
WARM_UPS = (0, 0, 0, 5, 15, 30)
"""Calls that go well before the first fault."""


@dataclass(frozen=True)
class Drawing:
    """How the faults of one run are drawn.

    Args:
        seed: Of the search.
        number: Of the run.
        declared: The kinds of the search.
        kinds: Those that are drawn from.
        probability: That a call goes wrong.
        warm_up: How many calls go well first.
        most: How many faults there are at most.
    """

    seed: int
    number: int
    declared: tuple[FaultKind, ...]
    kinds: tuple[FaultKind, ...]
    probability: float
    warm_up: int
    most: int

    def choose(self, specs: Specs) -> Choose:
        """What decides in one run."""
        calls = faults = 0

        def decide(site: str, number: int) -> Fault | None:
            nonlocal calls, faults
            calls += 1
            if calls <= self.warm_up or faults >= self.most:
                return None
            if self._chance(site, number, "whether") >= self.probability:
                return None
            kinds = [kind for kind in applicable(self.declared, specs(site)) if kind in self.kinds]
            if not kinds:
                return None
            faults += 1
            kind = kinds[int(self._chance(site, number, "which") * len(kinds))]
            return Fault(site, kind, number, number)

        return decide

    def _chance(self, site: str, number: int, salt: str) -> float:
        server, _, tool = site.rpartition(".")
        return chance(self.seed, server, tool, str(self.number), number, salt)


def drawing(seed: int, number: int, kinds: Sequence[FaultKind], *, depth: int, calls: int) -> Drawing:
    """The drawing of a number.

    Args:
        seed: Of the search.
        number: Of the run.
        kinds: Those declared.
        depth: The most faults at once.
        calls: How many calls the run without faults makes; a warm-up leaves some of them.
    """

    def one_of(what: str, choices: Sequence[float]) -> float:
        return choices[int(chance(seed, "swarm", what, "", number) * len(choices))]

    failing = [kind for kind in kinds if not isinstance(kind, Delay | Jitter)] or [*kinds]
    count = int(one_of("how many kinds", range(1, min(4, len(failing)) + 1)))
    order = sorted(range(len(failing)), key=lambda index: chance(seed, "swarm", "kind", str(index), number))
    chosen = tuple(failing[index] for index in sorted(order[:count]))
    warm_ups = [each for each in WARM_UPS if each < max(1, calls)]
    probability = max(
        one_of("probability", PROBABILITIES), 1 / (calls + 1)
    )  # else most runs would have no fault
    return Drawing(seed, number, tuple(kinds), chosen, probability, int(one_of("warm-up", warm_ups)), depth)
