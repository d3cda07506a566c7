"""JSON Schemas that lead back to themselves without a step into the value, so that no validator comes to an end.

A tree whose nodes refer to their like is none of them: there, each reference is for a smaller value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

__all__ = ["REFERENCES", "endless_reference"]

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def endless_reference(nodes: Iterable[dict[str, Any]], resolve: Callable[[str], object]) -> str | None:
    """A reference that leads back to where it stands, whatever the value is; `None` if there is none."""
    for node in nodes:
        for reference in _references(node):
            if _leads_to(resolve(reference), node, resolve):
                return reference
    return None


def _leads_to(start: object, end: dict[str, Any], resolve: Callable[[str], object]) -> bool:
    todo, seen = [start], set[int]()
    while todo:
        node = todo.pop()
        if node is end:
            return True
        if isinstance(node, dict) and id(cast("object", node)) not in seen:
            seen.add(id(cast("object", node)))
            todo += _for_the_same_value(cast("dict[str, Any]", node), resolve)
    return False


def _for_the_same_value(node: dict[str, Any], resolve: Callable[[str], object]) -> Iterator[object]:
    """The schemas that a validator always asks about the value that it has in hand.

    Of `anyOf` that is the first: if it accepts a value, nobody asks the others.
    """
    for reference in _references(node):
        yield resolve(reference)
    for keyword, asked in (("allOf", None), ("oneOf", None), ("anyOf", 1)):
        if isinstance(parts := node.get(keyword), list):  # else it is the name of a property
            yield from cast("list[object]", parts)[:asked]
    yield node.get("not")
    yield node.get("if")


def _references(node: dict[str, Any]) -> list[str]:
    return [node[keyword] for keyword in REFERENCES if isinstance(node.get(keyword), str)]
