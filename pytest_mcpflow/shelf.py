"""The fakes that ship, by the names of their services: those of the documents, and those of real servers."""

from __future__ import annotations

import importlib
import pkgutil

import pytest_mcpflow.fakes
import pytest_mcpflow.fakes.real
from pytest_mcpflow.errors import UnknownNameError
from pytest_mcpflow.fake import Fake

__all__ = ["fake_named", "fake_names"]


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


def _modules() -> dict[str, str]:
    return {
        module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
        for package in (pytest_mcpflow.fakes, pytest_mcpflow.fakes.real)
        for module in pkgutil.iter_modules(package.__path__)
        if not module.ispkg and not module.name.startswith("_")
    }
