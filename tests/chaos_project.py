"""Running pytest in a project of a user, and reading what it says of an exploration."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from checkout import ROOT

from pytest_mcpflow.catalogue import builtin_scenarios

__all__ = [
    "EXAMPLE",
    "HASTY",
    "HEAD",
    "block_of",
    "example_in",
    "marked",
    "ran",
    "reproduced",
    "verdicts_of_junit",
]


SHIPPED = tuple(builtin_scenarios())
HEAD = """
import asyncio

import pytest
from booking import Hotel, book_carefully, book_hastily


"""
"""Of a file in the project with the hotel, whose tests are marked."""
HASTY = """
async def test_it(mcpflow):
    hotel = mcpflow.serve(Hotel())
    await book_hastily(mcpflow)
    assert len(hotel.booked) <= 1
"""
"""A test that fails when a reply is lost."""
LATER = (
    "mcp",
    "time_machine",
    "pytest_mcpflow.chaos.marked",
    "pytest_mcpflow.chaos.summary",
    "pytest_mcpflow.explore_command",
    "pytest_mcpflow.survival",
)
"""What is imported when it is needed. Imported here, once: pytester forgets what is imported while it runs pytest."""
for module in LATER:
    importlib.import_module(module)

EXAMPLE = ROOT / "examples" / "chaos"


def example_in(pytester: pytest.Pytester) -> pytest.Pytester:
    """The example of the how-to, whose workflow books twice when an answer gets lost; without its tests."""
    for file in (*EXAMPLE.glob("*.py"), EXAMPLE / "pytest.ini"):
        if not file.name.startswith("test_"):
            shutil.copy(file, pytester.path / file.name)
    return pytester


def ran(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run pytest in this process, which has imported what takes long already."""
    plugins = ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    with_asyncio = any("asyncio" in option for option in options)
    plugins += ["-o", "asyncio_default_fixture_loop_scope=function"] if with_asyncio else ["-p", "no:asyncio"]
    return project.runpytest_inprocess(*plugins, *options)


def marked(project: pytest.Pytester, test: str, *options: str, marker: str = "") -> pytest.RunResult:
    """Run one test with the marker in the hotel's project."""
    project.makepyfile(test_it=f"{HEAD}@pytest.mark.mcp_chaos({marker}){test}")
    return ran(project, "test_it.py", *options)


def block_of(output: pytest.RunResult | pytest.LineMatcher, name: str) -> list[str]:
    """The lines of a failure, from the one that names what failed to the command that repeats it."""
    text = str(output if isinstance(output, pytest.LineMatcher) else output.stdout)
    found = re.search(rf"^{re.escape(name)} (?:failed|hung|leaked).*?^reproduce: [^\n]*$", text, re.M | re.S)
    assert found is not None, text
    return found[0].splitlines()


def reproduced(project: pytest.Pytester, block: list[str]) -> pytest.RunResult:
    """Run the command at the end of a failure."""
    command = shlex.split(block[-1].removeprefix("reproduce: "))
    assert command[0] == "pytest"
    return ran(project, *command[1:])


def verdicts_of_junit(file: Path) -> dict[str, str]:
    """The verdict of each test of a JUnit file: its property and whether it failed."""
    cases = ElementTree.parse(file).iter("testcase")  # noqa: S314 - pytest wrote it
    found: dict[str, str] = {}
    for case in cases:
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        failed = "failed" if case.find("failure") is not None else "passed"
        found[case.get("name", "")] = f"{failed}: {properties.get('mcp_claim')}"
    return found
