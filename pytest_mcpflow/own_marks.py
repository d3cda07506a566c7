"""The marks that a test function has in its source: on itself, its class and its file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from functools import reduce
from typing import Any, cast

import pytest

from pytest_mcpflow.errors import UnknownNameError

__all__ = ["cases_of", "own_marks", "parameter_of"]


def own_marks(test: Callable[..., Any], name: str) -> list[pytest.Mark]:
    """The marks of that name, the nearest first, as `pytest.Item.iter_markers` has them.

    Args:
        test: The function, or for one of a class what `TestClass.test_it` gives.
        name: The marks' name.
    """
    module = sys.modules.get(test.__module__)
    names = test.__qualname__.split(".")[:-1]
    owner = reduce(lambda place, each: getattr(place, each, None), names, cast("object", module))
    classes = [*owner.__mro__] if isinstance(owner, type) else []
    places = [test, *classes, module]
    return [mark for place in places for mark in _marks(place) if mark.name == name]


def _marks(place: object) -> Iterable[pytest.Mark]:
    """What stands on one place itself; of a class not what stands on those it inherits from."""
    found: Any = getattr(place, "__dict__", {}).get("pytestmark", ())
    marks: list[Any] = [*found] if hasattr(found, "__iter__") else [found]
    return [each.mark if isinstance(each, pytest.MarkDecorator) else each for each in marks]


def parameter_of(test: Callable[..., Any], name: str, case: str) -> Any:
    """The value that `@pytest.mark.parametrize` gives to a parameter of a test; pinned tests take theirs from there.

    Args:
        test: The test's function.
        name: The parameter.
        case: The id that its mark gives to that value; without one, the name of a function or a class, and else the
            parameter's name and a number, `job0`.

    Raises:
        UnknownNameError: The test has no such case any more.
    """
    cases = cases_of(test, name)
    if case not in cases:
        asked = f"case of the parameter {name!r} of {test.__module__}.{test.__qualname__}"
        raise UnknownNameError(asked, case, cases)
    return cases[case]


def cases_of(test: Callable[..., Any], name: str) -> dict[str, Any]:
    """The values that a test's own marks give to a parameter, by their ids; none if no mark does, or only once."""
    cases: dict[str, Any] = {}
    for mark in own_marks(test, "parametrize"):
        names, rows, ids = _read(*mark.args, **mark.kwargs)
        if name not in names or not isinstance(rows, Collection):  # a generator has none left
            continue
        for number, row in enumerate(rows):
            given = ids[number] if ids else None
            if isinstance(row, CASE):
                values, given = row.values, row.id or given
            else:
                values = row if isinstance(names, list) else (row,)
            value = values[list(names).index(name)]
            case = given if isinstance(given, str) else str(getattr(value, "__name__", f"{name}{number}"))
            cases[case if case not in cases else f"{case}-{number}"] = value
    return cases


CASE: Any = type(pytest.param())


def _read(
    argnames: str | Collection[str],
    argvalues: Iterable[Any],
    indirect: object = False,
    ids: object = None,
    *,
    scope: object = None,
) -> tuple[Collection[str], Iterable[Any], list[object]]:
    """The names of a mark `parametrize`, a list if each of its rows has as many values; its rows; and their ids."""
    given = [*cast("Collection[object]", ids)] if isinstance(ids, list | tuple) else []
    if not isinstance(argnames, str):
        return [*argnames], argvalues, given
    names = [each.strip() for each in argnames.split(",") if each.strip()]
    return (names if len(names) > 1 else tuple(names)), argvalues, given
