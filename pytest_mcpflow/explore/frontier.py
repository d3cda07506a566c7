"""The plans to come, the most promising first: each one is a plan that was run and one fault more, at a later call.

Every plan is made at most once and each of its faults is reached, since a fault is added only at a call that was seen
in the run of the plan without it, after all its other faults. A tool that never works comes before all calls.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pytest_mcpflow.explore.classes import Classes, Partition
from pytest_mcpflow.explore.counting import Count, Counting
from pytest_mcpflow.explore.kinds import delays_at, lasting, likely, tried
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.part import WHOLE, Part
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay
from pytest_mcpflow.faults.plan import Fault
from pytest_mcpflow.schema import ToolSpec
from pytest_mcpflow.transcript import matches

__all__ = ["Frontier", "Specs", "Step"]

Specs = Callable[[str], ToolSpec | None]
Faults = tuple[Fault, ...]
AFTER_ALL = 1000.0
"""What is added to the place of plans that begin with one that already fails."""
FIRST, UNLIKELY, LATE, RECOVERY = 1.0, 0.03, 0.02, 1.06
"""Outages come before single faults, and the calls of recoveries after all kinds of these."""
ALIKE, MIXED = 0.15, 0.25
"""What each further fault of a recovery costs where all leave the same of the effects, and what it costs if not."""
PUT_OFF, UNPROMISING = 0.5, 1.5
"""What is added where the beginning behaves like another plan's, and where the kind is a bad guess."""


@dataclass(frozen=True)
class Node:
    """A plan that was run.

    Args:
        faults: Its faults, in the order of the calls.
        seen: Its run.
        last: The index of the last call at which it injects; children inject later.
        familiar: The index from which on everything went as it did in an earlier run.
        count: How many plans it stands for.
        outages: The number of the first outage that may be added to it; `None` once a call went wrong.
        family: When the plan of its first fault was run, as a number in order; 0 without any fault.
        turn: The place at which it was run: its own, or that of a plan before it which came later.
    """

    faults: Faults
    seen: Observation
    last: int
    familiar: int
    count: Count
    outages: int | None
    family: int = 0
    turn: float = 0.0

    @property
    def end(self) -> bytes:
        """A digest of all that came after the last fault."""
        return self.seen.suffixes[min(self.last + 1, len(self.seen.calls))]


@dataclass
class Group:
    """The kinds that are tried at one call of one run, or for one tool that never works, and what came of each.

    `index` is the call's, or -1 before all calls; `site` and `first` say what goes wrong.
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
    ends: dict[FaultKind, bytes] = field(default_factory=dict["FaultKind", bytes])
    classes: dict[bytes, Count] = field(default_factory=dict[bytes, Count])


@dataclass(frozen=True)
class Step:
    """A plan to run: `parent` and one fault more, as one of a group or by itself.

    It is deferred where its beginning behaves like another plan's, and late where its kind has made no difference yet.
    `after` is the turn of the plan that it was made of, if that is not `parent`.
    """

    faults: Faults
    parent: Node
    count: Count
    group: Group | None = None
    is_deferred: bool = False
    is_late: bool = False
    after: float = 0.0


class Frontier:
    """See the module's docstring.

    `counting` knows how many plans were run, and how many those stand for. `order` says of the last plan when its turn
    came: its turn, family and place, which are the same in each part of a search and in a search of all.
    """

    def __init__(
        self,
        base: Observation,
        *,
        specs: Specs,
        kinds: Sequence[FaultKind],
        depth: int,
        tactics: Tactics,
        part: Part = WHOLE,
    ) -> None:
        self.counting = Counting()
        self.classes = Classes()
        self._specs, self._kinds, self._depth, self._tactics = specs, tuple(kinds), depth, tactics
        self._usual = {call.context for call in base.calls}
        self._suffixes = set(base.suffixes)
        self.order = (0.0, 0, 0.0)
        self._part, self._families = part, itertools.count(1)
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Step]] = []
        self._by_call: dict[tuple[str, bool], tuple[FaultKind, ...]] = {}
        self._outages = [*_tools_and_servers(base)] if tactics.outages else []
        self._push_children(Node((), base, -1, len(base.calls) + 1, self.counting.root, 0))

    def __bool__(self) -> bool:
        return bool(self._heap)

    def pop(self) -> Step | None:
        """The next plan to run; `None` if all that were left need not be run."""
        while self._heap:
            place, _, step = heapq.heappop(self._heap)
            if not self._is_needed(step):
                continue
            later = self._later(step)
            if not later:
                self.order = (max(place, step.parent.turn, step.after), step.parent.family, place)
                return step
            heapq.heappush(self._heap, (place + later, next(self._order), replace(step, is_late=True)))
        return None

    def _is_needed(self, step: Step) -> bool:
        """Whether no other kind stands for this one, as far as is known by now."""
        group = step.group
        if group is None or not self._tactics.classes or not group.parent.faults:
            return True
        if group.partition is None and not group.ends:
            group.partition = self.classes.known(group.site, group.call, group.kinds)
        if group.partition is None:
            return True
        kind = step.faults[-1].kind
        step.count.itself = step.count.alike = size = group.partition.size(kind)
        if size and group.partition.is_harmless(kind):
            self._collapse(group.parent.count, group, kind, size)
            return False
        return size > 0

    def _later(self, step: Step) -> float:
        """What is to be added to the place of a plan whose kind has made no difference at such calls."""
        group = step.group
        if group is None or step.is_late or group.partition is not None:
            return 0.0
        promising = self.classes.promising(group.site, group.kinds, lasting=group.outages is not None)
        if step.faults[-1].kind in promising:
            return 0.0
        if len(step.faults) > 1:
            return UNPROMISING
        return LATE if group.outages is None else FIRST

    def coming(self, count: int) -> Iterator[Step]:
        """The plans that come next, if nothing new turns up."""
        yield from (step for _, _, step in heapq.nsmallest(count, self._heap))

    def left(self) -> tuple[int, int]:
        """How many plans are still to come: those put off, and the others."""
        deferred = sum(step.count.plans for _, _, step in self._heap if step.is_deferred)
        return deferred, sum(step.count.plans for _, _, step in self._heap) - deferred

    def done(self, step: Step, seen: Observation) -> None:
        """A plan was run: what comes of it is to be run, too, unless it came to the same as another kind's."""
        if self._accounts_for(step):
            self.counting.run(step.count)
        node = self._node(step, seen)
        group = step.group
        if group is None:
            self._push_children(node)
            return
        kind = node.faults[-1].kind
        group.ends[kind] = node.end
        group.pending -= 1
        if self._is_first_of_its_class(group, node):
            self._push_lasting(group, node)
            self._push_children(node)
        if group.pending == 0 and group.partition is None and self._tactics.classes:
            usual = group.parent.seen.suffixes[group.index + 1]
            self.classes.learn(group.site, group.first, group.call, group.ends, usual=usual)

    def _accounts_for(self, plan: Step | Node) -> bool:
        """Whether the plan is counted here, and in no other part."""
        return len(plan.faults) > 1 or self._part.is_first

    # What a run was

    def _node(self, step: Step, seen: Observation) -> Node:
        added, last, outages = step.faults[-1], step.parent.last, None
        if step.group is not None and step.group.outages is not None:
            outages = step.group.outages
        else:
            places = (
                i
                for i, call in enumerate(seen.calls)
                if (call.site, call.number) == (added.site, added.first)
            )
            last = next(places, len(seen.calls))
        suffixes = seen.suffixes
        familiar = next(
            (i for i in range(last + 1, len(suffixes)) if suffixes[i] in self._suffixes), len(suffixes)
        )
        self._suffixes.update(suffixes)
        family = step.parent.family or next(self._families)
        return Node(step.faults, seen, last, familiar, step.count, outages, family, self.order[0])

    def _is_first_of_its_class(self, group: Group, node: Node) -> bool:
        """Whether nothing like it came of another kind at the same call, nor without any fault."""
        if not self._tactics.classes or group.partition is not None:
            return True
        kind = node.faults[-1].kind
        if node.end == group.parent.seen.suffixes[group.index + 1]:
            # Its children would be those of its parent.
            if self._accounts_for(node):
                self._collapse(group.parent.count, group, kind, self._width(group.parent, group.index + 1, 2))
            return False
        known = group.classes.setdefault(node.end, node.count)
        if known is node.count:
            return True
        known.alike += 1
        self.classes.note(group.site, group.call, kind, self._width(node, node.last + 1, 1))
        return False

    def _collapse(self, count: Count, group: Group, kind: FaultKind, plans: int) -> None:
        """Count plans that need not be run."""
        self.counting.collapse(count, plans)
        self.classes.note(group.site, group.call, kind, plans)

    def _width(self, node: Node, index: int, more: int) -> int:
        """How many faults there are at calls from `index` on, unless a plan with so many more is too deep."""
        if len(node.faults) + more > self._depth:
            return 0
        return sum(len(self._kinds_of(call)) for call in node.seen.calls[index:])

    # What comes of it

    def _push_children(self, node: Node) -> None:
        size = len(node.faults) + 1
        if size > self._depth or (size == 2 and not self._is_mine(node)):
            return
        behind = 0.0 if node.seen.verdict.is_good else AFTER_ALL
        for number in range(len(self._outages) if node.outages is None else node.outages, len(self._outages)):
            self._push_outage(node, number, behind)
        pilots = set[tuple[FaultKind, ...]]()
        for index in range(node.last + 1, len(node.seen.calls)):
            call = node.seen.calls[index]
            if call.faulted:
                continue
            is_new = size > 1 and self._tactics.recovery_first and call.context not in self._usual
            is_deferred = size > 1 and index >= node.familiar
            place = (RECOVERY if is_new else size) + behind + (PUT_OFF if is_deferred else 0.0)
            kinds = tuple(self._kinds_at(node.seen, index))
            group = Group(node, index, call.site, call.number, call, None, kinds)
            is_pilot = size == 1 and kinds not in pilots
            pilots.add(kinds)
            self._push_group(group, call.number, place, is_deferred=is_deferred, is_pilot=is_pilot)

    def _is_mine(self, node: Node) -> bool:
        """Whether what begins with this plan of one fault is in this part."""
        is_call = node.outages is None
        return self._part.has(len(self._outages) + node.last if is_call else (node.outages or 0))

    def _push_outage(self, node: Node, number: int, behind: float) -> None:
        """A tool, or a server, that never works, if the run of the plan so far calls it."""
        site = self._outages[number]
        called = {call.site for call in node.seen.calls if not call.faulted and matches(site, call.site)}
        if not called or any(_overlap(site, other.site) for other in node.faults):
            return
        kinds = [kind for kind in self._kinds if all(kind in self._lasting(tool) for tool in called)]
        size = len(node.faults) + 1
        group = Group(node, -1, site, 1, None, None, tuple(kinds), outages=number + 1)

        place = behind + size - (FIRST if size == 1 else 0.0) + UNLIKELY
        self._push_group(group, None, place, is_pilot=True)

    def _push_group(
        self,
        group: Group,
        last: int | None,
        place: float,
        *,
        is_deferred: bool = False,
        is_pilot: bool = False,
    ) -> None:
        """Plans with each kind at one call.

        The kinds of a pilot come together, so that something is known of them when others are chosen from.
        """
        node = group.parent
        group.pending = len(group.kinds)
        for kind in group.kinds:
            faults = (*node.faults, Fault(group.site, kind, group.first, last))
            count = self.counting.under(node.count)
            self._push(
                Step(faults, node, count, group, is_deferred),
                place
                + (self._pilot(group, kind) if is_pilot else likely(kind))
                + (_mixture(faults) if place < len(faults) else 0.0),
            )

    @staticmethod
    def _pilot(group: Group, kind: FaultKind) -> float:
        """All kinds of a call in their order; of a tool that never works first the two that are told most apart."""
        if group.outages is None or likely(kind) == 0.0:
            return 0.0
        return UNLIKELY / 3 if kind == group.kinds[0] else UNLIKELY

    def _push_lasting(self, group: Group, node: Node) -> None:
        """The same fault at this call and all later ones of the tool, where there are later ones."""
        added = node.faults[-1]
        if group.outages is not None or added.kind not in self._lasting(added.site):
            return
        later = any(call.site == added.site for call in node.seen.calls[node.last + 1 :])
        is_outage = not group.parent.faults and added.first == 1 and self._tactics.outages
        if later and not is_outage:
            faults = (*group.parent.faults, Fault(added.site, added.kind, added.first, None))
            is_recovery = len(faults) > 1 and self._tactics.recovery_first
            place = (RECOVERY + _mixture(faults) if is_recovery else len(faults)) + UNLIKELY
            count = self.counting.under(group.parent.count)
            self._push(Step(faults, group.parent, count, after=node.turn), place)

    def _push(self, step: Step, place: float) -> None:
        heapq.heappush(self._heap, (place, next(self._order), step))

    # Which kinds

    def _lasting(self, site: str) -> list[FaultKind]:
        return lasting(self._kinds, self._specs(site))

    def _kinds_at(self, seen: Observation, index: int) -> Iterator[FaultKind]:
        for kind in self._kinds_of(seen.calls[index]):
            if isinstance(kind, Delay):
                yield from delays_at(seen.calls, index, kind)
            else:
                yield kind

    def _kinds_of(self, call: Seen) -> tuple[FaultKind, ...]:
        changes = call.effect is not False
        known = self._by_call.get((call.site, changes))
        if known is None:
            found = tried(
                self._kinds, self._specs(call.site), changes=changes, all_of_them=not self._tactics.effects
            )
            known = self._by_call[call.site, changes] = tuple(found)
        return known


def _mixture(faults: Faults) -> float:
    """How far off a plan in a recovery is.

    Faults that come together mostly have one cause, and leave the same of the effects; so these come first.
    """
    same = len({fault.kind.effect for fault in faults}) < 2
    return (len(faults) - 2) * (ALIKE if same else 0.5) + (0.0 if same else MIXED)


def _tools_and_servers(base: Observation) -> Iterator[str]:
    """What may never work: each tool that is called, and each server of which several are."""
    tools = dict.fromkeys(call.site for call in base.calls)
    yield from tools
    servers: dict[str, int] = {}
    for site in tools:
        server = site.rpartition(".")[0]
        servers[server] = servers.get(server, 0) + 1
    yield from (f"{server}.*" for server, count in servers.items() if count > 1)


def _overlap(one: str, other: str) -> bool:
    """Whether two sites are one tool, or a server and one of its tools."""
    return matches(one, other) or matches(other, one)
