"""Plans that were run, and plans to run: what the frontier of a search is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_mcpflow.explore.classes import Partition
from pytest_mcpflow.explore.counting import Count
from pytest_mcpflow.explore.endings import Ending
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.plan import Fault
from pytest_mcpflow.schema import ToolSpec

__all__ = ["Faults", "Group", "Node", "Specs", "Step"]

Specs = Callable[[str], ToolSpec | None]
Faults = tuple[Fault, ...]


@dataclass(frozen=True)
class Node:
    """A plan that was run.

    Args:
        faults: Its faults, in the order of the calls.
        seen: Its run.
        endings: How that went on from each call.
        last: The index of the last call at which it injects; children inject later.
        familiar: The index from which on everything went as it did in an earlier run.
        count: How many plans it stands for.
        outages: The number of the first outage that may be added to it; `None` once a call went wrong.
        family: When the plan of its first fault was run, as a number in order; 0 without any fault.
        turn: The place at which it was run: its own, or that of a plan before it which came later.
    """

    faults: Faults
    seen: Observation
    endings: tuple[Ending, ...]
    last: int
    familiar: int
    count: Count
    outages: int | None
    family: int = 0
    turn: float = 0.0

    @property
    def end(self) -> Ending:
        """All that came after the last fault, whatever the time was."""
        return self.endings[min(self.last + 1, len(self.seen.calls))]


@dataclass
class Group:
    """The kinds that are tried at one call of one run, or for one tool that never works, and what came of each.

    `index` is the call's, or -1 before all calls; `site` and `first` say what goes wrong. `learned` are kinds that are
    tried there, too, because of what came of one of `kinds`. `lasting` are the plans with one kind of a class at this
    call and all later ones, and `lasted` those of them that were run, by what came of them. `slowest` has the longest
    run, in seconds, of those with the same end.
    """

    parent: Node
    index: int
    site: str
    first: int
    call: Seen | None
    partition: Partition | None
    kinds: tuple[FaultKind, ...]
    pending: int = 0
    outages: int | None = None
    learned: list[FaultKind] = field(default_factory=list["FaultKind"])
    ends: dict[FaultKind, Ending] = field(default_factory=dict["FaultKind", Ending])
    classes: dict[Ending, Count] = field(default_factory=dict[Ending, Count])
    lasting: dict[Ending, Count] = field(default_factory=dict[Ending, Count])
    lasted: dict[Ending, Count] = field(default_factory=dict[Ending, Count])
    slowest: dict[Ending, float] = field(default_factory=dict[Ending, float])


@dataclass(frozen=True)
class Step:
    """A plan to run: `parent` and one fault more, as one of a group or by itself.

    `index` is that of the call at which the fault begins, in the run of the parent; 0 where it concerns all calls.
    It is deferred where its beginning behaves like another plan's, and late where its kind has made no difference yet.
    `after` is the turn of the plan that it was made of, if that is not `parent`. `lasts` is the group with whose kinds
    it begins, where it goes on at all later calls of the tool; it repeats where only its last kind is tried once more.
    """

    faults: Faults
    parent: Node
    count: Count
    index: int
    group: Group | None = None
    is_deferred: bool = False
    is_late: bool = False
    after: float = 0.0
    lasts: Group | None = None
    repeats: bool = False

    @property
    def beginning(self) -> tuple[Seen, ...]:
        """The calls up to the one at which the fault begins: those of the run of the parent."""
        return self.parent.seen.calls[: self.index + 1]
