"""Kinds of faults that come to the same at a call: afterwards the same calls, in the same world, with the same end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_mcpflow.explore.endings import Ending
from pytest_mcpflow.explore.observe import Context, Seen
from pytest_mcpflow.explore.result import Collapsed
from pytest_mcpflow.faults.kind import FaultKind

__all__ = ["Classes", "Partition"]


@dataclass(frozen=True)
class Partition:
    """Which kind stands for which at one call.

    Args:
        stands_for: Each kind with those it stands for, itself first.
        harmless: Those after which all went as without a fault; one at most.
        learned: Those that are tried only because of what came of others.
    """

    stands_for: Mapping[FaultKind, tuple[FaultKind, ...]]
    harmless: frozenset[FaultKind]
    learned: tuple[FaultKind, ...] = ()

    def of(self, kind: FaultKind) -> tuple[FaultKind, ...]:
        """The class of a kind, the one that stands for all others first; empty where nothing is known of it."""
        return self._class_of.get(kind, ())

    @cached_property
    def _class_of(self) -> Mapping[FaultKind, tuple[FaultKind, ...]]:
        return {kind: alike for alike in self.stands_for.values() for kind in alike}

    def is_harmless(self, kind: FaultKind) -> bool:
        """Whether nothing came of the kind that stands for others."""
        return kind in self.harmless

    def covers(self, kinds: Iterable[FaultKind]) -> bool:
        """Whether it says something of exactly these kinds, and what was learned of them."""
        return {*kinds} == self._class_of.keys() - self.learned


_Where = tuple[str, int, Context | None]


class Classes:
    """What was learned, by call site and by the arguments and the world of the call."""

    def __init__(self) -> None:
        self._plans = Counter[tuple[_Where, FaultKind]]()
        self._learned: dict[_Where, Partition] = {}
        self._places: dict[_Where, str] = {}
        self._latest: dict[tuple[str, bool], Partition] = {}
        self._latest_anywhere: dict[frozenset[FaultKind], Partition] = {}

    def known(self, site: str, call: Seen | None, kinds: Iterable[FaultKind]) -> Partition | None:
        """What was learned of these kinds at such a call; at no call, of a tool that never works."""
        found = self._learned.get((site, *_context(call)))
        return found if found is not None and found.covers(kinds) else None

    def learn(
        self,
        site: str,
        number: int,
        call: Seen | None,
        ends: Mapping[FaultKind, Ending],
        *,
        usual: Ending,
        learned: Sequence[FaultKind] = (),
    ) -> None:
        """Put kinds with the same end into one class; `usual` is how it ends without a fault."""
        alike: dict[Ending, list[FaultKind]] = {}
        for kind, end in ends.items():
            alike.setdefault(end, []).append(kind)
        partition = Partition(
            {kinds[0]: tuple(kinds) for kinds in alike.values()},
            frozenset(alike[usual][:1]) if usual in alike else frozenset(),
            tuple(learned),
        )
        self._learned[site, *_context(call)] = partition
        self._places.setdefault((site, *_context(call)), f"{site}#{number if call is not None else '*'}")
        self._latest[site, call is None] = partition
        self._latest_anywhere[frozenset(ends).difference(learned)] = partition

    def know(self, site: str, *, lasting: bool) -> bool:
        """Whether anything was learned at this tool, so that a guess need not come from others."""
        return (site, lasting) in self._latest

    def promising(self, site: str, kinds: Sequence[FaultKind], *, lasting: bool) -> frozenset[FaultKind]:
        """The simplest of each class at the last call of this tool, or of one to which the same can happen.

        A guess only: what it leaves out is tried later.
        """
        found = self._latest.get((site, lasting)) or self._latest_anywhere.get(frozenset(kinds))
        if found is None or not found.covers(kinds):
            return frozenset(kinds)
        order = {kind: index for index, kind in enumerate(kinds)}
        return frozenset(
            min((each for each in alike if each in order), key=order.__getitem__, default=kind)
            for kind, alike in found.stands_for.items()
            if not found.is_harmless(kind)
        )

    def note(self, site: str, call: Seen | None, kind: FaultKind, plans: int) -> None:
        """So many plans were not run because this kind made no difference there."""
        self._plans[(site, *_context(call)), kind] += plans

    def told(self) -> tuple[Collapsed, ...]:
        """The classes of more than one kind, and those that make no difference, with the plans not run for them."""
        found: dict[tuple[str, str, tuple[str, ...]], int] = {}
        for where, partition in self._learned.items():
            for kind, alike in partition.stands_for.items():
                harmless = partition.is_harmless(kind)
                if len(alike) == 1 and not harmless:
                    continue
                like = tuple(str(each) for each in (alike if harmless else alike[1:]))
                key = (self._places[where], "" if harmless else str(kind), like)
                found[key] = found.get(key, 0) + sum(self._plans[where, each] for each in alike)
        return tuple(Collapsed(*key, plans) for key, plans in found.items())


def _context(call: Seen | None) -> tuple[int, Context | None]:
    """What must be alike for the same classes to hold: which attempt it is, its arguments, and the world."""
    return (0, None) if call is None else (call.attempt, call.context)
