"""The plugin costs a user nothing until it is used: what is imported when."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from checkout import run

import pytest_mcpflow
from pytest_mcpflow import Era, RecordMode, Way, option_list

HEAVY = {
    "anyio",
    "asyncio",
    "httpx2",
    "mcp",
    "mcp_types",
    "pydantic",
    "pydantic_core",
    "starlette",
    "uvicorn",
}
PRINT_MODULES = "import sys; print(*sorted(sys.modules))"


def _loaded_by(statement: str, folder: Path) -> set[str]:
    return {*run([sys.executable, "-c", f"{statement}; {PRINT_MODULES}"], cwd=folder).split()}


def _roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_importing_the_package_imports_one_module(tmp_path: Path) -> None:
    before = _loaded_by("from typing import TYPE_CHECKING", tmp_path)

    assert _loaded_by("import pytest_mcpflow", tmp_path) - before == {"pytest_mcpflow", "__future__"}


def test_importing_the_plugin_imports_nothing_foreign_beyond_pytest(tmp_path: Path) -> None:
    before = _loaded_by("import pytest, inspect", tmp_path)
    added = _roots(_loaded_by("import pytest, inspect, pytest_mcpflow.plugin", tmp_path) - before)

    assert added - sys.stdlib_module_names == {"pytest_mcpflow"}
    assert added & HEAVY == set()


def test_a_run_that_does_not_use_the_plugin_imports_nothing_heavy_for_it(tmp_path: Path) -> None:
    (tmp_path / "test_empty.py").write_text("def test_empty() -> None: ...\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import sys\n\ndef pytest_unconfigure() -> None:\n    print('LOADED', *sorted(sys.modules))\n",
        encoding="utf-8",
    )

    def loaded(*options: str) -> set[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        said = run(command, cwd=tmp_path, set_environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
        assert "1 passed" in said
        (line,) = [each for each in said.splitlines() if each.startswith("LOADED ")]
        return {*line.split()[1:]}

    added = loaded("-p", "pytest_mcpflow.plugin") - loaded()

    assert {each for each in added if each.startswith("pytest_mcpflow.")} == {
        f"pytest_mcpflow.{each}"
        for each in ("fixtures", "fixtures.hub", "hookspecs", "option_list", "plugin", "stash")
    }
    assert _roots(added) - sys.stdlib_module_names == {"pytest_mcpflow"}
    assert _roots(added) & HEAVY == set()


@pytest.mark.parametrize("name", pytest_mcpflow.__all__)
def test_every_public_name_resolves(name: str) -> None:
    value: object = getattr(pytest_mcpflow, name)

    assert value is not None
    assert name in dir(pytest_mcpflow)


def test_public_names_are_sorted_and_listed_once() -> None:
    assert [*pytest_mcpflow.__all__] == sorted(set(pytest_mcpflow.__all__))


@pytest.mark.parametrize("name", pytest_mcpflow.__all__)
def test_a_public_name_is_public_in_its_home_too(name: str) -> None:
    homes = [home for home, names in pytest_mcpflow._HOMES.items() if name in names]  # pyright: ignore[reportPrivateUsage]  # the map is what is tested

    assert len(homes) == 1
    assert name in importlib.import_module(f"pytest_mcpflow.{homes[0]}").__all__


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Hubb'"):
        getattr(pytest_mcpflow, "Hubb")  # noqa: B009 - mypy would refuse the attribute


def test_the_options_know_the_enumerations_without_importing_them() -> None:
    assert tuple(Way) == option_list.WAYS
    assert tuple(Era) == option_list.ERAS
    assert tuple(RecordMode) == option_list.RECORD_MODES
