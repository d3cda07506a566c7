"""The difference between two JSON documents, place by place.

The order of an object's members never counts. A text that is itself a JSON object or list is compared as what it says,
and a pointer leads into it: `/content/0/text/temperature`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias, cast

from pytest_mcpflow.cassette.values import canonical
from pytest_mcpflow.cassette.volatile import settled

__all__ = ["MISSING", "Difference", "Missing", "check_pointer", "differences", "resolve"]


class Missing(Enum):
    """The one value that no document holds."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING

Scalar: TypeAlias = str | float | bool | None
Token: TypeAlias = str | int

_SETS = frozenset({"enum", "required", "type"})
"""Lists whose order JSON Schema gives no meaning (JSON Schema Validation 2020-12, sections 6.1.1, 6.1.2, 6.5.3)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two documents differ.

    Args:
        pointer: The place, as a JSON pointer (RFC 6901); empty for the whole document.
        old: What the first document has there, or `MISSING`.
        new: What the second has there, or `MISSING`.
    """

    pointer: str
    old: object
    new: object


def differences(
    old: object,
    new: object,
    *,
    ignore: Iterable[str] = (),
    exact: bool = False,
    schema: bool = False,
) -> tuple[Difference, ...]:
    """Where two JSON documents differ, in the order of the pointers.

    Args:
        old: One document.
        new: The other.
        ignore: JSON pointers of places that do not count, with all below them; `*` stands for any one step.
        exact: Whether two different instants, identifiers and the like are a difference.
        schema: Whether the documents hold JSON Schemas, in which the order of `required`, `enum` and `type` means
            nothing.

    Raises:
        ValueError: One of `ignore` is no JSON pointer.
    """
    ignored = [_tokens(check_pointer(pointer)) for pointer in ignore]
    found: list[Difference] = []
    # A stack of our own: how deep a document from a stranger may be is not for Python's stack to decide.
    todo: list[tuple[tuple[Token, ...], object, object]] = [((), old, new)]
    while todo:
        path, left, right = todo.pop()
        if any(_leads_to(each, path) for each in ignored):
            continue
        # That text became an object, or the reverse, is a difference, whatever both say.
        alike = isinstance(left, str) == isinstance(right, str)
        left_inside, right_inside = (_inside(left), _inside(right)) if alike else (False, False)
        if isinstance(left_inside, dict) and isinstance(right_inside, dict):
            members = _members(left_inside, right_inside)
            todo += [((*path, name), a, b) for name, a, b in reversed(members)]
        elif isinstance(left_inside, list) and isinstance(right_inside, list):
            if schema and path and path[-1] in _SETS and _same_set(left_inside, right_inside):
                continue
            items = _items(left_inside, right_inside)
            todo += [((*path, index), a, b) for index, a, b in reversed(items)]
        elif not _same(left, right, str(path[-1]) if path else "", exact=exact):
            found.append(Difference(_pointer(path), left, right))
    return tuple(found)


def resolve(document: object, pointer: str) -> object:
    """What a document has at a pointer, also within text that is JSON; `MISSING` if there is nothing.

    Raises:
        ValueError: It is no JSON pointer.
    """
    here = document
    for token in _tokens(check_pointer(pointer)):
        inside = _inside(here)
        if isinstance(inside, dict) and token in inside:
            here = inside[token]
        elif isinstance(inside, list) and token.isdecimal() and int(token) < len(inside):
            here = inside[int(token)]
        else:
            return MISSING
    return here


def check_pointer(pointer: str) -> str:
    """Hand a JSON pointer on.

    Raises:
        ValueError: It is none; the message says what one looks like.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer, which looks like /structuredContent/now")
    return pointer


def _tokens(pointer: str) -> tuple[str, ...]:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _pointer(path: Sequence[Token]) -> str:
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in path)


def _leads_to(ignored: tuple[str, ...], path: tuple[Token, ...]) -> bool:
    return len(ignored) == len(path) and all(
        wanted in ("*", str(token)) for wanted, token in zip(ignored, path, strict=True)
    )


def _inside(value: object) -> dict[str, object] | list[object] | Literal[False]:
    """The object or list that a value is, or that its text says; `False` for everything else."""
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("{", "["):
            return False
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    if isinstance(value, Mapping):
        return cast("dict[str, object]", value)
    if isinstance(value, list):
        return cast("list[object]", value)
    return False


def _members(left: Mapping[str, object], right: Mapping[str, object]) -> list[tuple[Token, object, object]]:
    return [(name, left.get(name, MISSING), right.get(name, MISSING)) for name in sorted({*left, *right})]


def _items(left: Sequence[object], right: Sequence[object]) -> list[tuple[Token, object, object]]:
    return [
        (
            index,
            left[index] if index < len(left) else MISSING,
            right[index] if index < len(right) else MISSING,
        )
        for index in range(max(len(left), len(right)))
    ]


def _same_set(left: Sequence[object], right: Sequence[object]) -> bool:
    return sorted(map(canonical, left)) == sorted(map(canonical, right))


def _same(left: object, right: object, name: str, *, exact: bool) -> bool:
    """Whether two values are the same, of which at most one is an object or a list."""
    if isinstance(left, str | int | float | None) and isinstance(right, str | int | float | None):
        if _type(left) != _type(right):
            return False
        # A value that is not equal to itself is NaN, which Python reads although JSON has none.
        if left == right or (left != left and right != right):
            return True
        return not exact and settled(left, name=name) == settled(right, name=name)
    return False


def _type(value: Scalar) -> str:
    """As JSON sees it: `true` is no number, and 1 and 1.0 are one."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
