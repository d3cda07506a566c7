"""The plans to come, the most promising first: each one is a plan that was run and one fault more, at a later call.

Every plan is made at most once and each of its faults is reached, since a fault is added only at a call that was seen
in the run of the plan without it, after all its other faults.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_mcpflow.explore.classes import Classes, Partition
from pytest_mcpflow.explore.kinds import applicable, delays_at, lasting
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay
from pytest_mcpflow.faults.plan import Fault
from pytest_mcpflow.schema import ToolSpec

__all__ = ["Frontier", "Step"]

Specs = Callable[[str], ToolSpec | None]
AFTER_ALL = 1000.0
"""What is added to the place of plans that begin with one that already fails."""


@dataclass(frozen=True)
class Node:
    """A plan that was run.

    Args:
        faults: Its faults, in the order of the calls.
        seen: Its run.
        last: The index of the last call at which it injects; children inject later.
        weight: How many plans it stands for.
        familiar: The index from which on everything went as it did in an earlier run.
        outages: How many of its faults are outages, counted on in their order; `None` once a call went wrong.
    """

    faults: tuple[Fault, ...]
    seen: Observation
    last: int
    weight: int
    familiar: int
    outages: int | None


@dataclass
class Group:
    """The kinds that are tried at one call of one run, and what came of each."""

    parent: Node
    index: int
    call: Seen
    partition: Partition | None
    pending: int
    results: dict[FaultKind, Node] = field(default_factory=dict["FaultKind", Node])


@dataclass(frozen=True)
class Step:
    """A plan to run."""

    faults: tuple[Fault, ...]
    parent: Node
    weight: int
    group: Group | None = None
    outages: int | None = None
    is_deferred: bool = False

    @property
    def added(self) -> Fault:
        """The fault that its parent does not have."""
        return self.faults[-1]


class Frontier:
    """See the module's docstring.

    `covered` counts plans that were run and those they stand for; `run` those that were run.
    """

    def __init__(
        self,
        base: Observation,
        *,
        specs: Specs,
        kinds: Sequence[FaultKind],
        depth: int,
        tactics: Tactics,
    ) -> None:
        self.covered = self.run = 0
        self.classes = Classes()
        self._specs, self._kinds, self._depth, self._tactics = specs, tuple(kinds), depth, tactics
        self._usual = {call.context for call in base.calls}
        self._suffixes = set(base.suffixes)
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Step]] = []
        self._by_call: dict[tuple[str, bool], tuple[FaultKind, ...]] = {}
        self._outages = list(self._outage_faults(base)) if tactics.outages else []
        root = Node((), base, -1, 1, len(base.calls) + 1, 0)
        self._push_children(root)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def pop(self) -> Step:
        """The next plan to run."""
        return heapq.heappop(self._heap)[2]

    def coming(self, count: int) -> Iterator[Step]:
        """The plans that come next, if nothing new turns up."""
        yield from (step for _, _, step in heapq.nsmallest(count, self._heap))

    def left(self) -> tuple[int, int]:
        """How many plans are still to come: those put off, and the others."""
        deferred = sum(step.weight for _, _, step in self._heap if step.is_deferred)
        return deferred, sum(step.weight for _, _, step in self._heap) - deferred

    def done(self, step: Step, seen: Observation) -> None:
        """A plan was run."""
        self.run += 1
        self.covered += step.weight
        node = self._node(step, seen)
        if step.group is None:
            self._push_children(node)
            return
        group = step.group
        group.results[step.added.kind] = node
        group.pending -= 1
        self._push_lasting(group, node)
        if group.pending == 0:
            self._close(group)

    # What a run was

    def _node(self, step: Step, seen: Observation) -> Node:
        added = step.added
        last = step.parent.last
        if step.outages is None:
            last = next(
                (
                    i
                    for i, call in enumerate(seen.calls)
                    if (call.site, call.number) == (added.site, added.first)
                ),
                len(seen.calls),
            )
        suffixes = seen.suffixes
        familiar = next(
            (i for i in range(last + 1, len(suffixes)) if suffixes[i] in self._suffixes), len(suffixes)
        )
        self._suffixes.update(suffixes)
        return Node(step.faults, seen, last, step.weight, familiar, step.outages)

    def _close(self, group: Group) -> None:
        """All kinds at one call were run: one of each class goes on."""
        usual = group.parent.seen.suffixes[group.index + 1]
        if not self._tactics.classes:
            for node in group.results.values():
                self._push_children(node)
            return
        if group.partition is None:
            ends = {
                kind: node.seen.suffixes[min(node.last + 1, len(node.seen.calls))]
                for kind, node in group.results.items()
            }
            group.partition = self.classes.learn(group.call, ends, usual=usual)
        partition = group.partition
        for kind, node in group.results.items():
            size = partition.size(kind)
            weight = node.weight * size if partition.is_fresh else node.weight
            if partition.is_harmless(kind):  # its children would be those of its parent
                self._collapse(group.call, kind, weight * self._width(group.parent, group.index + 1, 2))
            elif size:
                others = weight - weight // size
                self._note(group.call, kind, others * self._width(node, node.last + 1, 1))
                self._push_children(replace(node, weight=weight))

    def _width(self, node: Node, index: int, more: int) -> int:
        """How many faults there are at calls from `index` on, unless a plan with so many more is too deep."""
        if len(node.faults) + more > self._depth:
            return 0
        return sum(len(self._kinds_of(call)) for call in node.seen.calls[index:])

    def _collapse(self, call: Seen, kind: FaultKind, plans: int) -> None:
        """Count plans that need not be run."""
        self.covered += plans
        self._note(call, kind, plans)

    def _note(self, call: Seen, kind: FaultKind, plans: int) -> None:
        self.classes.collapsed[f"{call.site}#{call.number}", str(kind)] += plans

    # What comes of it

    def _push(self, step: Step, place: float) -> None:
        heapq.heappush(self._heap, (place, next(self._order), step))

    def _push_children(self, node: Node) -> None:
        size = len(node.faults) + 1
        if size > self._depth:
            return
        behind = AFTER_ALL if not node.seen.verdict.is_good else 0.0
        if node.outages is not None:
            for index in range(node.outages, len(self._outages)):
                outage = self._outages[index]
                if not any(_overlap(outage, other) for other in node.faults):
                    step = Step((*node.faults, outage), node, node.weight, outages=index + 1)
                    self._push(step, size - 1 + behind)
        for index in range(node.last + 1, len(node.seen.calls)):
            call = node.seen.calls[index]
            if call.faulted:
                continue
            is_new = bool(node.faults) and call.context not in self._usual
            is_deferred = index >= node.familiar and bool(node.faults)
            place = size * (0.5 if is_new and self._tactics.recovery_first else 1.0) + behind
            self._push_group(node, index, place + (0.5 if is_deferred else 0.0), is_deferred)

    def _push_group(self, node: Node, index: int, place: float, is_deferred: bool) -> None:
        call = node.seen.calls[index]
        kinds = list(self._kinds_at(node.seen, index))
        partition = self.classes.known(call) if self._tactics.classes and node.faults else None
        if partition is not None and not partition.covers(kinds):
            partition = None
        weights = dict.fromkeys(kinds, 1)
        if partition is not None:
            weights = {kind: partition.size(kind) for kind in kinds if partition.size(kind)}
            for kind in [kind for kind in weights if partition.is_harmless(kind)]:
                weight = node.weight * weights.pop(kind)
                self._collapse(call, kind, weight)
        group = Group(node, index, call, partition, len(weights))
        for kind, weight in weights.items():
            fault = Fault(call.site, kind, call.number, call.number)
            step = Step((*node.faults, fault), node, node.weight * weight, group, None, is_deferred)
            self._push(step, place)

    def _push_lasting(self, group: Group, node: Node) -> None:
        """The same fault at this call and all later ones of the tool, where there are later ones."""
        added = node.faults[-1]
        later = any(call.site == added.site for call in node.seen.calls[node.last + 1 :])
        known = not group.parent.faults and added.first == 1 and self._tactics.outages
        if not later or known or added.kind not in lasting(self._kinds, self._specs(added.site)):
            return
        fault = Fault(added.site, added.kind, added.first, None)
        step = Step((*group.parent.faults, fault), group.parent, node.weight)
        size = len(step.faults)
        self._push(step, size * (0.5 if size > 1 and self._tactics.recovery_first else 1.0))

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
            spec = self._specs(call.site)
            found = (
                applicable(self._kinds, spec, changes=changes)
                if self._tactics.effects
                else (kind for kind in self._kinds if spec is None or kind.objection(spec) is None)
            )
            known = self._by_call[call.site, changes] = tuple(found)
        return known

    def _outage_faults(self, base: Observation) -> Iterator[Fault]:
        tools = dict.fromkeys(call.site for call in base.calls)
        for site in tools:
            yield from (Fault(site, kind) for kind in lasting(self._kinds, self._specs(site)))
        servers: dict[str, list[str]] = {}
        for site in tools:
            servers.setdefault(site.rpartition(".")[0], []).append(site)
        for server, sites in servers.items():
            if len(sites) > 1:
                common: Mapping[FaultKind, None] = dict.fromkeys(
                    kind for site in sites for kind in lasting(self._kinds, self._specs(site))
                )
                yield from (
                    Fault(f"{server}.*", kind)
                    for kind in common
                    if all(kind in lasting(self._kinds, self._specs(site)) for site in sites)
                )


def _overlap(one: Fault, other: Fault) -> bool:
    """Whether two outages are of one tool, or of a server and one of its tools."""
    return one.site == other.site or any(
        wide.site.endswith(".*") and narrow.site.startswith(wide.site[:-1])
        for wide, narrow in ((one, other), (other, one))
    )
