"""The fakes that ship, by the names of their services."""

from __future__ import annotations

import importlib
import pkgutil

import pytest_mcpflow.fakes
from pytest_mcpflow.errors import UnknownNameError
from pytest_mcpflow.fake import Fake

__all__ = ["fake_named"]


def fake_named(service: str) -> Fake:
    """A new fake of a service, with nothing in it yet.

    Raises:
        UnknownNameError: None ships of that name.
    """
    names = {
        module.name.replace("_", "-"): module.name
        for module in pkgutil.iter_modules(pytest_mcpflow.fakes.__path__)
        if not module.name.startswith("_")
    }
    if service not in names:
        raise UnknownNameError("fake", service, names)
    module = importlib.import_module(f"pytest_mcpflow.fakes.{names[service]}")
    found: list[type[Fake]] = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Fake) and each is not Fake and each.service == service
    ]
    return found[0]()
