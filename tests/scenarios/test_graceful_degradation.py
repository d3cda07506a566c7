"""The review when what stands in for a scanner fails, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from planned import Fault
from single_faults import each_call_failing, faulted, reference, silent_under

from pytest_mcpflow import Hub, ToolError, Way
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._degradation import BANDIT, NPM, SEMGREP
from pytest_mcpflow.scenarios.graceful_degradation import COMMANDS, RUN, GracefulDegradation
from pytest_mcpflow.verdict import judge


@pytest.mark.parametrize("fault", Fault)
def test_no_single_fault_goes_unnoticed(fault: Fault) -> None:
    assert silent_under(GracefulDegradation, fault) == []


@pytest.mark.parametrize("fault", Fault)
def test_a_call_that_fails_once_changes_nothing(fault: Fault) -> None:
    assert {
        site for site, run in each_call_failing(GracefulDegradation, fault) if not run.is_as_documented
    } == set()


def test_when_both_fail_the_alert_has_both_errors_and_the_last_one_is_raised() -> None:
    scenario = GracefulDegradation()
    scenario.desktop.scripts.clear()

    run = faulted(scenario, {})

    [alert] = scenario.people.alerts
    assert alert.severity == "high"
    assert alert.metadata == {
        "primary_server": "security-scanner",
        "fallback_server": "desktop-commander",
        "primary_error": "security-scanner.bandit_scan: bandit: the scan engine is being updated",
        "fallback_error": "exit code 127: sh: 1: bandit: not found",
    }
    assert str(run.judgement.cause) == "exit code 127: sh: 1: bandit: not found"
    assert run.silence is None


def test_where_nothing_stands_in_the_first_error_is_raised() -> None:
    scenario = GracefulDegradation()
    scenario.scanner.break_scanner("semgrep", "out of memory")

    run = faulted(scenario, {})

    assert isinstance(run.judgement.cause, ToolError)
    assert "out of memory" in str(run.judgement.cause)
    assert f"{SEMGREP} failed, and nothing stands in for it" in scenario.people.alerts[0].message


@pytest.mark.parametrize("said", ["Traceback (most recent call last):", '{"results": []'])
def test_a_command_that_says_nothing_readable_is_no_answer(said: str) -> None:
    scenario = GracefulDegradation()
    scenario.desktop.scripts[0].stdout, scenario.desktop.scripts[0].exit_code = said, 1

    run = faulted(scenario, {})

    assert run.judgement.cause is not None
    assert scenario.people.alerts != []


def test_a_file_that_bandit_could_not_read_is_not_a_clean_one() -> None:
    scenario = GracefulDegradation()
    scenario.desktop.scripts[0].stdout = '{"errors": [{"filename": "src/old.py"}], "results": []}'

    run = faulted(scenario, {})

    assert "could not read everything" in str(run.judgement.cause)


def test_scanners_that_work_are_used_and_find_the_same() -> None:
    scenario = GracefulDegradation()
    scenario.scanner.repair_scanner("bandit")
    scenario.scanner.repair_scanner("npm")

    run = faulted(scenario, {})

    assert set(run.result.sources.values()) == {"security-scanner"}
    assert run.result.findings == faulted(GracefulDegradation(), {}).result.findings
    assert scenario.desktop.history == []
    assert scenario.people.messages == []


def test_one_call_too_many_would_be_seen() -> None:
    assert reference(GracefulDegradation).transcript.counts()[RUN] == len(COMMANDS)


def test_the_document_s_own_manager_runs_with_its_map_of_tools() -> None:
    class GracefulDegradationManager:
        def __init__(self, mcp_manager: Hub, context_id: str) -> None:
            self.mcp_manager, self.context_id = mcp_manager, context_id
            self.strategies: dict[str, tuple[str, Mapping[str, str]]] = {}

        def register_fallback(self, primary: str, fallback: str, mapping: Mapping[str, str]) -> None:
            self.strategies[primary] = (fallback, mapping)

        async def execute_with_fallback(
            self, server: str, tool: str, arguments: dict[str, Any]
        ) -> Mapping[str, Any]:
            try:
                return await self.mcp_manager.call_tool(f"{server}.{tool}", arguments, self.context_id)
            except Exception:
                fallback, mapping = self.strategies[server]
                command = {"command": COMMANDS[f"{server}.{tool}"]}
                result = await self.mcp_manager.call_tool(
                    f"{fallback}.{mapping.get(tool, tool)}", command, self.context_id
                )
                notice = {"message": f"Fallback used for {server}.{tool}", "channels": ["dashboard"]}
                await self.mcp_manager.call_tool(
                    "communication-hub.send_notification", notice, self.context_id
                )
                return result

    async def workflow(hub: Hub) -> object:
        with context_of(hub, "as documented") as context_id:
            return await scanned(GracefulDegradationManager(hub, context_id))

    async def scanned(manager: GracefulDegradationManager) -> object:
        mapping = {"bandit_scan": "execute_command", "npm_audit": "execute_command"}
        manager.register_fallback("security-scanner", "desktop-commander", mapping)
        for tool, arguments in (
            (BANDIT, {"path": "src/"}),
            (NPM, {"package_json_path": "web/package.json"}),
        ):
            server, _, name = tool.partition(".")
            result = await manager.execute_with_fallback(server, name, arguments)
            assert result.get("exit_code") == 1
        return None

    scenario = GracefulDegradation()
    judgement = judge(scenario, way=Way.DIRECT, workflow=workflow)

    assert [ran.command for ran in scenario.desktop.history] == list(COMMANDS.values())
    assert {broken.check for broken in judgement.broken} == {"expect", "a_failure_is_heard"}
