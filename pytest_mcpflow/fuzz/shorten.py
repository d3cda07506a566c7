"""Making the steps that break a promise as few and as plain as can be.

Steps are left out, then arguments, then values become plainer: wherever a value stands, so that a name that two calls
share stays one name. Each attempt is a session of its own; hypothesis would need ten times as many, since it knows
choices and not steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.session import replayed
from pytest_mcpflow.fuzz.steps import CallTool, GetPrompt, ReadResource, Step, Wait
from pytest_mcpflow.fuzz.subject import Target

__all__ = ["shorten"]

Scalar = str | int | float | bool | None


def shorten(target: Target, broken: Broken, laws: Collection[Law]) -> tuple[Broken, list[Step]] | None:
    """The same broken promise after as few steps as can be, or `None` if it does not come again at all."""
    steps = [each.step for each in broken.happened if not each.again]
    found = _same(target, steps, broken, laws)
    while found is not None:
        for simpler in _simpler(steps):
            again = _same(target, simpler, broken, laws)
            if again is not None:
                found, steps = again, simpler
                break
        else:
            return found, steps
    return None


def _same(target: Target, steps: Sequence[Step], broken: Broken, laws: Collection[Law]) -> Broken | None:
    again, _ = replayed(target, steps, laws)
    return again if again is not None and again.kind == broken.kind else None


def _simpler(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """What is simpler than these steps, the greatest leaps first."""
    half = len(steps) // 2
    if half > 1:
        yield [*steps[half:]]
    for index in range(len(steps) - 1):
        yield [*steps[:index], *steps[index + 1 :]]
    for index, step in enumerate(steps):
        for plainer in _plainer(step):
            yield [*steps[:index], plainer, *steps[index + 1 :]]
    for old in _scalars(steps):
        for new in _plainer_scalars(old):
            yield [_with_arguments(step, lambda value: _replaced(value, old, new)) for step in steps]  # noqa: B023


def _plainer(step: Step) -> Iterator[Step]:
    match step:
        case CallTool():
            yield from (replace(step, arguments=arguments) for arguments in _smaller(step.arguments))
            if step.answers:
                yield replace(step, answers=step.answers[:-1])
        case GetPrompt():
            yield from (replace(step, arguments=arguments) for arguments in _smaller(step.arguments))
        case ReadResource():
            scheme, _, path = step.uri.partition("://")
            segments = path.split("/")
            for index, segment in enumerate(segments):
                if len(segment) > 1:
                    yield ReadResource(
                        f"{scheme}://{'/'.join([*segments[:index], 'a', *segments[index + 1 :]])}"
                    )
        case Wait():
            if step.seconds > 1:
                yield Wait(1.0)


def _smaller(value: Any) -> Iterator[Any]:
    """A mapping or a list less one of its entries, or with a smaller one in it."""
    if isinstance(value, Mapping):
        entries = dict(cast("Mapping[str, Any]", value))
        for name in entries:
            yield {each: inner for each, inner in entries.items() if each != name}
        for name, inner in entries.items():
            yield from ({**entries, name: smaller} for smaller in _smaller(inner))
    elif isinstance(value, list):
        items = cast("list[object]", value)
        for index in range(len(items)):
            yield [*items[:index], *items[index + 1 :]]
        for index, inner in enumerate(items):
            yield from ([*items[:index], smaller, *items[index + 1 :]] for smaller in _smaller(inner))


def _scalars(steps: Sequence[Step]) -> list[Scalar]:
    """The values in the arguments, each once, in order."""
    found: dict[str, Scalar] = {}

    def note(value: Scalar) -> Scalar:
        found.setdefault(json.dumps(value), value)
        return value

    for step in steps:
        _with_arguments(step, note)
    return [*found.values()]


def _with_arguments(step: Step, change: Callable[[Scalar], Scalar]) -> Step:
    if isinstance(step, CallTool | GetPrompt):
        return replace(step, arguments=_mapped(step.arguments, change))
    return step


def _mapped(value: Any, change: Callable[[Scalar], Scalar]) -> Any:
    if isinstance(value, Mapping):
        return {name: _mapped(inner, change) for name, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in cast("list[object]", value)]
    return change(value)


def _replaced(value: Scalar, old: Scalar, new: Scalar) -> Scalar:
    return new if type(value) is type(old) and value == old else value


def _plainer_scalars(value: Scalar) -> Iterator[Scalar]:
    match value:
        case bool():
            if value:
                yield False
        case str():
            yield from (text for text in ("", "a", value[: len(value) // 2]) if len(text) < len(value))
            if len(value) == 1 and value != "a":
                yield "a"
        case int() | float():
            yield from (plain for plain in (0, 1, -1) if abs(plain) < abs(value))
            if abs(value) > 2:
                yield int(value / 2)
        case None:
            pass
