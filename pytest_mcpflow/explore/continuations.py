"""What comes of a plan that was run: the same and one fault more, each with the place that is its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from pytest_mcpflow.explore.counting import Count, Counting
from pytest_mcpflow.explore.kinds import (
    delays_at,
    instead,
    is_like,
    is_overtaken,
    lasting,
    likely,
    shorter,
    tried,
)
from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.explore.part import Part
from pytest_mcpflow.explore.step import Faults, Group, Node, Specs, Step
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind
from pytest_mcpflow.faults.lost import Delay
from pytest_mcpflow.faults.plan import EVERYTHING, Fault, overlap, together
from pytest_mcpflow.transcript import matches

__all__ = ["FIRST", "Continuations"]

Placed = tuple[float, Step]
AFTER_ALL = 1000.0
"""What is added to the place of plans that begin with one that already fails."""
FIRST, UNLIKELY, RECOVERY = 1.0, 0.03, 1.06
"""Outages come before single faults, and the calls of recoveries after all kinds of these."""
TOGETHER = 2.0
"""Servers that are out at once come before plans of two faults, and after the calls of recoveries."""
ALIKE, MIXED, MIXED_BEFORE = 0.15, 0.25, 0.5
"""What each further fault of a recovery costs where all before the last leave the same of the effects, what it costs if
the last does not, and what each further one costs where they were mixed before."""
PUT_OFF = 0.5
"""What is added where the beginning behaves like another plan's."""


class Continuations:
    """See the module's docstring. Every plan is made at most once, and each of its faults is reached."""

    def __init__(
        self,
        base: Observation,
        *,
        counting: Counting,
        specs: Specs,
        kinds: Sequence[FaultKind],
        depth: int,
        tactics: Tactics,
        part: Part,
    ) -> None:
        self._counting, self._part = counting, part
        self._specs, self._kinds, self._depth, self._tactics = specs, tuple(kinds), depth, tactics
        self._usual = {call.context for call in base.calls}
        self._attempts = Counter((call.site, call.asked) for call in base.calls)
        self._by_call: dict[tuple[str, bool], tuple[FaultKind, ...]] = {}
        self._by_tool: dict[str, tuple[FaultKind, ...]] = {}
        self._outages = [*_tools_and_servers(base)] if tactics.outages else []
        self._tools: dict[str, None] = {}
        self._servers: list[str] = []
        self._called_anyway = {call.site.rpartition(".")[0] for call in base.calls}

    def of(self, node: Node) -> Iterator[Placed]:
        """The plan and one fault more: a tool or a server that never works, or a later call that goes wrong."""
        size = len(node.faults) + 1
        if size > self._depth or (size == 2 and not self._is_mine(node)):
            return
        behind = 0.0 if node.seen.verdict.is_good else AFTER_ALL
        for number in range(len(self._outages) if node.outages is None else node.outages, len(self._outages)):
            yield from self._outage(node, number, behind)
        pilots = set[tuple[FaultKind, ...]]()
        for index in range(node.last + 1, len(node.seen.calls)):
            call = node.seen.calls[index]
            if call.faulted:
                continue
            is_new = size > 1 and self._tactics.recovery_first and self._is_new(call)
            is_deferred = size > 1 and index >= node.familiar
            place = (RECOVERY if is_new else size) + behind + (PUT_OFF if is_deferred else 0.0)
            kinds = tuple(self._kinds_at(node.seen, index))
            group = Group(node, index, call.site, call.number, call, None, kinds)
            is_pilot = size == 1 and kinds not in pilots
            pilots.add(kinds)
            yield from self._grouped(group, call.number, place, is_deferred=is_deferred, is_pilot=is_pilot)

    def events(self, beginning: Node, seen: Observation) -> Iterator[Placed]:
        """Several servers that never work, as one event: each two of those known by now, and all of them.

        It is tried by itself, since each is many faults already. A run may show a server that no run before has called,
        such as one to fall back to, which makes no difference without one that is called in any case.
        """
        self._tools.update(dict.fromkeys(call.site for call in seen.calls))
        for server in dict.fromkeys(site.rpartition(".")[0] for site in self._tools):
            if server in self._servers or not self._tactics.outages:
                continue
            for other in self._servers:
                if server in self._called_anyway or other in self._called_anyway:
                    yield from self._event(beginning, together([other, server]))
            self._servers.append(server)
            if len(self._servers) == 3:  # of two, the pair is all
                yield from self._event(beginning, EVERYTHING)

    def _event(self, beginning: Node, site: str) -> Iterator[Placed]:
        called = [tool for tool in self._tools if matches(site, tool)]
        for kind in self._kinds:
            if self._can_last(kind, called):
                step = Step((Fault(site, kind),), beginning, self._counting.under(beginning.count), 0)
                yield TOGETHER + likely(kind), step

    def _can_last(self, kind: FaultKind, tools: Collection[str]) -> bool:
        """Whether all tools can go wrong that way for ever: those that read in the way that is the same for them."""
        each = [self._lasting(tool) for tool in tools]
        return any(kind in kinds for kinds in each) and all(
            kind in kinds or instead(kind) in kinds for kinds in each
        )

    def _is_new(self, call: Seen) -> bool:
        """Whether it is made only because of a fault: in a world, or once more, than without."""
        return call.context not in self._usual or call.attempt > self._attempts[call.site, call.asked]

    def _is_mine(self, node: Node) -> bool:
        """Whether what begins with this plan of one fault is in this part."""
        is_call = node.outages is None
        return self._part.has(len(self._outages) + node.last if is_call else (node.outages or 0))

    def _outage(self, node: Node, number: int, behind: float) -> Iterator[Placed]:
        """A tool, or a server, that never works, if the run of the plan so far calls it."""
        site = self._outages[number]
        called = {call.site for call in node.seen.calls if not call.faulted and matches(site, call.site)}
        if not called or any(overlap(site, other.site) for other in node.faults):
            return
        kinds = [kind for kind in self._kinds if all(kind in self._lasting(tool) for tool in called)]
        size = len(node.faults) + 1
        group = Group(node, -1, site, 1, None, None, tuple(kinds), outages=number + 1)

        place = behind + size - (FIRST if size == 1 else 0.0) + UNLIKELY
        yield from self._grouped(group, None, place, is_pilot=True)

    def _grouped(
        self,
        group: Group,
        last: int | None,
        place: float,
        *,
        is_deferred: bool = False,
        is_pilot: bool = False,
    ) -> Iterator[Placed]:
        """Plans with each kind at one call.

        The kinds of a pilot come together, so that something is known of them when others are chosen from.
        """
        node = group.parent
        group.pending = len(group.kinds)
        for kind in group.kinds:
            faults = (*node.faults, Fault(group.site, kind, group.first, last))
            count = self._counting.under(node.count)
            yield (
                place
                + (self._pilot(group, kind) if is_pilot else likely(kind))
                + (_mixture(faults) if place < len(faults) else 0.0),
                Step(faults, node, count, max(group.index, 0), group, is_deferred),
            )

    @staticmethod
    def _pilot(group: Group, kind: FaultKind) -> float:
        """All kinds of a call in their order; of a tool that never works first the two that are told most apart."""
        if group.outages is None or likely(kind) == 0.0:
            return 0.0
        return UNLIKELY / 3 if kind == group.kinds[0] else UNLIKELY

    def lasting(self, group: Group, node: Node, kind: FaultKind) -> Iterator[Placed]:
        """A kind at the call of a run and all later ones of its tool, where there are later ones."""
        if self._can_go_on(group, kind, node.seen.calls[node.last + 1 :]):
            faults = (*group.parent.faults, Fault(group.site, kind, group.first, None))
            is_recovery = len(faults) > 1 and self._tactics.recovery_first
            place = (RECOVERY + _mixture(faults) if is_recovery else len(faults)) + UNLIKELY
            count = self._counting.under(group.parent.count)
            yield place, Step(faults, group.parent, count, group.index, after=node.turn, lasts=group)

    def again(self, node: Node) -> Iterator[Placed]:
        """The same kind once more, at each later call.

        These are plans that others stand for, and that are run to make sure: time adds up, and so does what a workflow
        counts.
        """
        size = len(node.faults) + 1
        if size > self._depth or (size == 2 and not self._is_mine(node)):
            return
        for index in range(node.last + 1, len(node.seen.calls)):
            call, kind = node.seen.calls[index], node.faults[-1].kind
            like = next((each for each in self._kinds_at(node.seen, index) if is_like(each, kind)), None)
            if like is not None and not call.faulted:
                faults = (*node.faults, Fault(call.site, like, call.number, call.number))
                yield size + PUT_OFF, Step(faults, node, Count(node.count, 0, 0), index, repeats=True)

    def shorter(self, group: Group, node: Node) -> Iterator[Step]:
        """A call's delays within which others overtake it, if its caller gave up before the one of a run was over."""
        kind, call = node.faults[-1].kind, group.call
        if call is None or not isinstance(kind, Delay) or kind in group.learned:
            return
        if node.last < len(node.seen.calls) and node.seen.calls[node.last].given_up:
            tried = (*group.kinds, *group.learned)
            found = shorter(node.seen.calls, node.last, kind, takes=call.takes, tried=tried)
            yield from self._learned(group, found, after=node.turn)

    def known(self, group: Group, kinds: Iterable[FaultKind]) -> Iterator[Step]:
        """Those that were learned at a call like it, where others overtake it here, too."""
        calls = group.parent.seen.calls
        found = (kind for kind in kinds if isinstance(kind, Delay) and is_overtaken(calls, group.index, kind))
        yield from self._learned(group, found)

    def _learned(self, group: Group, kinds: Iterable[FaultKind], *, after: float = 0.0) -> Iterator[Step]:
        """Plans with more kinds at a call than those that are tried there in any case."""
        node, last = group.parent, None if group.call is None else group.call.number
        for kind in kinds:
            group.learned.append(kind)
            group.pending += 1
            faults = (*node.faults, Fault(group.site, kind, group.first, last))
            yield Step(
                faults, node, self._counting.under(node.count), max(group.index, 0), group, after=after
            )

    def harmless(self, group: Group, kinds: Sequence[FaultKind]) -> int:
        """How many plans need not be run where kinds are known to make no difference at a call."""
        later = group.parent.seen.calls[group.index + 1 :]
        lasting = sum(self._can_go_on(group, kind, later) for kind in kinds)
        return len(kinds) * (1 + self.width(group.parent, group.index + 1, 2)) + lasting

    def _can_go_on(self, group: Group, kind: FaultKind, later: Sequence[Seen]) -> bool:
        if group.outages is not None or kind not in self._lasting(group.site):
            return False
        if not group.parent.faults and group.first == 1 and self._tactics.outages:
            return False  # the tool never works, which is tried as such
        return any(call.site == group.site for call in later)

    def width(self, node: Node, index: int, more: int) -> int:
        """How many faults there are at calls from `index` on, unless a plan with so many more is too deep."""
        if len(node.faults) + more > self._depth:
            return 0
        calls = range(index, len(node.seen.calls))
        return sum(1 for each in calls for _ in self._kinds_at(node.seen, each))

    # Which kinds

    def _lasting(self, site: str) -> Collection[FaultKind]:
        known = self._by_tool.get(site)
        if known is None:
            known = self._by_tool[site] = tuple(lasting(self._kinds, self._specs(site)))
        return known

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

    Faults that come together mostly have one cause, and leave the same of the effects; so these come first, and then
    those of which only the last is another: the ways before fail plainly, and the last resort is wrong.
    """
    same = len({fault.kind.effect for fault in faults}) < 2
    same_so_far = len({fault.kind.effect for fault in faults[:-1]}) < 2
    return (len(faults) - 2) * (ALIKE if same_so_far else MIXED_BEFORE) + (0.0 if same else MIXED)


def _tools_and_servers(base: Observation) -> Iterator[str]:
    """What may never work: each tool that is called, and each server of which several are."""
    tools = dict.fromkeys(call.site for call in base.calls)
    yield from tools
    servers: dict[str, int] = {}
    for site in tools:
        server = site.rpartition(".")[0]
        servers[server] = servers.get(server, 0) + 1
    yield from (f"{server}.*" for server, count in servers.items() if count > 1)
