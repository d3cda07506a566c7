"""The first step of shrinking: from many faults to the few that matter, in large steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import combinations

from pytest_mcpflow.explore.observe import Observation, Seen
from pytest_mcpflow.faults.plan import Fault, overlap

__all__ = ["fewer"]

Faults = tuple[Fault, ...]
Fails = Callable[[Faults], bool]


def fewer(faults: Faults, seen: Observation, fails: Fails) -> Faults:
    """A plan that fails, too, with as few faults as can be had by leaving out some that follow each other.

    The halves come first, then parts half as long, and so on, as in delta debugging; equal faults of successive calls
    are one part from the beginning, and are cut down from both ends.

    Args:
        faults: A plan that fails.
        seen: Its run.
        fails: Whether another plan fails in the same way.
    """
    best = _less(joined(faults), seen, fails)
    for index, fault in enumerate(best):
        if fault.last is not None and fault.last > fault.first:
            best = _shorter(best, index, fails)
    return best


def _less(faults: Faults, seen: Observation, fails: Fails) -> Faults:
    size = (len(faults) + 1) // 2
    while size and len(faults) > 1:
        start = len(faults) - size
        while len(faults) > 1 and start > -size:
            part = faults[max(0, start) : start + size]
            without = next((each for each in _without(faults, part, seen) if each and fails(each)), None)
            if without is not None:
                faults = without
            start -= size
        size //= 2
    return faults


def _without(faults: Faults, part: Collection[Fault], seen: Observation) -> Iterator[Faults]:
    """The other faults, at the calls that they concern where nothing is tried again because of those left out."""
    rest = tuple(fault for fault in faults if fault not in part)
    moved = tuple(_moved(fault, part, seen) for fault in rest)
    yield joined(moved)
    if moved != rest and len(part) == 1:
        yield rest


def _moved(fault: Fault, part: Collection[Fault], seen: Observation) -> Fault:
    repeated = sum(
        _is_repeated(call, seen) and any(_concerns(other, call) for other in part)
        for call in seen.calls
        if call.site == fault.site and call.number < fault.first
    )
    return _at(fault, max(1, fault.first - repeated))


def _is_repeated(call: Seen, seen: Observation) -> bool:
    """Whether the same was asked again later."""
    return any(
        (each.site, each.exact) == (call.site, call.exact) and each.number > call.number
        for each in seen.calls
    )


def _concerns(fault: Fault, call: Seen) -> bool:
    is_in_time = fault.first <= call.number and (fault.last is None or call.number <= fault.last)
    return fault.site == call.site and is_in_time


def _at(fault: Fault, first: int) -> Fault:
    return replace(fault, first=first, last=None if fault.last is None else fault.last - fault.first + first)


def _shorter(faults: Faults, index: int, fails: Fails) -> Faults:
    """The same with a fault of several successive calls at fewer of them."""
    fault = faults[index]
    step = _length(fault) // 2
    while step:
        for shorter in _ends_cut_off(fault, step):
            other = (*faults[:index], shorter, *faults[index + 1 :])
            if fails(other):
                faults, fault = other, shorter
                break
        else:
            step //= 2
    return faults


def _ends_cut_off(fault: Fault, count: int) -> Iterator[Fault]:
    """The same at so many calls less, its last ones or its first ones."""
    if _length(fault) > count:
        yield replace(fault, last=fault.first + _length(fault) - 1 - count)
        yield replace(fault, first=fault.first + count)


def _length(fault: Fault) -> int:
    return (fault.last or fault.first) - fault.first + 1


def joined(faults: Faults) -> Faults:
    """The same plan with equal faults of successive calls of one tool as one fault, at the place of the first."""
    if any(_share_a_call(one, other) for one, other in combinations(faults, 2)):
        return faults  # the first of two at one call counts, so that their order matters
    by_tool = defaultdict[tuple[str, str], list[Fault]](list)
    for fault in faults:
        by_tool[fault.site, str(fault.kind)].append(fault)
    places = {id(fault): index for index, fault in enumerate(faults)}
    found: list[tuple[int, Fault]] = []
    for alike in by_tool.values():
        alike.sort(key=lambda fault: fault.first)
        place, current = places[id(alike[0])], alike[0]
        for fault in alike[1:]:
            if current.last is not None and fault.last is not None and fault.first == current.last + 1:
                current = replace(current, last=fault.last)
            else:
                found.append((place, current))
                place, current = places[id(fault)], fault
        found.append((place, current))
    return tuple(fault for _, fault in sorted(found, key=lambda each: each[0]))


def _share_a_call(one: Fault, other: Fault) -> bool:
    is_before = one.last is not None and one.last < other.first
    is_after = other.last is not None and other.last < one.first
    return not is_before and not is_after and overlap(one.site, other.site)
