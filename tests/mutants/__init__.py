"""Workflows that are wrong on purpose: a module for each scenario, named like it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from pytest_mcpflow import Workflow

__all__ = ["planted"]


def planted() -> Iterator[tuple[str, str, Workflow, str]]:
    """Scenario, what is wrong, the workflow, and the check that must catch it."""
    for module in pkgutil.iter_modules(__path__):
        mutants: dict[str, tuple[Workflow, str]] = importlib.import_module(f"mutants.{module.name}").MUTANTS
        for wrong, (workflow, check) in mutants.items():
            yield module.name.replace("_", "-"), wrong, workflow, check
