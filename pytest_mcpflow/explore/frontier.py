"""The plans to come, the most promising first: each one is a plan that was run and one fault more, at a later call.

Every plan is made at most once and each of its faults is reached, since a fault is added only at a call that was seen
in the run of the plan without it, after all its other faults. A tool that never works comes before all calls.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_mcpflow.explore.classes import Classes
from pytest_mcpflow.explore.continuations import FIRST, Continuations
from pytest_mcpflow.explore.counting import Count, Counting
from pytest_mcpflow.explore.endings import Endings
from pytest_mcpflow.explore.kinds import INSTANT
from pytest_mcpflow.explore.observe import Observation
from pytest_mcpflow.explore.part import WHOLE, Part
from pytest_mcpflow.explore.step import Group, Node, Specs, Step
from pytest_mcpflow.explore.tactics import Tactics
from pytest_mcpflow.faults.kind import FaultKind

__all__ = ["Frontier"]

LATE, UNPROMISING, UNTRIED = 0.02, 1.5, 0.3
"""What is added where the kind is a bad guess: for plans of one fault, for others, and for others at a tool of which
nothing is known yet."""
SOON = 0.001
"""How much earlier than what else has its turn."""


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
        self._tactics = tactics
        self._endings = Endings()
        self.order = (0.0, 0, 0.0)
        self._part, self._families = part, itertools.count(1)
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Step]] = []
        self._continuations = Continuations(
            base, counting=self.counting, specs=specs, kinds=kinds, depth=depth, tactics=tactics, part=part
        )
        endings, _ = self._endings.of(base)
        self._beginning = Node((), base, endings, -1, len(endings), self.counting.root, 0)
        self._push(self._continuations.events(self._beginning, base))
        self._continue(self._beginning)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def pop(self) -> Step | None:
        """The next plan to run; `None` if all that were left need not be run."""
        while self._heap:
            place, _, step = heapq.heappop(self._heap)
            if not self._is_needed(step, place):
                continue
            later = self._later(step)
            if not later:
                self.order = (max(place, step.parent.turn, step.after), step.parent.family, place)
                return step
            heapq.heappush(self._heap, (place + later, next(self._order), replace(step, is_late=True)))
        return None

    def _is_needed(self, step: Step, place: float) -> bool:
        """Whether no other kind stands for this one, as far as is known by now."""
        group = step.group
        if group is None or not self._tactics.classes or not group.parent.faults:
            return True
        if group.partition is None and not group.ends:
            group.partition = self.classes.known(group.site, group.call, group.kinds)
            if group.partition is not None:
                self._next(self._continuations.known(group, group.partition.learned), place)
        kind = step.faults[-1].kind
        known = () if group.partition is None else group.partition.of(kind)
        if group.partition is None or not known:
            return True
        alike = [each for each in known if each in group.kinds or each in group.learned]
        if kind != alike[0]:
            return False
        step.count.itself = step.count.alike = len(alike)
        if group.partition.is_harmless(known[0]):
            self._collapse(group.parent.count, group, kind, self._continuations.harmless(group, alike))
            return False
        return True

    def _later(self, step: Step) -> float:
        """What is to be added to the place of a plan whose kind has made no difference at such calls."""
        group = step.group
        if group is None or step.is_late or group.partition is not None:
            return 0.0
        if step.faults[-1].kind in group.learned:
            return 0.0
        promising = self.classes.promising(group.site, group.kinds, lasting=group.outages is not None)
        if step.faults[-1].kind in promising:
            return 0.0
        if len(step.faults) > 1:
            return (
                UNPROMISING if self.classes.know(group.site, lasting=group.outages is not None) else UNTRIED
            )
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
        if len(step.faults) == 1:
            self._push(self._continuations.events(self._beginning, seen))
        node = self._node(step, seen)
        group = step.group
        if step.repeats:
            self._push(self._continuations.again(node))
            return
        if group is None:
            if step.lasts is None or self._is_first_to_last(step.lasts, node):
                self._continue(node)
            return
        kind = node.faults[-1].kind
        group.ends[kind] = node.end
        group.pending -= 1
        self._next(self._continuations.shorter(group, node), self.order[2], is_deferred=step.is_deferred)
        if self._is_first_of_its_class(group, node):
            self._last(group, node, kind)
            self._continue(node)
            for other in group.partition.of(kind) if group.partition is not None else ():
                if other != kind:
                    self._last(group, node, other)
        if group.pending == 0 and group.partition is None and self._tactics.classes:
            usual = group.parent.endings[group.index + 1]
            self.classes.learn(
                group.site, group.first, group.call, group.ends, usual=usual, learned=group.learned
            )

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
                for i, call in enumerate(seen.calls[step.index :], step.index)
                if (call.site, call.number) == (added.site, added.first)
            )
            last = next(places, len(seen.calls))
        endings, new = self._endings.of(seen)
        familiar = max(last + 1, new)
        family = step.parent.family or next(self._families)
        return Node(step.faults, seen, endings, last, familiar, step.count, outages, family, self.order[0])

    def _is_first_of_its_class(self, group: Group, node: Node) -> bool:
        """Whether nothing like it came of another kind at the same call, nor without any fault."""
        kind = node.faults[-1].kind
        if not self._tactics.classes or (group.partition is not None and group.partition.of(kind)):
            return True
        if node.end == group.parent.endings[group.index + 1]:
            # Its children would be those of its parent.
            if self._accounts_for(node):
                self._collapse(
                    group.parent.count,
                    group,
                    kind,
                    self._continuations.width(group.parent, group.index + 1, 2),
                )
            self._repeat_if_slower(group, node, than=group.parent.seen.seconds)
            self._last(group, node, kind, is_harmless=True)
            return False
        known = group.classes.setdefault(node.end, node.count)
        if known is node.count:
            group.slowest[node.end] = node.seen.seconds
            return True
        known.alike += 1
        self._repeat_if_slower(group, node, than=node.seen.seconds)
        self._last(group, node, kind)
        self.classes.note(group.site, group.call, kind, self._continuations.width(node, node.last + 1, 1))
        return False

    def _collapse(self, count: Count, group: Group, kind: FaultKind, plans: int) -> None:
        """Count plans that need not be run."""
        self.counting.collapse(count, plans)
        self.classes.note(group.site, group.call, kind, plans)

    def _repeat_if_slower(self, group: Group, node: Node, *, than: float) -> None:
        """Let a kind that comes to the same as others, and only takes longer than any of these, go wrong once more."""
        if node.seen.seconds > group.slowest.setdefault(node.end, than) + INSTANT:
            group.slowest[node.end] = node.seen.seconds
            self._push(self._continuations.again(node))

    def _last(self, group: Group, node: Node, kind: FaultKind, *, is_harmless: bool = False) -> None:
        """Plan a kind at this call and all later ones, or count that where another plan is run for it.

        The first kind of a class may be one that cannot last, such as a delay. What comes to the same once may not if
        it goes on, so of plans of one fault none stands for another.
        """
        known = group.lasting.get(node.end) if self._tactics.classes else None
        for place, step in self._continuations.lasting(group, node, kind):
            is_first = known is None and not is_harmless
            if is_first:
                group.lasting[node.end] = step.count
            if is_first or not group.parent.faults:
                self._push([(place if is_first else place + UNPROMISING, step)])
            elif known is not None:
                known.itself, known.alike = known.itself + 1, known.alike + 1
            else:
                self.counting.collapse(group.parent.count, 1)  # the same as from the next call on

    def _is_first_to_last(self, group: Group, node: Node) -> bool:
        """Whether nothing like it came of another kind that goes on from the same call."""
        if not self._tactics.classes or group.parent.faults:
            return True
        known = group.lasted.setdefault(node.end, node.count)
        if known is not node.count:
            known.alike += 1
        return known is node.count

    def _continue(self, node: Node) -> None:
        self._push(self._continuations.of(node))

    def _next(self, steps: Iterable[Step], place: float, *, is_deferred: bool = False) -> None:
        """What was just learned to be worth it is run before all else that has its turn now."""
        self._push((place - SOON, replace(step, is_deferred=is_deferred)) for step in steps)

    def _push(self, placed: Iterable[tuple[float, Step]]) -> None:
        for place, step in placed:
            heapq.heappush(self._heap, (place, next(self._order), step))
