"""Which of its tactics a search uses; all of them, except where one is measured or audited."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Tactics"]


@dataclass(frozen=True, kw_only=True)
class Tactics:
    """What makes a search quick. None of them changes what is found when everything is run.

    Args:
        outages: Try tools and servers that never work.
        recovery_first: Try calls first that exist only because of an earlier fault.
        classes: Let one kind stand for those that made no difference at a call.
        effects: Leave out kinds that cannot make a difference, such as the lost reply of a read.
        swarm: Let every other run have faults drawn by chance, if the search may stop before everything was run.
        pursuits: Let one drawing in four follow one fault with one at each call that is made only because of it.
    """

    outages: bool = True
    recovery_first: bool = True
    classes: bool = True
    effects: bool = True
    swarm: bool = True
    pursuits: bool = True
