"""Reference workflows whose servers say no in other ways than the protocol means it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from pytest_mcpflow import ErrorStyle, Scenario, Way
from pytest_mcpflow.scenario import world_of
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain
from pytest_mcpflow.scenarios.parallel_deployment import ParallelDeployment
from pytest_mcpflow.verdict import Verdict, judge


def in_style(scenario: type[Scenario], style: ErrorStyle) -> Scenario:
    """A new world whose servers all say no in this style."""
    world = scenario()
    for fake in world_of(world).values():
        fake.error_style = style
    return world


@cache
def verdicts(scenario: type[Scenario], style: ErrorStyle) -> Mapping[str, Verdict]:
    """How the workflow ends when the first call of each tool is refused."""
    sites = sorted({each.site for each in judge(scenario(), way=Way.DIRECT).transcript})
    return {
        site: judge(in_style(scenario, style), way=Way.DIRECT, plan=f"{site}#1=refuse").verdict
        for site in sites
    }


@pytest.mark.parametrize("style", ErrorStyle)
def test_without_a_refusal_the_style_makes_no_difference(style: ErrorStyle) -> None:
    assert judge(in_style(ParallelDeployment, style)).verdict is Verdict.PASSED


@pytest.mark.parametrize("style", ErrorStyle)
def test_the_parallel_deployment_hides_no_refusal_in_any_style(style: ErrorStyle) -> None:
    found = verdicts(ParallelDeployment, style)

    assert len(found) == 6
    assert Verdict.FAILED_SILENTLY not in found.values()


@pytest.mark.parametrize("style", [ErrorStyle.PROTOCOL, ErrorStyle.IS_ERROR])
def test_a_refusal_that_is_an_error_is_overcome(style: ErrorStyle) -> None:
    assert {*verdicts(ParallelDeployment, style).values()} == {Verdict.RECOVERED}


def test_the_deployment_chain_takes_prose_for_a_receipt_of_its_broadcast() -> None:
    """The one step without a gate; docs/reference/error-styles.md says so."""
    hidden = {
        (style, site)
        for style in ErrorStyle
        for site, verdict in verdicts(DeploymentChain, style).items()
        if verdict is Verdict.FAILED_SILENTLY
    }

    assert hidden == {(ErrorStyle.PROSE, "communication-hub.broadcast_deployment")}
