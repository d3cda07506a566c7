"""`--mcp-scenario`: what is selected, what fails, what a failure says."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from pytest_mcpflow.catalogue import builtin_scenarios

SCENARIO = '''
import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, Hub, Run, Scenario, invariant, tool


@dataclass
class Shop(Fake):
    """A shop."""

    ordered: list[str] = field(default_factory=list[str])

    @tool()
    def order(self, item: str) -> str:
        """Order."""
        self.ordered.append(item)
        return item


@dataclass
class Restock(Scenario):
    """The shelf is empty. Order more, once."""

    tags = ("shop",)
    shop: Shop = field(default_factory=Shop)

    async def workflow(self, hub: Hub) -> None:
        await asyncio.sleep(10)
        await hub.call_tool("shop.order", {"item": "tea"})

    def expect(self, run: Run) -> None:
        assert self.shop.ordered == ["tea"]

    @invariant
    def orders_once(self, run: Run) -> None:
        """A lost answer must not order twice."""
        assert len(run.effects("shop.order")) <= 1
'''

WORKFLOWS = """
import asyncio

async def twice(hub):
    for item in ("tea", "coffee", "milk"):
        await hub.call_tool("shop.order", {"item": item})

async def raises(hub):
    await hub.call_tool("shop.order", {"item": "tea"})
    raise ValueError("no money left")

async def together(hub):
    async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
        inner.create_task(raises(hub))

async def waits(hub):
    await hub.call_tool("shop.order", {"item": "tea"})
    await asyncio.Event().wait()

async def nothing(hub):
    pass

def plain(hub):
    pass

async def greedy(hub, more):
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a scenario and workflows to put in its place."""
    pytester.makepyfile(restock=SCENARIO, workflows=WORKFLOWS)
    pytester.makeini("[pytest]\nmcp_scenarios = restock.py\n")
    return pytester


def ran(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)


def with_workflow(project: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    return ran(project, "--mcp-scenario=restock", f"--mcp-workflow=restock=workflows:{name}", *options)


@pytest.mark.parametrize("pattern", ["restock", "shop", "rest*", "*stock"])
def test_a_name_a_tag_or_a_glob_selects(project: pytest.Pytester, pattern: str) -> None:
    project.makepyfile(test_other="def test_other(): assert 0")
    result = ran(project, f"--mcp-scenario={pattern}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*MCP scenarios, in virtual time*", "PASSED  restock?memory?*   1 calls       10.0 s"]
    )


def test_files_that_are_named_run_too(project: pytest.Pytester) -> None:
    project.makepyfile(test_other="def test_other(): pass")
    ran(project, "--mcp-scenario=restock", "test_other.py").assert_outcomes(passed=2)


def test_an_incident_is_one_of_four(project: pytest.Pytester) -> None:
    result = ran(project, "--mcp-scenario=incident", "--mcp-scenario=restock", "-q")
    result.assert_outcomes(passed=5)


def test_an_unknown_name_is_a_usage_error_with_the_nearest(project: pytest.Pytester) -> None:
    result = ran(project, "--mcp-scenario=incidnet")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown scenario, tag or glob 'incidnet'; nearest: incident,*"])


def test_each_transport_and_protocol_is_an_item(project: pytest.Pytester) -> None:
    options = [
        "--mcp-transport=direct",
        "--mcp-transport=http",
        "--mcp-protocol=2026-07-28",
        "--mcp-protocol=2025-11-25",
    ]
    result = ran(project, "--mcp-scenario=restock", "-v", *options)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*restock?http-2025-11-25? PASSED*"])


FAILURES = {
    "twice": [
        "broken: expect",
        'broken: orders_once - "A lost answer must not order twice."',
        "t= *shop.order(item='tea')*",
    ],
    "raises": ["broken: workflow", "*raised ValueError: no money left", "*at workflows.py:9 in raises"],
    "together": ["*raised ExceptionGroup: *", "*at workflows.py:9 in raises: ValueError: no money left"],
    "waits": ["broken: workflow", "*raised DeadlockError: *", "*in waits, workflows.py:*"],
    "nothing": ["broken: expect", "*the workflow called none of its servers: shop"],
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_failure_is_one_block_that_says_all(
    project: pytest.Pytester, name: str, options: tuple[str, ...]
) -> None:
    result = with_workflow(project, name, *options, "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [*FAILURES[name], "reproduce: pytest --mcp-scenario restock*"], consecutive=False
    )
    text = str(result.stdout)
    block = text[text.index("restock failed") : text.index("- MCP transcript -")].splitlines()[:-1]
    assert len(block) <= 25
    junit = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert re.search(r'errors="0" failures="1" skipped="0" tests="1"', junit)
    assert "FAILED  restock[memory]" in text


def test_the_reproduction_reproduces(project: pytest.Pytester) -> None:
    first = with_workflow(project, "twice")
    command = next(line for line in first.outlines if line.startswith("reproduce: "))
    again = ran(project, *shlex.split(command)[2:])
    again.assert_outcomes(failed=1)
    assert [line for line in again.outlines if line.startswith("broken:")] == [
        line for line in first.outlines if line.startswith("broken:")
    ]


def test_the_ini_file_puts_a_workflow_in_place(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nmcp_scenarios = restock.py\nmcp_workflows =\n    restock = workflows:twice\n")
    ran(project, "--mcp-scenario=restock").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("restock=workflows:plain", "is not async; write `async def plain(hub)`"),
        ("restock=workflows:greedy", "must take one argument, the hub"),
        ("restock=workflows:wait", "there is no 'wait' in <module 'workflows' from *>; nearest: waits"),
        ("restock=nowhere:run", "ModuleNotFoundError: *; looked in * and where Python looks; *PYTHONPATH"),
        (
            "restock=broken:run",
            "importing broken failed, *; its own code raised that; see: python -c 'import broken'",
        ),
        ("restock=workflows", "is not of the form module:callable"),
        ("restock", "is not of the form NAME=MODULE:CALLABLE"),
        ("restokc=workflows:twice", "unknown scenario 'restokc'; nearest: restock"),
    ],
)
def test_a_workflow_that_cannot_be_used_is_a_usage_error(
    project: pytest.Pytester, assignment: str, message: str
) -> None:
    project.makepyfile(broken="import missing")
    result = ran(project, "--mcp-scenario=restock", f"--mcp-workflow={assignment}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}*"])


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        (["--mcp-scenario=docs-*"], "*the scenario is not among those that --mcp-scenario selects (docs-*"),
        ([], "*no scenario is asked for; add --mcp-scenario NAME"),
    ],
)
def test_a_workflow_that_would_not_run_is_a_usage_error(
    project: pytest.Pytester, selected: list[str], message: str
) -> None:
    result = ran(project, *selected, "--mcp-workflow=restock=workflows:twice")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


BAD_SCENARIOS = {
    "nothing in it": ("x = 1\n", "no subclass of Scenario is defined"),
    "a syntax error": ("def (\n", "importing it failed, SyntaxError"),
    "no expectations": (SCENARIO.replace("def expect(", "def expected("), "lacks expect"),
    "an async expectation": (
        SCENARIO.replace("    def expect(", "    async def expect("),
        "is async or a generator",
    ),
    "an async invariant": (
        SCENARIO.replace("    def orders_once(", "    async def orders_once("),
        "is async or a generator",
    ),
    "a rule without words": (
        SCENARIO.replace('        """A lost answer must not order twice."""\n', ""),
        "has no docstring",
    ),
    "a workflow that is not async": (
        SCENARIO.replace("    async def workflow(", "    def workflow(").replace("await ", ""),
        "is not async",
    ),
    "two of one name": (
        SCENARIO + '\n@dataclass\nclass Other(Restock):\n    """Same."""\n    name = \'restock\'\n',
        "two scenarios are named 'restock'",
    ),
}


@pytest.mark.parametrize("why", BAD_SCENARIOS)
def test_a_scenario_that_cannot_be_used_is_a_usage_error(project: pytest.Pytester, why: str) -> None:
    source, message = BAD_SCENARIOS[why]
    (project.path / "restock.py").write_text(source, encoding="utf-8")
    result = ran(project, "--mcp-scenario=restock")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in str(result.stderr)


def test_a_path_that_does_not_exist_is_a_usage_error(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nmcp_scenarios = nowhere\n")
    result = ran(project, "--mcp-scenario=restock")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mcp_scenarios names *nowhere, which does not exist*"])


def test_an_expectation_that_returns_checked_nothing(project: pytest.Pytester) -> None:
    lazy = SCENARIO.replace(
        '        assert self.shop.ordered == ["tea"]', '        return self.shop.ordered == ["tea"]'
    )
    (project.path / "restock.py").write_text(lazy, encoding="utf-8")
    result = ran(project, "--mcp-scenario=restock")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*returned True where it should assert, so it checked nothing*"])


def test_a_conftest_adds_scenarios_by_the_hook(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\n")
    project.makeconftest(
        "from restock import Restock\ndef pytest_mcpflow_scenarios():\n    return [Restock]\n"
    )
    ran(project, "--mcp-scenario=restock").assert_outcomes(passed=1)


def test_names_deselect(project: pytest.Pytester) -> None:
    others = len(list(builtin_scenarios()))

    result = ran(project, "--mcp-scenario=*", "-k", "restock")

    result.assert_outcomes(passed=1, deselected=others)
    result.stdout.fnmatch_lines([f"collected {others + 1} items / {others} deselected / 1 selected"])


def test_the_list_fits_eighty_columns(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = project.run(sys.executable, "-m", "pytest_mcpflow", "scenarios")
    assert result.ret == 0
    lines = [line for line in result.outlines if line]
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("-") for line in lines)  # a server's name is never parted
    assert lines[lines.index("restock  [shop]") :][:3] == [
        "restock  [shop]",
        "    The shelf is empty. Order more, once.",
        "    servers: shop",
    ]
