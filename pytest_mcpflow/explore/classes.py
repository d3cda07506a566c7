"""Kinds of faults that come to the same at a call: afterwards the same calls, in the same world, with the same end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pytest_mcpflow.explore.observe import Seen
from pytest_mcpflow.explore.result import Collapsed
from pytest_mcpflow.faults.kind import FaultKind

__all__ = ["Classes", "Partition"]


@dataclass
class Partition:
    """Which kind stands for which at one call.

    Args:
        stands_for: Each kind with those it stands for, itself first.
        harmless: Kinds after which all went as without a fault.
        is_fresh: Whether it was learned just now, so that no run's weight has it yet.
    """

    stands_for: Mapping[FaultKind, tuple[FaultKind, ...]]
    harmless: frozenset[FaultKind]
    is_fresh: bool = True

    def size(self, kind: FaultKind) -> int:
        """How many kinds this one stands for; none, where another one stands for it."""
        return len(self.stands_for.get(kind, ()))

    def is_harmless(self, kind: FaultKind) -> bool:
        return kind in self.harmless

    def covers(self, kinds: Iterable[FaultKind]) -> bool:
        """Whether it says something of exactly these kinds."""
        return {*kinds} == {kind for alike in self.stands_for.values() for kind in alike}


class Classes:
    """What was learned, by call site and by the arguments and the world of the call."""

    def __init__(self) -> None:
        self.collapsed = Counter[tuple[str, str]]()
        self._learned: dict[tuple[str, int, bytes], Partition] = {}

    def known(self, call: Seen) -> Partition | None:
        """What was learned at such a call."""
        return self._learned.get((call.site, call.number, call.context))

    def learn(self, call: Seen, ends: Mapping[FaultKind, bytes], *, usual: bytes) -> Partition:
        """Put kinds with the same end into one class; `usual` is how it ends without a fault."""
        alike: dict[bytes, list[FaultKind]] = {}
        for kind, end in ends.items():
            alike.setdefault(end, []).append(kind)
        partition = Partition(
            {kinds[0]: tuple(kinds) for kinds in alike.values()},
            frozenset(alike[usual][:1]) if usual in alike else frozenset(),
        )
        kept = Partition(partition.stands_for, partition.harmless, is_fresh=False)
        self._learned[call.site, call.number, call.context] = kept
        return partition

    def told(self) -> tuple[Collapsed, ...]:
        """The classes of more than one kind, and those that make no difference, with the plans not run for them."""
        found: dict[tuple[str, str, tuple[str, ...]], int] = {}
        for (site, number, _), partition in self._learned.items():
            for kind, alike in partition.stands_for.items():
                harmless = partition.is_harmless(kind)
                if len(alike) == 1 and not harmless:
                    continue
                where = f"{site}#{number}"
                like = tuple(str(each) for each in (alike if harmless else alike[1:]))
                plans = self.collapsed.pop((where, str(kind)), 0)
                key = (where, "" if harmless else str(kind), like)
                found[key] = found.get(key, 0) + plans
        return tuple(Collapsed(*key, plans) for key, plans in found.items())
