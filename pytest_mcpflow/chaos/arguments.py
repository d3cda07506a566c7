"""What a pinned test hands to the test that it calls: values of its parameters, and fixtures."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_mcpflow.own_marks import cases_of
from pytest_mcpflow.report.pinned import quoted

__all__ = ["Arguments", "arguments_of"]

FIXTURE = "mcpflow"
DEFINITION = type(pytest.fixture(lambda: None))
SETUPS = frozenset({"setup_module", "setup_function", "setup_class", "setup_method"})


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """How a test is called by another one.

    Args:
        parameters: Of the function that calls it: the fixtures that it hands on.
        passed: What it hands on, as Python has it.
        marks: Those of the function that calls it, as Python has them after `pytest.mark.`.
        obstacle: Why it cannot be called like that; empty if it can.
    """

    parameters: str
    passed: str
    marks: tuple[str, ...] = ()
    obstacle: str = ""


def arguments_of(item: pytest.Function, test: Callable[..., Any], target: str) -> Arguments:
    """How an item's test is called with what the item was given.

    Args:
        item: The test.
        test: Its function.
        target: The function as the calling module names it.
    """
    names = [*inspect.signature(test).parameters]
    values, marks, obstacles = dict[str, str](), list[str](), list[str]()
    used = [str(each) for mark in item.iter_markers("usefixtures") for each in mark.args]
    if used:
        marks.append(f"usefixtures({', '.join(map(quoted, dict.fromkeys(used)))})")
    for name, value in _given(item).items():
        text, is_direct = _written(item, name, value, target), item.funcargs.get(name) is value
        if text is not None and is_direct and name in names:
            values[name] = text
        elif text is not None:
            marks.append(f"parametrize({quoted(name)}, [{text}]{'' if is_direct else ', indirect=True'})")
        elif is_direct or cases_of(_function(item), name):
            obstacles.append(
                f"its parameter {name!r} has a value that has no literal form and is in no parametrize mark of its own"
            )
    obstacles += [
        f"it has {what} of {where} alone, which another file does not have; move that into a conftest.py"
        for what, where in _own(item)
    ]
    asked = [name for name in names if name not in values]
    return Arguments(
        parameters=", ".join(f"{name}: Hub" if name == FIXTURE else name for name in asked),
        passed=", ".join(f"{name}={values.get(name, name)}" for name in names),
        marks=tuple(marks),
        obstacle="; ".join(obstacles),
    )


def _given(item: pytest.Function) -> Mapping[str, Any]:
    """What parametrization gives to a test and its fixtures; the ways that the hub goes are not from the test."""
    callspec = getattr(item, "callspec", None)
    values: Mapping[str, Any] = callspec.params if callspec is not None else {}
    return {
        name: value
        for name, value in values.items()
        if name in item.fixturenames and name != FIXTURE and not name.startswith("_")
    }


def _written(item: pytest.Function, name: str, value: object, target: str) -> str | None:
    """A value as Python has it, or where it comes from; `None` if neither can be said."""
    if isinstance(value, str) and type(value) is str:
        return quoted(value) if value.isprintable() else ascii(value)
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if type(value) in (int, float, bool, bytes, type(None)) and is_finite:
        return repr(value)
    cases = cases_of(_function(item), name)
    case = next((case for case, each in cases.items() if each is value), None)
    return None if case is None else f"parameter_of({target}, {quoted(name)}, {quoted(case)})"


def _function(item: pytest.Function) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(item.cls or item.module, item.originalname)
    return function


def _own(item: pytest.Function) -> Iterator[tuple[str, str]]:
    """What of a test's fixtures and setup is found in its file or class only, and in which."""
    for node in item.listchain():
        if not isinstance(node, pytest.Module | pytest.Class):
            continue
        for name, found in inspect.getmembers_static(node.obj):
            if isinstance(found, DEFINITION) and found.name in item.fixturenames:
                yield f"the fixture {found.name!r}", node.name
            elif name in SETUPS:
                yield name, node.name
