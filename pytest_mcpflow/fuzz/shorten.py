"""Leaving out steps and arguments that a broken promise does not need."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.session import replayed
from pytest_mcpflow.fuzz.steps import CallTool, Step
from pytest_mcpflow.fuzz.subject import Target

__all__ = ["shorten"]


def shorten(target: Target, broken: Broken, laws: Collection[Law]) -> tuple[Broken, list[Step]] | None:
    """The same broken promise after as few steps as can be, or `None` if it does not come again at all."""
    steps = [each.step for each in broken.happened]
    found = _same(target, steps, broken, laws)
    while found is not None:
        for fewer in _fewer(steps):
            shorter = _same(target, fewer, broken, laws)
            if shorter is not None:
                found, steps = shorter, fewer
                break
        else:
            return found, steps
    return None


def _same(target: Target, steps: Sequence[Step], broken: Broken, laws: Collection[Law]) -> Broken | None:
    again, _ = replayed(target, steps, laws)
    return again if again is not None and again.kind == broken.kind else None


def _fewer(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps less half of them, less one of them, and less one argument that may be missing."""
    half = len(steps) // 2
    if half > 1:
        yield [*steps[half:]]
    for index in range(len(steps) - 1):
        yield [*steps[:index], *steps[index + 1 :]]
    for index, step in enumerate(steps):
        if isinstance(step, CallTool):
            for name in step.arguments:
                rest = {each: value for each, value in step.arguments.items() if each != name}
                yield [*steps[:index], replace(step, arguments=rest), *steps[index + 1 :]]
