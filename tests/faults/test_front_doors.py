"""Asking for faults: by marker, on the command line, in the ini file, and with kinds of one's own."""

from __future__ import annotations

import pytest

RESTOCK = '''
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import Fake, Hub, Run, Scenario, invariant, tool


@dataclass
class Shop(Fake):
    """Sells tea."""

    ordered: list[str] = field(default_factory=list)

    @tool()
    def order(self, item: str) -> str:
        """Order an item."""
        self.ordered.append(item)
        return "ordered"


@dataclass
class Restock(Scenario):
    """The shelf is empty. Order once."""

    tags = ("shop",)
    shop: Shop = field(default_factory=Shop)

    async def workflow(self, hub: Hub) -> dict[str, Any]:
        for _ in range(3):
            try:
                await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
            except Exception as error:
                failed = str(error)
            else:
                return {"success": True}
        return {"success": False, "error": failed}

    def expect(self, run: Run) -> None:
        assert self.shop.ordered == ["tea"]

    @invariant
    def orders_once(self, run: Run) -> None:
        """A lost answer must not order twice."""
        assert len(self.shop.ordered) <= 1
'''

TESTS = """
import pytest
from restock import Shop


async def order(hub):
    for attempt in range(1, 4):
        try:
            await hub.call_tool("shop.order", {"item": "tea"}, timeout=5)
        except Exception:
            continue
        return attempt


@pytest.fixture
def shop(mcpflow):
    return mcpflow.serve(Shop())
"""


@pytest.fixture
def restock(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(
        "[pytest]\npythonpath = .\nmcp_scenarios = restock.py\nmcp_plans =\n  busy = shop.order#1-2=refuse\n"
    )
    pytester.makepyfile(restock=RESTOCK)
    return pytester


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    # The plugins that the project's tests have are nothing here, and take their time to start.
    others = ("asyncio", "cacheprovider", "hypothesispytest", "randomly", "xdist")
    return pytester.runpytest_subprocess(*(f"-pno:{name}" for name in others), *options)


def scenario(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return run(pytester, "--mcp-scenario", "restock", *options)


# Tests


def test_the_fixture_lets_calls_fail(restock: pytest.Pytester) -> None:
    restock.makepyfile(
        TESTS
        + """
async def test_it(mcpflow, shop):
    mcpflow.fail("shop.order#1=refuse")
    assert await order(mcpflow) == 2
    assert shop.ordered == ["tea"]
"""
    )

    run(restock).assert_outcomes(passed=1)


def test_the_marker_lets_calls_fail_in_its_test_only(restock: pytest.Pytester) -> None:
    restock.makepyfile(
        TESTS
        + """
@pytest.mark.mcpflow(faults="shop.order#1=lose_reply")
async def test_marked(mcpflow, shop):
    assert await order(mcpflow) == 2
    assert shop.ordered == ["tea", "tea"]


@pytest.mark.mcpflow(faults="busy")
async def test_named(mcpflow, shop):
    assert await order(mcpflow) == 3


async def test_other(mcpflow, shop):
    assert await order(mcpflow) == 1
"""
    )

    run(restock).assert_outcomes(passed=3)


@pytest.mark.parametrize("way", ["direct", "memory", "stdio", "http"])
def test_the_command_line_lets_calls_fail_on_every_way(restock: pytest.Pytester, way: str) -> None:
    restock.makepyfile(TESTS + "async def test_it(mcpflow, shop):\n    assert await order(mcpflow) == 2\n")

    result = run(restock, "--mcp-plan", "shop.order#1=lose_request", "--mcp-transport", way)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["mcpflow: seed 0, plan shop.order#1=lose_request"])


def test_a_failed_test_shows_what_went_wrong(restock: pytest.Pytester) -> None:
    restock.makepyfile(TESTS + "async def test_it(mcpflow, shop):\n    assert await order(mcpflow) == 1\n")

    result = run(restock, "--mcp-plan", "shop.order#1=lose_reply")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*MCP transcript*",
            "t=    0.0  shop.order(item='tea') -> effect applied, reply lost; failed: Request 'tools/call' timed out*",
            "t=    5.0  shop.order(item='tea') -> 'ordered'",
        ]
    )


def test_a_fault_that_concerned_no_call_is_reported(restock: pytest.Pytester) -> None:
    restock.makepyfile(TESTS + "async def test_it(mcpflow, shop):\n    assert await order(mcpflow) == 1\n")

    result = run(restock, "--mcp-plan", "shop.order#7=refuse")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*MCP faults that concerned no call*", "test_*::test_it: shop.order#7=refuse"]
    )


@pytest.mark.parametrize("asked_by", ["option", "marker"])
def test_a_fault_that_concerned_no_call_fails_where_that_is_asked(
    restock: pytest.Pytester, asked_by: str
) -> None:
    marker = '@pytest.mark.mcpflow(faults="shop.order#7=refuse", faults_must_happen=True)\n'
    test = "async def test_it(mcpflow, shop):\n    assert await order(mcpflow) == 1\n"
    restock.makepyfile(TESTS + (marker if asked_by == "marker" else "") + test)
    options = ("--mcp-plan", "shop.order#7=refuse", "--mcp-plan-must-happen") if asked_by == "option" else ()

    result = run(restock, *options)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*FaultPlanError: never happened: shop.order#7=refuse; shop.order was called once"]
    )


def test_a_site_that_the_test_does_not_serve_fails_the_test(restock: pytest.Pytester) -> None:
    restock.makepyfile(TESTS + "async def test_it(mcpflow, shop):\n    assert await order(mcpflow) == 1\n")

    result = run(restock, "--mcp-plan", "shop.oder#1=refuse")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*FaultPlanError: no server of this hub has 'shop.oder'; there is: shop.order",
            "*shop.oder#1=refuse",
            "*^",
        ]
    )


def test_the_seed_decides_what_is_left_to_chance(restock: pytest.Pytester) -> None:
    restock.makepyfile(
        TESTS + "async def test_it(mcpflow, shop):\n    print('attempts', await order(mcpflow))\n"
    )

    told = {
        run(restock, "-s", "--mcp-plan", "shop.order=refuse~0.5", "--mcp-seed", str(seed))
        .stdout.str()
        .split("attempts ")[1][0]
        for seed in range(5)
    }

    assert len(told) > 1


# Scenarios


def test_a_scenario_recovers_and_passes(restock: pytest.Pytester) -> None:
    result = scenario(restock, "--mcp-plan", "shop.order#1=refuse")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED  restock*memory*2 calls*0.0 s  recovered"])


def test_a_plan_of_the_ini_file_is_asked_for_by_its_name(restock: pytest.Pytester) -> None:
    result = scenario(restock, "--mcp-plan", "busy", "--mcp-plan", "shop.order#3=error")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED  restock*memory*3 calls*0.0 s  degraded"])


def test_a_test_lets_calls_fail_by_the_name_of_a_plan(restock: pytest.Pytester) -> None:
    restock.makepyfile(
        TESTS
        + """
import pytest
from pytest_mcpflow import FaultPlanError

async def test_it(mcpflow, shop):
    with pytest.raises(FaultPlanError, match="no plan of the ini file .mcp_plans. is named 'bsuy'; there is: "):
        mcpflow.fail("bsuy")
    mcpflow.fail("busy")
    assert await order(mcpflow) == 3
"""
    )

    run(restock).assert_outcomes(passed=1)


def test_a_silent_failure_fails_and_says_how_to_see_it_again(restock: pytest.Pytester) -> None:
    result = scenario(restock, "--mcp-plan", "shop.order#1=lose_reply", "--mcp-seed", "7")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "restock failed silently under shop.order#1=lose_reply",
            "[[]memory, 2026-07-28[]]  (seed 7)",
            "",
            "  t=    0.0  shop.order(item... -> effect applied, reply lost; failed: *",
            "  t=    5.0  shop.order(item='tea') -> 'ordered'",
            "",
            'broken: orders_once - "A lost answer must not order twice."',
            "reproduce: pytest --mcp-scenario restock --mcp-plan 'shop.order#1=lose_reply' "
            "--mcp-transport memory --mcp-protocol 2026-07-28 --mcp-seed 7",
        ]
    )


def test_the_line_that_reproduces_a_failure_does_so(restock: pytest.Pytester) -> None:
    import shlex

    first = scenario(restock, "--mcp-plan", 'shop.order#1=duplicate, shop.order#2=error("it\'s full")')
    line = next(line for line in first.outlines if line.startswith("reproduce: "))

    again = run(restock, *shlex.split(line)[2:])

    again.assert_outcomes(failed=1)
    assert line in again.outlines


def test_a_block_of_many_calls_has_25_lines_at_most(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, "--mcp-scenario", "incident-response", "--mcp-plan", "droplet-executor.*=duplicate"
    )

    result.assert_outcomes(failed=1)
    begins = next(number for number, line in enumerate(result.outlines) if "failed silently under" in line)
    ends = next(number for number, line in enumerate(result.outlines) if line.startswith("reproduce: "))
    assert ends - begins < 25
    result.stdout.fnmatch_lines(["  ... * more calls"])


def test_a_scenario_whose_fault_never_happens_fails_where_that_is_asked(restock: pytest.Pytester) -> None:
    plan = ("--mcp-plan", "shop.order#1=refuse, shop.order#7=refuse")

    scenario(restock, *plan).assert_outcomes(passed=1)
    result = scenario(restock, *plan, "--mcp-plan-must-happen")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["never happened: shop.order#7=refuse"])


# Kinds of one's own


MOOD = '''
from dataclasses import dataclass

from pytest_mcpflow import Effect, FaultKind


@dataclass(frozen=True)
class BadMood(FaultKind, effect=Effect.NONE, sees="sent away"):
    """The server is in a bad mood. Level: call."""

    words: str = "come back tomorrow"

    async def happen(self, call):
        return call.refusal(self.words)


def pytest_mcpflow_faults():
    return [BadMood]
'''


@pytest.mark.parametrize(
    ("mistake", "told"),
    [("return None", "TypeError: it returned None*"), ("raise KeyError('bank')", "KeyError: 'bank'*")],
)
def test_a_mistake_in_a_kind_of_ones_own_is_never_taken_for_an_answer(
    restock: pytest.Pytester, mistake: str, told: str
) -> None:
    restock.makeconftest(MOOD.replace("return call.refusal(self.words)", mistake))

    result = scenario(restock, "--mcp-plan", "shop.order#1=bad_mood")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*the kind of fault bad_mood has a mistake ({told}*"])


def test_a_kind_of_ones_own_is_used_like_any_other(restock: pytest.Pytester) -> None:
    restock.makeconftest(MOOD)
    restock.makepyfile(
        TESTS
        + """
@pytest.mark.mcpflow(faults="shop.order#1=bad_mood(never)")
async def test_marked(mcpflow, shop):
    with pytest.raises(Exception, match="never"):
        await mcpflow.call_tool("shop.order", {"item": "tea"})


async def test_given(mcpflow, shop):
    mcpflow.fail("shop.order#1=bad_mood")
    with pytest.raises(Exception, match="come back tomorrow"):
        await mcpflow.call_tool("shop.order", {"item": "tea"})
"""
    )

    run(restock).assert_outcomes(passed=2)
    scenario(restock, "--mcp-plan", "shop.order#1=bad_mood").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (MOOD.replace("BadMood", "Refuse"), "two kinds of fault are named 'refuse'*"),
        (
            MOOD.replace("[BadMood]", "[BadMood()]"),
            "bad_mood is no class of faults; return the class: *BadMood*",
        ),
        (MOOD.replace("[BadMood]", "BadMood"), "it returns a list of classes, got *; write *BadMood*"),
        (
            MOOD.replace("async def happen", "async def hapen"),
            "*BadMood does not say what happens; give it *",
        ),
    ],
)
def test_what_is_no_kind_of_fault_is_refused(restock: pytest.Pytester, hook: str, says: str) -> None:
    restock.makeconftest(hook)

    result = scenario(restock, "--mcp-plan", "shop.order#1=refuse")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*pytest_mcpflow_faults: {says}"])


# Bad input


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ("shop.order#1=refus", "*--mcp-plan: unknown kind 'refus'; nearest: refuse, *"),
        ("shop.order#0=refuse", "*--mcp-plan: calls of a tool are counted from 1, got #0"),
        ("bussy", "*--mcp-plan: no plan of the ini file (mcp_plans) is named 'bussy'; there is: busy.*"),
        (
            "shop.oder#1=refuse",
            "*--mcp-plan and the scenario restock: no server of this hub has 'shop.oder'; *",
        ),
        (
            "shop.order=stale",
            "*--mcp-plan and the scenario restock: stale at shop.order: it changes the world*",
        ),
        ("", "*--mcp-plan: the plan is empty, so that nothing would go wrong; *"),
    ],
)
def test_a_wrong_plan_is_an_error_before_the_run(restock: pytest.Pytester, plan: str, says: str) -> None:
    result = scenario(restock, "--mcp-plan", plan)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


def test_a_plan_does_not_hide_what_failed_before_any_server_was_there(restock: pytest.Pytester) -> None:
    restock.makepyfile(
        test_early="""
        import pytest

        @pytest.mark.mcpflow(faults="shop.order#1=refuse")
        def test_early(mcpflow):
            1 / 0
        """
    )

    result = run(restock)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ZeroDivisionError: division by zero"])
    result.stdout.no_fnmatch_line("*no server of this hub*")


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ("shop.order#1=refus", "unknown kind 'refus'; nearest: refuse*"),
        (["shop.order#1=refuse"], "a plan is a text, got *"),
        (" ", "the plan is empty, so that nothing would go wrong; *"),
    ],
)
def test_a_wrong_marker_is_an_error_before_the_run(restock: pytest.Pytester, plan: object, says: str) -> None:
    restock.makepyfile(
        TESTS
        + f"""
@pytest.mark.mcpflow(faults={plan!r})
async def test_it(mcpflow, shop):
    pass
"""
    )

    result = run(restock)

    assert result.ret == pytest.ExitCode.INTERRUPTED  # pytest says so of anything wrong while it collects
    result.stdout.fnmatch_lines([f"*test_it: @pytest.mark.mcpflow(faults=...): {says}"])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("busy", "'busy' is not of the form NAME = PLAN"),
        (
            "busy = shop.order=refuse\n  busy = shop.order=hang",
            "two plans are named 'busy': shop.order=refuse and *",
        ),
    ],
)
def test_a_line_of_the_ini_file_that_is_no_plan_is_an_error(
    restock: pytest.Pytester, lines: str, says: str
) -> None:
    restock.makeini(f"[pytest]\npythonpath = .\nmcp_scenarios = restock.py\nmcp_plans =\n  {lines}\n")

    result = scenario(restock, "--mcp-plan", "busy")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*mcp_plans: {says}"])
