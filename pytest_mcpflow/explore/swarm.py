"""Faults drawn by chance while a run goes on, many at once: one run looks at more of a workflow than few faults do.

There are two patterns, since neither finds everything. Each draw is a keyed hash, so a run is known by its
number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pytest_mcpflow.explore.familiar import includes
from pytest_mcpflow.explore.kinds import applicable, instead, likely
from pytest_mcpflow.explore.step import Specs
from pytest_mcpflow.explore.subject import Choose
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay, Jitter
from pytest_mcpflow.faults.plan import Fault, chance

__all__ = ["Drawing", "Request", "Swarm"]

PROBABILITIES = (0.3, 0.5, 0.6, 0.7, 0.8)
"""That a call goes wrong, in a scattered drawing. High, since what few faults show is tried in order anyway."""


Request = tuple[str, bytes]
"""`server.tool`, and the arguments as JSON without instants."""


class Call(NamedTuple):
    """The `place`-th call of a run, the `number`-th of its tool, and the `attempt`-th of it with these arguments."""

    place: int
    site: str
    number: int
    asked: bytes
    attempt: int


@dataclass(frozen=True)
class Drawing(ABC):
    """How the faults of one run are drawn.

    Args:
        seed: Of the search.
        number: Of the run.
        kinds: Those that are drawn from.
        declared: All kinds of the search.
        calm: How many calls go well first.
        spared: Faults of known failures, which would hide others if they were drawn again.
    """

    seed: int
    number: int
    kinds: tuple[FaultKind, ...]
    declared: tuple[FaultKind, ...]
    calm: int
    spared: tuple[Fault, ...]

    @property
    def remembers(self) -> bool:
        """Whether one of the kinds needs earlier states of the fakes."""
        return any(kind.remembers for kind in self.kinds)

    def choose(self, specs: Specs) -> Choose:
        """What decides in one run."""
        calls, attempts = 0, Counter[Request]()

        def decide(site: str, number: int, asked: bytes) -> Fault | None:
            nonlocal calls
            calls += 1
            attempts[site, asked] += 1
            if calls <= self.calm:
                return None
            call = Call(calls, site, number, asked, attempts[site, asked])
            kind = self._kind_at(call, specs)
            if kind is None or any(_is_like(kind, site, number, known) for known in self.spared):
                return None
            return Fault(site, kind, number, number)

        return decide

    @abstractmethod
    def _kind_at(self, call: Call, specs: Specs) -> FaultKind | None:
        """What happens to a call."""

    def _kinds_of(self, site: str, specs: Specs) -> list[FaultKind]:
        """Those that can happen to a tool; a read has no effect to lose, so its lost reply is a lost request."""
        possible = [*applicable(self.declared, specs(site))]
        found = dict.fromkeys(kind if kind in possible else instead(kind) for kind in self.kinds)
        return [kind for kind in found if kind in possible]

    def _chance(self, site: str, number: int, salt: str) -> float:
        server, _, tool = site.rpartition(".")
        return chance(self.seed, server, tool, str(self.number), number, salt)


@dataclass(frozen=True)
class Scattered(Drawing):
    """Each call goes wrong with a probability, in one of the kinds."""

    probability: float

    def _kind_at(self, call: Call, specs: Specs) -> FaultKind | None:
        if self._chance(call.site, call.number, "whether") >= self.probability:
            return None
        kinds = self._kinds_of(call.site, specs)
        return kinds[int(self._chance(call.site, call.number, "which") * len(kinds))] if kinds else None


@dataclass(frozen=True)
class Pursuit(Drawing):
    """One call goes wrong, and then all that is called only because of it: retries, fallbacks, compensations.

    Args:
        usual: How often each request is made without faults.
    """

    usual: tuple[tuple[Request, int], ...]

    @cached_property
    def _usual(self) -> Mapping[Request, int]:
        return dict(self.usual)

    def _kind_at(self, call: Call, specs: Specs) -> FaultKind | None:
        if call.place > self.calm + 1 and call.attempt <= self._usual.get((call.site, call.asked), 0):
            return None
        return next(iter(self._kinds_of(call.site, specs)), None)


def _is_like(kind: FaultKind, site: str, number: int, known: Fault) -> bool:
    return kind.effect is known.kind.effect and includes(known, Fault(site, known.kind, number, number))


class Swarm:
    """The drawings of one search.

    Args:
        seed: Of the search.
        kinds: Those declared.
        requests: What the run without faults calls, in order.
        tactics: Which patterns there are besides scattered faults.
    """

    def __init__(
        self,
        seed: int,
        kinds: Sequence[FaultKind],
        requests: Iterable[Request],
        tactics: Tactics | None = None,
    ) -> None:
        self._seed, self._kinds, self._tactics = seed, tuple(kinds), tactics or Tactics()
        self._spared: tuple[Fault, ...] = ()
        usual = Counter(requests)
        self._calls = max(1, usual.total())
        self._usual = tuple(usual.items())
        failing = [kind for kind in kinds if not isinstance(kind, Delay | Jitter)] or [*kinds]
        self._pursuits = self._shuffled(failing)

    def spare(self, fault: Fault) -> None:
        """Draw it no more, nor any other kind with its effect at the same call."""
        self._spared = (*self._spared, fault)

    def drawing(self, number: int) -> Drawing:
        """The drawing of a number."""
        turn, which = divmod(number, 4)
        if which == 1 and self._tactics.pursuits and turn < len(self._pursuits):
            calm, kind = self._pursuits[turn]
            return Pursuit(self._seed, number, (kind,), self._kinds, calm, self._spared, self._usual)
        return self._scattered(number)

    def _scattered(self, number: int) -> Scattered:
        kinds = self._kinds
        if self._one_of("all kinds", number, 2):
            order = self._by_chance("kind", number, range(len(kinds)))
            count = 1 + self._one_of("how many kinds", number, min(4, len(kinds)))
            kinds = tuple(kinds[index] for index in sorted(order[:count]))
        probability = PROBABILITIES[self._one_of("probability", number, len(PROBABILITIES))]
        calm = self._one_of("calm", number, self._calls) if self._one_of("at once", number, 2) else 0
        return Scattered(self._seed, number, kinds, self._kinds, calm, self._spared, probability)

    def _shuffled(self, kinds: Sequence[FaultKind]) -> list[tuple[int, FaultKind]]:
        """Each call with each kind, once, in an order by chance in which likely kinds tend to be early."""
        found = [(calm, kind) for calm in range(self._calls) for kind in kinds]

        def place(index: int) -> float:
            drawn = chance(self._seed, "swarm", "pursuit", "", index)
            weight = 2.0 if found[index][1] is kinds[0] or likely(found[index][1]) < 0.02 else 1.0
            return -math.log(1 - drawn) / weight

        return [found[index] for index in sorted(range(len(found)), key=place)]

    def _by_chance(self, what: str, number: int, indexes: Iterable[int]) -> list[int]:
        return sorted(indexes, key=lambda index: chance(self._seed, "swarm", what, str(index), number))

    def _one_of(self, what: str, number: int, count: int) -> int:
        return int(chance(self._seed, "swarm", what, "", number) * count)
