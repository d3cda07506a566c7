"""Making a plan smaller while it breaks the same check, and saying what of it matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Protocol

from pytest_mcpflow.explore.fewer import fewer
from pytest_mcpflow.explore.kinds import ROUND, applicable
from pytest_mcpflow.explore.observe import Observation
from pytest_mcpflow.explore.step import Specs
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay
from pytest_mcpflow.faults.plan import EVERYTHING, Fault, together
from pytest_mcpflow.performance import Verdict
from pytest_mcpflow.transcript import alternatives

__all__ = ["Failure", "Shrinker"]

Faults = tuple[Fault, ...]
RANGE_TRIED = 3
"""How far a lasting fault is cut down to its first calls before it is left as it is."""
OTHERS_TRIED = 6
"""How many other kinds are tried for the explanation of one fault."""


class Ended(Protocol):
    """A run that is over."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def checks(self) -> tuple[str, ...]: ...


class Failure:
    """What must stay broken: the verdict, and the check that told it."""

    def __init__(self, seen: Ended) -> None:
        self.verdict = seen.verdict
        told = [check for check in seen.checks if check not in ("workflow", "leaked")]
        self.check = next((check for check in told if check != "expect"), told[0] if told else None)

    def is_same(self, verdict: Verdict, checks: Sequence[str]) -> bool:
        return verdict is self.verdict and (self.check is None or self.check in checks)


class Shrinker:
    """Shrinks plans by running smaller ones.

    Args:
        run: Runs a plan.
        kinds: Those declared, the simplest first.
        specs: What tools promise.
    """

    def __init__(
        self, run: Callable[[Faults], Observation], kinds: Sequence[FaultKind], specs: Specs
    ) -> None:
        self.runs = 0
        self._run, self._kinds, self._specs = run, tuple(kinds), specs
        self._known: dict[Faults, tuple[Verdict, tuple[str, ...]]] = {}

    def note(self, faults: Faults, seen: Observation) -> None:
        """A plan was run anyway."""
        self._known[faults] = (seen.verdict, seen.checks)

    def smallest(self, faults: Faults, seen: Observation) -> Faults:
        """A plan of which nothing can be taken away, simplified or lowered without losing the failure."""
        failure = Failure(seen)
        servers = tuple(dict.fromkeys(call.site.rpartition(".")[0] for call in seen.calls))
        best, before = fewer(faults, seen, lambda each: self._fails(each, failure)), None
        while best != before:
            before = best
            # What was just made smaller is made smaller still before the rest is looked at once more.
            best = self._least(_fewer_by_one, best, failure)
            for index in range(len(best)):
                best = self._least(partial(self._changed, servers, index), best, failure)
        return best

    def _least(
        self, smaller: Callable[[Faults], Iterator[Faults]], faults: Faults, failure: Failure
    ) -> Faults:
        """A plan that none of its smaller ones can stand for."""
        while (
            found := next((each for each in smaller(faults) if self._fails(each, failure)), None)
        ) is not None:
            faults = found
        return faults

    def explain(self, faults: Faults, seen: Observation) -> tuple[str, ...]:
        """Which faults matter, and which kind does not, one sentence each."""
        failure = Failure(seen)
        told: list[str] = []
        if len(faults) > 1:
            ends = "; ".join(
                f"without {fault} it is {self._verdict(_without(faults, index))}"
                for index, fault in enumerate(faults)
            )
            told.append(f"each of the {len(faults)} faults is needed: {ends}")
        for index, fault in enumerate(faults):
            told += self._explained(faults, index, fault, failure)
        return tuple(told)

    def _explained(self, faults: Faults, index: int, fault: Fault, failure: Failure) -> Iterator[str]:
        others = [kind for kind in applicable(self._kinds, self._specs(fault.site)) if kind != fault.kind]
        others = [kind for kind in others if type(kind) is not type(fault.kind)][:OTHERS_TRIED]
        same, different = list[FaultKind](), list[FaultKind]()
        for kind in others:
            fails = self._fails(_with(faults, index, replace(fault, kind=kind)), failure)
            (same if fails else different).append(kind)
        where = f"{fault.site}{_extent(fault)}"
        if same and not different:
            yield f"{where}: whatever the kind, also {_listed(same)}"
        elif same:
            yield f"{where}: also with {_listed(same)}; not with {_listed(different)}"
        elif different:
            yield f"{where}: only with {fault.kind}; not with {_listed(different)}"

    def _changed(self, servers: Sequence[str], index: int, faults: Faults) -> Iterator[Faults]:
        """The same with one fault at fewer servers or calls, of a simpler kind, earlier, or rounder."""
        fault = faults[index]
        changed = [
            *_at_fewer_servers(fault, servers),
            *self._narrower(fault),
            *self._simpler(fault),
            *_earlier(fault),
            *_rounder(fault),
        ]
        yield from (_with(faults, index, each) for each in changed)

    def _simpler(self, fault: Fault) -> Iterator[Fault]:
        kinds = [*applicable(self._kinds, self._specs(fault.site))]
        # One that is declared with other values counts as the first of its like, or shrinking went round for ever.
        places = (index for index, kind in enumerate(kinds) if type(kind) is type(fault.kind))
        place = kinds.index(fault.kind) if fault.kind in kinds else next(places, len(kinds))
        yield from (replace(fault, kind=kind) for kind in kinds[:place] if type(kind) is not type(fault.kind))

    @staticmethod
    def _narrower(fault: Fault) -> Iterator[Fault]:
        if fault.site.endswith("*"):
            return
        if fault.last is None:
            yield from (replace(fault, last=fault.first + more) for more in range(RANGE_TRIED))
        elif fault.last > fault.first:
            yield replace(fault, last=fault.first)
            yield replace(fault, first=fault.last)
            yield replace(fault, last=fault.last - 1)
            yield replace(fault, first=fault.first + 1)
            if fault.last - fault.first >= RANGE_TRIED:
                yield replace(fault, last=None)  # easier to read, and as easy to repeat

    def _fails(self, faults: Faults, failure: Failure) -> bool:
        return failure.is_same(*self._end(faults))

    def _verdict(self, faults: Faults) -> Verdict:
        return self._end(faults)[0]

    def _end(self, faults: Faults) -> tuple[Verdict, tuple[str, ...]]:
        if faults not in self._known:
            self.runs += 1
            self.note(faults, self._run(faults))
        return self._known[faults]


def _fewer_by_one(faults: Faults) -> Iterator[Faults]:
    if len(faults) > 1:
        yield from (_without(faults, index) for index in range(len(faults)))
        yield from _renumbered(faults)
        yield from _merged(faults)


def _without(faults: Faults, index: int) -> Faults:
    return (*faults[:index], *faults[index + 1 :])


def _renumbered(faults: Faults) -> Iterator[Faults]:
    """One fault less, and later calls of its tool counted without the repetition that it had led to."""
    for index, dropped in enumerate(faults):
        rest = tuple(
            replace(each, first=each.first - 1, last=None if each.last is None else each.last - 1)
            if each.site == dropped.site and each.first > dropped.first
            else each
            for each in _without(faults, index)
        )
        if rest != _without(faults, index):
            yield rest


def _merged(faults: Faults) -> Iterator[Faults]:
    """Faults of successive calls of one tool as one fault of several calls."""
    for index, one in enumerate(faults):
        for other in faults[index + 1 :]:
            if (one.site, one.kind) == (other.site, other.kind) and None not in (one.last, other.last):
                first, last = min(one.first, other.first), max(one.last or 0, other.last or 0)
                rest = tuple(each for each in faults if each not in (one, other))
                yield (*rest[:index], replace(one, first=first, last=last), *rest[index:])


def _with(faults: Faults, index: int, fault: Fault) -> Faults:
    return (*faults[:index], fault, *faults[index + 1 :])


def _at_fewer_servers(fault: Fault, called: Sequence[str]) -> Iterator[Fault]:
    """The same at one of several servers, or at all of them but one."""
    servers = called if fault.site == EVERYTHING else [each[:-2] for each in alternatives(fault.site)]
    if len(servers) > 1 and (fault.site in (EVERYTHING, together(servers))):
        fewer_servers = [*combinations(servers, 1), *combinations(servers, len(servers) - 1)]
        yield from (replace(fault, site=together(each)) for each in dict.fromkeys(fewer_servers))


def _earlier(fault: Fault) -> Iterator[Fault]:
    """The same at an earlier call: the first one, one half way, the one before."""
    if fault.first > 1:
        width = None if fault.last is None else fault.last - fault.first
        for first in sorted({1, (fault.first + 1) // 2, fault.first - 1}):
            yield replace(fault, first=first, last=None if width is None else first + width)


def _rounder(fault: Fault) -> Iterator[Fault]:
    kind = fault.kind
    if isinstance(kind, Delay):
        yield from (
            replace(fault, kind=replace(kind, seconds=float(each))) for each in ROUND if each < kind.seconds
        )


def _extent(fault: Fault) -> str:
    return str(replace(fault)).partition("=")[0].removeprefix(fault.site)


def _listed(kinds: Sequence[FaultKind]) -> str:
    return ", ".join(map(str, kinds))
