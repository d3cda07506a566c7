"""A finding as a block: at most 25 lines of 80 columns, however much there is to say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from stall import Shop

from pytest_mcpflow import FaultPlan, Hub, ToolError, Way
from pytest_mcpflow.explore.result import Finding
from pytest_mcpflow.report.failure import around_faults, broken_lines
from pytest_mcpflow.report.finding import finding_block, with_others
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain
from pytest_mcpflow.verdict import Broken, Judgement, judge

SITES = ("security-scanner.comprehensive_scan", "docker.docker_build", "kubernetes.kubectl_apply")
COMMAND = "pytest --mcp-scenario deployment-chain"


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    """A run in which much goes wrong."""
    plan = ", ".join(f"{site}#{number}=lose_request" for site in SITES for number in (1, 2, 3))
    return judge(DeploymentChain(), way=Way.DIRECT, plan=plan)


def finding(
    judgement: Judgement, checks: int, *, explained: int = 0, found_as: FaultPlan | None = None
) -> Finding:
    why = "assert 2 == 1\n" + "\n".join(f" +  where {number} = " + "x" * 200 for number in range(9))
    broken = tuple(Broken(f"check_{number}", "A claim. " * 30, why) for number in range(checks))
    explanation = ("it takes all of this, " * 20,) * explained
    return Finding(judgement.plan, found_as or judgement.plan, replace(judgement, broken=broken), explanation)


def test_a_block_is_at_most_25_lines_of_80_columns(judgement: Judgement) -> None:
    block = with_others(
        finding_block(finding(judgement, 9, explained=9), COMMAND), ["hung under " + "y" * 200] * 9
    )

    *lines, reproduce = block.splitlines()
    assert len(lines) < 25
    assert max(map(len, lines)) <= 80
    assert reproduce == f"reproduce: {COMMAND}"


def test_what_is_left_out_is_counted(judgement: Judgement) -> None:
    block = with_others(finding_block(finding(judgement, 9, explained=9), COMMAND), ["hung"] * 9)

    lines = block.splitlines()
    assert "... 7 more faults" in lines
    assert any(line.endswith("more lines") for line in lines)
    assert "... 8 more findings" in lines


def test_rules_stand_before_expectations(judgement: Judgement) -> None:
    broken = (
        Broken("expect", "", "no"),
        Broken("workflow", "", "no"),
        Broken("once", "Do it once.", "twice"),
    )

    block = finding_block(Finding(judgement.plan, judgement.plan, replace(judgement, broken=broken)), COMMAND)

    named = [line for line in block.splitlines() if line.startswith("broken: ")]
    assert named == ['broken: once - "Do it once."', "broken: expect", "broken: workflow"]


def test_a_plan_that_was_made_smaller_says_so(judgement: Judgement) -> None:
    larger = replace(judgement.plan, faults=judgement.plan.faults * 2)

    block = finding_block(finding(judgement, 1, found_as=larger), COMMAND)

    assert block.count("made smaller from 18 faults") == 1


def test_of_a_difference_is_shown_what_differs_and_not_how_pytest_shows_it() -> None:
    why = (
        "assert {'a': 1, 'room': '14'} == {'a': 1, 'room': '12'}\n  \n"
        "  Omitting 1 identical items, use -vv to show\n  Differing items:\n  {'room': '14'} != {'room': '12'}\n"
        "  Use -v to get more diff"
    )

    broken = broken_lines([Broken("expect", "", why)])

    assert broken == [
        "broken: expect",
        "        assert {'a': 1, 'room': '14'} == {'a': 1, 'room': '12'}",
        "          {'room': '14'} != {'room': '12'}",
    ]


def test_a_call_that_went_wrong_is_shown_with_the_later_ones_of_its_tool_and_the_end() -> None:
    hub = Hub(way=Way.DIRECT, virtual_time=True)
    hub.serve(Shop())
    hub.fail("shop.sell#1=refuse")

    async def sell_again() -> None:
        for _ in range(2):
            with suppress(ToolError):
                await hub.call_tool("shop.sell", {"item": "tea"})
            for _ in range(5):
                await hub.call_tool("shop.count", {"item": "tea"})

    hub.run(sell_again())

    shown = [
        line.split("(")[0].split()[-1] if "(" in line else line for line in around_faults(hub.transcript)
    ]
    assert shown == [
        *("shop.sell", "  ... 5 more calls", "shop.sell"),
        *("  ... 3 more calls", "shop.count", "shop.count"),
    ]
