"""Finding scenarios: those that ship, a user's own files, and those of plugins; and selecting among them."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import cast

from pytest_mcpflow.errors import ScenarioError, UnknownNameError, nearest_phrase
from pytest_mcpflow.scenario import Scenario, Workflow, check_definition

__all__ = ["Catalogue", "builtin_scenarios", "load_workflow", "scenarios_in"]

BeforeImport = Callable[[str], None]
"""Is told a module's name before it is imported (pytest rewrites its assertions then)."""


class Catalogue:
    """Scenarios by name.

    Raises:
        ScenarioError: Two scenarios of one name, or one whose checks would never be evaluated.
    """

    def __init__(self, scenarios: Iterable[type[Scenario]]) -> None:
        self._by_name: dict[str, type[Scenario]] = {}
        for scenario in scenarios:
            check_definition(scenario)
            known = self._by_name.setdefault(scenario.name, scenario)
            if known is not scenario:
                raise ScenarioError(
                    f"two scenarios are named {scenario.name!r}: {known.__module__}.{known.__qualname__} and "
                    f"{scenario.__module__}.{scenario.__qualname__}; set `name = ...` on one"
                )

    def __iter__(self) -> Iterator[type[Scenario]]:
        return iter(sorted(self._by_name.values(), key=lambda scenario: scenario.name))

    def select(self, patterns: Sequence[str]) -> list[type[Scenario]]:
        """The scenarios that a name, a tag or a glob names, each once, in order of their names.

        Raises:
            UnknownNameError: A pattern names none.
        """
        selected: set[str] = set()
        for pattern in patterns:
            found = {
                scenario.name
                for scenario in self
                if any(fnmatch.fnmatchcase(word, pattern) for word in (scenario.name, *scenario.tags))
            }
            if not found:
                known = {word for scenario in self for word in (scenario.name, *scenario.tags)}
                raise UnknownNameError(
                    "scenario, tag or glob", pattern, known, advice="`mcpflow scenarios` lists all"
                )
            selected |= found
        return [scenario for scenario in self if scenario.name in selected]


def builtin_scenarios(before_import: BeforeImport = lambda _: None) -> Iterator[type[Scenario]]:
    """The scenarios that ship with pytest-mcpflow; private modules hold what several of them share."""
    package = importlib.import_module("pytest_mcpflow.scenarios")
    names = [module.name for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}.")]
    for name in names:  # all of them first, since the first one imports others
        before_import(name)
    for name in names:
        if not name.rpartition(".")[2].startswith("_"):
            yield from _defined_in(importlib.import_module(name))


def scenarios_in(path: Path, before_import: BeforeImport = lambda _: None) -> Iterator[type[Scenario]]:
    """The scenarios of a Python file, or of all Python files of a folder.

    Raises:
        ScenarioError: The path does not exist, a file cannot be imported, or there is no scenario in it.
    """
    if not path.exists():
        raise ScenarioError(f"mcp_scenarios names {path}, which does not exist")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    found = [scenario for file in files for scenario in _defined_in(_import_file(file, before_import))]
    if not found:
        raise ScenarioError(f"mcp_scenarios names {path}, where no subclass of Scenario is defined")
    yield from found


def load_workflow(reference: str, *, search: Sequence[Path] = ()) -> Workflow:
    """Import `module:callable`; `search` comes before the import path.

    Raises:
        ScenarioError: It cannot be imported, is not async, or does not take a hub.
    """
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise ScenarioError(f"workflow {reference!r} is not of the form module:callable")
    with _on_path(search):
        try:
            found: object = importlib.import_module(module_name)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
                folders = ", ".join(dict.fromkeys(map(str, search)))
                cure = f"looked in {folders} and where Python looks; say where it is: PYTHONPATH=FOLDER pytest ..."
            else:
                cure = f"its own code raised that; see: python -c 'import {module_name}'"
            raise ScenarioError(
                f"workflow {reference!r}: importing {module_name} failed, {_said(error)}; {cure}"
            ) from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            there = nearest_phrase(name, [each for each in dir(found) if not each.startswith("_")])
            raise ScenarioError(
                f"workflow {reference!r}: there is no {name!r} in {found!r}; {there}"
            ) from None
    if not (
        inspect.iscoroutinefunction(found)
        or inspect.iscoroutinefunction(getattr(type(found), "__call__", None))  # noqa: B004 - is it async, not: callable
    ):
        raise ScenarioError(f"workflow {reference!r} is not async; write `async def {attribute}(hub)`")
    try:
        inspect.signature(cast("Workflow", found)).bind(object())
    except TypeError as error:
        raise ScenarioError(f"workflow {reference!r} must take one argument, the hub: {error}") from None
    return cast("Workflow", found)


def _defined_in(module: ModuleType) -> Iterator[type[Scenario]]:
    for member in vars(module).values():
        is_scenario = isinstance(member, type) and issubclass(member, Scenario)
        if is_scenario and member.__module__ == module.__name__ and not member.__name__.startswith("_"):
            yield member


def _import_file(file: Path, before_import: BeforeImport) -> ModuleType:
    file = file.resolve()
    root = file.parent
    parts = [file.stem]
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    name = ".".join(parts)
    before_import(name)
    with _on_path([root]):
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise ScenarioError(f"{file}: importing it failed, {_said(error)}") from error
    if Path(cast("str", module.__file__)).resolve() != file:
        raise ScenarioError(
            f"{file}: another module named {name!r} is imported already ({module.__file__}); rename the file"
        )
    return module


@contextmanager
def _on_path(folders: Sequence[Path]) -> Generator[None]:
    added = [str(folder) for folder in folders]
    sys.path[:0] = added
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


Workflows = Mapping[str, Workflow]
