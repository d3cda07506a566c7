"""Fakes by name: those that ship by their services, and what is a user's own as `module:name`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest_mcpflow.fakes
import pytest_mcpflow.fakes.real
from pytest_mcpflow.errors import FakeDefinitionError, UnknownNameError
from pytest_mcpflow.fake import Fake

__all__ = ["attribute_at", "fake_at", "fake_named", "fake_names"]


def fake_names() -> list[str]:
    """The services of which a fake ships."""
    return sorted(_modules())


def fake_named(service: str) -> Fake:
    """A new fake of a service, with nothing in it yet.

    Raises:
        UnknownNameError: None ships of that name.
    """
    modules = _modules()
    if service not in modules:
        raise UnknownNameError("fake", service, modules)
    module = importlib.import_module(modules[service])
    found: list[type[Fake]] = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Fake) and each is not Fake and each.service == service
    ]
    return found[0]()


def fake_at(reference: str) -> Fake:
    """A new fake of a user's own, from a module in this folder or on the import path.

    Args:
        reference: `module:name`, where the name is a class of fakes, or a function that returns a fake.

    Raises:
        FakeDefinitionError: There is none; says what was found in its place.
    """
    try:
        fake: object = attribute_at(reference)()
    except Exception as error:
        raise FakeDefinitionError(f"no fake at {reference!r}: {type(error).__name__}: {error}") from error
    if not isinstance(fake, Fake):
        raise FakeDefinitionError(f"{reference!r} makes a {type(fake).__qualname__}, which is no Fake")
    return fake


def attribute_at(reference: str) -> Any:
    """What a module of a user's own has, in this folder or on the import path.

    Args:
        reference: `module:name`.

    Raises:
        ImportError: There is no such module; anything else may come from importing one.
        AttributeError: It has nothing of that name.
    """
    module_name, _, name = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does; for good, since the module may import more later
    return getattr(importlib.import_module(module_name), name)


def _modules() -> dict[str, str]:
    return {
        module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
        for package in (pytest_mcpflow.fakes, pytest_mcpflow.fakes.real)
        for module in pkgutil.iter_modules(package.__path__)
        if not module.ispkg and not module.name.startswith("_")
    }
