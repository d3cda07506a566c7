"""The marks that a test function has in its source: on itself, its class and its file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, cast

import pytest

__all__ = ["own_marks"]


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
