"""Other orders of ready tasks: asked for by options and markers, repeated by one command, kept as a test."""

from __future__ import annotations

import json

import pytest
from chaos_project import block_of, ran, reproduced

from pytest_mcpflow.cli import main

LEDGER = '''
import asyncio
from dataclasses import dataclass, field

from pytest_mcpflow import Fake, Hub, Run, Scenario, tool


@dataclass
class Ledger(Fake):
    """Keeps a balance."""

    balance: int = 0

    @tool(reads=True)
    def read(self) -> int:
        """The balance."""
        return self.balance

    @tool()
    def write(self, balance: int) -> None:
        """Set the balance."""
        self.balance = balance


async def add_twice(hub):
    async def add():
        balance = (await hub.call_tool("ledger.read", timeout=5))["result"]
        await hub.call_tool("ledger.write", {"balance": balance + 1}, timeout=5)

    await asyncio.gather(add(), add())


async def add_in_turn(hub):
    for _ in range(2):
        balance = (await hub.call_tool("ledger.read", timeout=5))["result"]
        await hub.call_tool("ledger.write", {"balance": balance + 1}, timeout=5)


@dataclass
class AddTwice(Scenario):
    """Two tasks add one each, and nobody minds the other one."""

    ledger: Ledger = field(default_factory=Ledger)

    async def workflow(self, hub: Hub) -> None:
        await add_twice(hub)

    def expect(self, run: Run) -> None:
        assert self.ledger.balance == 2
'''
MARKED = """
import pytest
from ledger import Ledger, add_twice


@pytest.mark.mcp_chaos(schedules=20, kinds=["refuse"])
{}def test_adds(mcpflow):
    ledger = mcpflow.serve(Ledger())
    {}add_twice(mcpflow){}
    assert ledger.balance == 2
"""
ASYNC, PLAIN = ("async ", "await ", ""), ("", "mcpflow.run(", ")")
ASKED = ("--mcp-scenario=add-twice", "--mcp-chaos=1", "--mcp-chaos-kind=refuse")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a race that no fault is needed for."""
    pytester.makepyfile(ledger=LEDGER)
    pytester.makeini("[pytest]\nmcp_scenarios = ledger.py\npythonpath = .\n")
    return pytester


def test_a_race_without_any_fault_is_a_finding_that_one_command_repeats(project: pytest.Pytester) -> None:
    result = ran(project, *ASKED, "--mcp-chaos-schedules=20")
    block = block_of(result, "add-twice")

    again = reproduced(project, block)

    assert block[0].startswith("add-twice failed under schedule ")
    assert " --mcp-schedule " in block[-1]
    result.stdout.fnmatch_lines(["* plans of depth 1: * other order* of tasks", "1 failure at depth 1"])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(
        ["add-twice failed *[[]direct, *[]] *, schedule *)", "*assert 1 == 2", block[-1]]
    )


def test_a_workflow_without_races_stands_all_orders_and_the_account_says_how_many(
    project: pytest.Pytester,
) -> None:
    result = ran(project, *ASKED, "--mcp-chaos-schedules=20", "--mcp-workflow=add-twice=ledger:add_in_turn")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["* plans of depth 1: * run; 20 other orders of tasks", "proven for depth 1*"]
    )


def test_orders_come_on_top_of_a_budget_of_runs(project: pytest.Pytester) -> None:
    options = (
        "--mcp-chaos-schedules=20",
        "--mcp-chaos-runs=5",
        "--mcp-workflow=add-twice=ledger:add_in_turn",
    )

    result = ran(project, *ASKED, *options)

    result.stdout.fnmatch_lines(["*: 2 run, * not reached; 20 other orders of tasks"])


@pytest.mark.parametrize("form", [ASYNC, PLAIN], ids=["async", "plain"])
def test_a_marked_test_is_run_in_other_orders_and_one_command_repeats_it(
    project: pytest.Pytester, form: tuple[str, str, str]
) -> None:
    project.makepyfile(test_it=MARKED.format(*form))
    # In its own order it passes in memory, where a call takes turns.
    found = ran(project, "test_it.py", "--mcp-write-test=test_pinned.py")
    block = block_of(found, "test_adds")
    again = reproduced(project, block)
    pinned = ran(project, "test_pinned.py")

    assert block[0].startswith("test_adds failed under schedule ")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*assert 1 == 2"])
    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(["*test_adds_survives_schedule_*", "*assert 1 == 2"])


def test_a_pinned_order_of_a_scenario_fails_for_the_same_reason(project: pytest.Pytester) -> None:
    ran(project, *ASKED, "--mcp-chaos-schedules=20", "--mcp-write-test=test_pinned.py")

    pinned = ran(project, "test_pinned.py")
    corrected = ran(project, "test_pinned.py", "-o", "mcp_workflows=add-twice=ledger:add_in_turn")

    pinned.assert_outcomes(failed=1)
    pinned.stdout.fnmatch_lines(["add-twice failed *", "*assert 1 == 2"])
    corrected.assert_outcomes(passed=1)


def test_a_known_order_fails_nothing(project: pytest.Pytester) -> None:
    options = (*ASKED, "--mcp-chaos-schedules=20", "--mcp-chaos-baseline=known.txt")

    ran(project, *options, "--mcp-chaos-update").assert_outcomes(passed=1)

    assert "failed under schedule " in (project.path / "known.txt").read_text(encoding="utf-8")
    ran(project, *options).assert_outcomes(passed=1)


def test_the_command_runs_other_orders_and_its_data_has_the_number(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)

    code = main(["explore", "add-twice", "--kind=refuse", "--schedules=20", "--json=data.json"])

    [explored] = json.loads((project.path / "data.json").read_text(encoding="utf-8"))["explorations"]
    [finding] = explored["findings"]
    assert code == 1
    assert finding["plan"] == ""
    assert f"--mcp-schedule {finding['schedule']} " in finding["reproduce"]
    assert explored["counts"]["schedules"] >= 1


def test_a_marker_gives_a_test_one_order(project: pytest.Pytester) -> None:
    found = block_of(ran(project, *ASKED, "--mcp-chaos-schedules=20"), "add-twice")
    number = int(found[0].rpartition(" ")[2])
    test = MARKED.format(*ASYNC).replace(
        'mcp_chaos(schedules=20, kinds=["refuse"])', f"mcpflow(transport='direct', schedule={number})"
    )
    project.makepyfile(test_it=test)

    ran(project, "test_it.py").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*ASKED, "--mcp-schedule=1"], "*--mcp-schedule repeats one order of tasks *; use one of them"),
        ([*ASKED, "--mcp-chaos-schedules=0"], "*'0' is no number from 1 on*"),
        (["--mcp-scenario=add-twice", "--mcp-schedule=-1"], "*'-1' is no number of a schedule*"),
        (
            ["--mcp-scenario=add-twice", "--mcp-schedule=1", "--mcp-transport=http"],
            "*on http pipes and sockets decide*direct or memory",
        ),
        (
            [*ASKED, "-o", "mcp_chaos_schedules=many"],
            "*mcp_chaos_schedules is a number above 0, got 'many'*",
        ),
    ],
)
def test_an_order_that_cannot_be_given_is_a_usage_error(
    project: pytest.Pytester, options: list[str], message: str
) -> None:
    result = ran(project, *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("mcpflow(schedule=-1)", "*@pytest.mark.mcpflow: schedule is a number from 0 on, got -1*"),
        ("mcpflow(schedule=1, transport='http')", "*on http it is not the loop alone*"),
        ("mcpflow(schedule=1, virtual_time=False)", "*in real time it is not the loop alone*"),
        ("mcp_chaos(schedules=-1)", "*@pytest.mark.mcp_chaos: schedules is a whole number above 0, got -1*"),
    ],
)
def test_a_marker_with_an_order_that_cannot_be_given_says_why(
    project: pytest.Pytester, marker: str, message: str
) -> None:
    test = MARKED.format(*ASYNC).replace('mcp_chaos(schedules=20, kinds=["refuse"])', marker)
    project.makepyfile(test_it=test)

    result = ran(project, "test_it.py")

    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines([message])


def test_other_orders_on_a_socket_are_refused(project: pytest.Pytester) -> None:
    result = ran(project, *ASKED, "--mcp-chaos-schedules=20", "--mcp-transport=http")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ExplorationError: other orders of tasks were asked for on http*"])
