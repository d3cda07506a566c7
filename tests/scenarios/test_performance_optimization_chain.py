"""The optimization when commands fail, and when the analysis says something else than it should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import Fault
from single_faults import each_call_failing, faulted, silent_under

from pytest_mcpflow import Hub, Way
from pytest_mcpflow.scenarios._optimization_workflow import (
    ANALYSE,
    DRAW,
    FIX,
    PROFILE,
    Optimization,
    leaks_in,
)
from pytest_mcpflow.scenarios.performance_optimization_chain import (
    CLEAN,
    FIXED,
    LEAKING,
    LEAKS,
    PerformanceOptimizationChain,
)
from pytest_mcpflow.verdict import judge

RUN = "desktop-commander.execute_command"


def answering(stdout: str, *, exit_code: int = 0) -> PerformanceOptimizationChain:
    """The world with an analysis that says this."""
    scenario = PerformanceOptimizationChain()
    analysis = next(each for each in scenario.desktop.scripts if each.pattern == ANALYSE)
    analysis.stdout, analysis.exit_code = stdout, exit_code
    return scenario


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(PerformanceOptimizationChain, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    unlike = {
        site
        for site, run in each_call_failing(PerformanceOptimizationChain, fault)
        if not run.is_as_documented
    }

    assert unlike == set()


def test_without_leaks_nothing_is_fixed_and_nobody_is_alerted() -> None:
    run = faulted(answering(json.dumps(CLEAN)), {})

    assert [each.command for each in run.scenario.desktop.history] == [PROFILE, DRAW, ANALYSE]
    assert run.scenario.desktop.files["src/cache.py"] == LEAKING
    assert run.scenario.people.messages == []
    assert run.result == Optimization(success=True)


MALFORMED = {
    "nothing": "",
    "prose": "memory_leaks_detected: true",
    "half": json.dumps(LEAKS)[:-5],
    "another type": json.dumps({**LEAKS, "memory_leaks_detected": "true"}),
    "no list": json.dumps({"memory_leaks_detected": True}),
    "leaks that are none": json.dumps({"memory_leaks_detected": True, "leaks": []}),
    "none that are leaks": json.dumps({**LEAKS, "memory_leaks_detected": False}),
    "leaks of nothing": json.dumps({"memory_leaks_detected": True, "leaks": [{"line": 4}]}),
    "a list": json.dumps([LEAKS]),
}


@pytest.mark.parametrize("stdout", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_analysis_fixes_nothing_and_is_alerted(stdout: str) -> None:
    run = faulted(answering(stdout), {})

    assert FIX not in [each.command for each in run.scenario.desktop.history]
    [alert] = run.scenario.people.alerts
    assert alert.message.startswith("Memory is not analysed: ")
    assert alert.severity == "high"
    assert not run.result.success
    assert run.silence is None


def test_an_analysis_that_failed_fixes_nothing_whatever_it_printed() -> None:
    run = faulted(answering(json.dumps(LEAKS), exit_code=1), {})

    assert FIX not in [each.command for each in run.scenario.desktop.history]
    assert not run.result.success


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["memory_leaks_detected", "leaks", "file", "line"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_whatever_an_analysis_says_leaks_are_only_what_it_names_and_claims(said: Any) -> None:
    try:
        leaks = leaks_in({"exit_code": 0, "stdout": json.dumps(said), "stderr": ""})
    except ValueError:
        return
    assert (said["memory_leaks_detected"], len(said["leaks"])) == (bool(leaks), len(leaks))


def test_a_fix_that_does_not_help_is_alerted() -> None:
    scenario = PerformanceOptimizationChain()
    fix = next(each for each in scenario.desktop.scripts if each.pattern == FIX)
    fix.writes = {"src/cache.py": f"# fixed\n{LEAKING}"}

    run = faulted(scenario, {})

    assert scenario.people.alerts[0].message.startswith("Memory leaks in src/cache.py:4 are not fixed: ")
    assert not run.result.success
    assert run.silence is None


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.LATE])
def test_a_fix_whose_answer_is_lost_is_found_made_and_not_repeated(fault: Fault) -> None:
    run = faulted(PerformanceOptimizationChain(), {f"{RUN}#4": fault})

    assert [each.command for each in run.scenario.desktop.history].count(FIX) == 1
    assert run.scenario.desktop.files["src/cache.py"] == FIXED
    assert run.is_as_documented


def test_the_document_s_own_chain_overlooks_what_the_script_printed() -> None:
    async def performance_optimization_chain(mcp_manager: Hub) -> None:
        context_id = mcp_manager.create_context().id
        for command in (PROFILE, DRAW):
            await mcp_manager.call_tool(RUN, {"command": command}, context_id)
        analysis_results = await mcp_manager.call_tool(RUN, {"command": ANALYSE}, context_id)
        if analysis_results.get("memory_leaks_detected"):
            await mcp_manager.call_tool(RUN, {"command": FIX}, context_id)

    judgement = judge(PerformanceOptimizationChain(), way=Way.DIRECT, workflow=performance_optimization_chain)

    assert "a_leak_is_heard_of" in [broken.check for broken in judgement.broken]
