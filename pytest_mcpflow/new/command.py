"""`mcpflow new scenario NAME` and `mcpflow new fake NAME [--from TAPE]`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from pytest_mcpflow.errors import MCPFlowError
from pytest_mcpflow.new import fake, from_tape, scenario
from pytest_mcpflow.new.files import write_new
from pytest_mcpflow.new.names import Name, NewFileError
from pytest_mcpflow.new.recorded import tools_on

__all__ = ["add_arguments", "run"]

WRITTEN, NOT_WRITTEN = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = "Write a scenario, or a fake with its test, that works as it is written."
    parser.add_argument("what", choices=("fake", "scenario"), metavar="fake|scenario", help="what to write")
    parser.add_argument(
        "name", metavar="NAME", help="such as nightly-backup, nightly_backup or NightlyBackup"
    )
    parser.add_argument(
        "--from",
        dest="tape",
        type=Path,
        metavar="TAPE",
        help="give the fake the tools and answers of a recorded server",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(), metavar="FOLDER", help="where to write (default: this folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the files, and say how to run them; exit code 2 if they cannot be written."""
    folder = cast("Path", options.folder)
    try:
        if not folder.is_dir():
            raise NewFileError(f"there is no folder {folder}; make it first")
        if options.what == "scenario":
            if options.tape is not None:
                raise NewFileError(
                    "a scenario is not made from a tape; say `mcpflow new fake NAME --from TAPE`"
                )
            return _new_scenario(options.name, folder)
        return _new_fake(options.name, folder, options.tape)
    except MCPFlowError as error:
        print(f"mcpflow new: {error}", file=sys.stderr)
        return NOT_WRITTEN


def _new_fake(text: str, folder: Path, tape: Path | None) -> int:
    name = Name.parse(text, taken=fake.TAKEN if tape is None else from_tape.TAKEN)
    left_out: Sequence[str] = ()
    if tape is None:
        module, test = fake.fake_text(name), fake.test_text(name)
    else:
        tools = tools_on(tape)
        written = from_tape.fake_of(name, tools, tape=tape.name)
        module, test, left_out = (
            written.text,
            from_tape.test_of(name, tools, tape=tape.name),
            written.left_out,
        )
    tests = folder / f"test_{name.module}.py"
    _write({folder / f"{name.module}.py": module, tests: test}, name)
    for line in left_out:
        print(f"left out: {line}")
    print(f"run its test: pytest {shlex.quote(str(tests))}")
    return WRITTEN


def _new_scenario(text: str, folder: Path) -> int:
    name = Name.parse(text, taken=scenario.TAKEN)
    writer = _ScenarioWriter(name, folder / f"{name.module}.py")
    code = int(pytest.main(["-qq", "--assert=plain"], plugins=[writer]))
    if writer.error is not None:
        raise writer.error
    return code


class _ScenarioWriter:
    """Runs in place of a test session, where it is known which ini file counts and which scenarios there are."""

    def __init__(self, name: Name, path: Path) -> None:
        self._name, self._path = name, path
        self.error: MCPFlowError | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        try:
            self._write(config)
        except MCPFlowError as error:
            self.error = error
        return WRITTEN

    def _write(self, config: pytest.Config) -> None:
        from pytest_mcpflow.scenario_items import catalogue_of

        name, path = self._name, self._path
        if any(each.name == name.kebab for each in catalogue_of(config)):
            raise NewFileError(f"there is a scenario {name.kebab!r} already; take another name")
        texts = {path: scenario.scenario_text(name)}
        run_it = f"pytest --mcp-scenario {name.kebab}"
        if self._is_found(config):
            _write(texts, name)
        elif config.inipath is None:
            _write({**texts, Path("pytest.ini"): f"[pytest]\nmcp_scenarios = {path.as_posix()}\n"}, name)
        else:
            _write(texts, name)
            seen_from_ini = Path(os.path.relpath(path, config.inipath.parent)).as_posix()
            print(f"add to mcp_scenarios in {config.inipath.name}: {seen_from_ini}")
            run_it += f" -o {shlex.quote(f'mcp_scenarios={seen_from_ini}')}"
        print(f"run it: {run_it}")

    def _is_found(self, config: pytest.Config) -> bool:
        """Whether the ini file names the file, or its folder, already."""
        target = self._path.resolve()
        named = [Path(each).resolve() for each in cast("list[Path]", config.getini("mcp_scenarios"))]
        return target in named or target.parent in named


def _write(texts: dict[Path, str], name: Name) -> None:
    name.check_import()
    write_new(texts)
    for path in texts:
        print(f"wrote {path}")
