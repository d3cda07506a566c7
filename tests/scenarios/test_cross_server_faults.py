"""The patterns across servers under the kinds of faults that a network and a server really have."""

from __future__ import annotations

import asyncio

import pytest
from single_faults import reference

from pytest_mcpflow import Hub, Scenario, Way
from pytest_mcpflow.scenarios.automated_disaster_recovery import AutomatedDisasterRecovery
from pytest_mcpflow.scenarios.circuit_breaker import CircuitBreaker
from pytest_mcpflow.scenarios.conditional_pipeline import ConditionalPipeline
from pytest_mcpflow.scenarios.deployment_chain import DeploymentChain
from pytest_mcpflow.scenarios.event_driven_deployment import EventDrivenDeployment
from pytest_mcpflow.scenarios.graceful_degradation import GracefulDegradation
from pytest_mcpflow.scenarios.health_recovery import HealthRecovery
from pytest_mcpflow.scenarios.parallel_deployment import ParallelDeployment
from pytest_mcpflow.scenarios.performance_optimization_chain import PerformanceOptimizationChain
from pytest_mcpflow.scenarios.retry_backoff import RetryBackoff
from pytest_mcpflow.scenarios.security_audit_chain import SecurityAuditChain
from pytest_mcpflow.verdict import Verdict, judge

PATTERNS = (
    AutomatedDisasterRecovery,
    CircuitBreaker,
    ConditionalPipeline,
    DeploymentChain,
    EventDrivenDeployment,
    GracefulDegradation,
    HealthRecovery,
    ParallelDeployment,
    PerformanceOptimizationChain,
    RetryBackoff,
    SecurityAuditChain,
)
KINDS = (
    "duplicate",
    "delay",
    "hang",
    "rate_limit",
    "disconnect",
    "crash",
    "outage",
    "malformed",
    "schema_drift",
)
NOT_OFFERED = "kubernetes.kubectl_top"
"""The circuit breaker's board asks for it in vain, so no plan can name it."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_no_tool_fails_silently_when_its_first_call_or_every_call_goes_wrong(
    pattern: type[Scenario], kind: str
) -> None:
    tools = [tool for tool in reference(pattern).transcript.counts() if tool != NOT_OFFERED]
    unnoticed = [
        f"{tool}{extent}={kind}: {judgement.verdict}, {judgement.broken[0]}"
        for tool in tools
        for extent in ("#1", "#*")
        if (judgement := judge(pattern(), way=Way.DIRECT, plan=f"{tool}{extent}={kind}")).verdict
        in (Verdict.FAILED_SILENTLY, Verdict.HUNG, Verdict.FAILED)
    ]

    assert unnoticed == []


@pytest.mark.parametrize("limit", [None, 3.0, 100.0], ids=["to its end", "cancelled early", "cancelled late"])
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_a_workflow_closes_its_context_however_it_ends(pattern: type[Scenario], limit: float | None) -> None:
    scenario, left_open = pattern(), list[list[str]]()

    async def watched(hub: Hub) -> object:
        try:
            async with asyncio.timeout(limit):
                return await scenario.workflow(hub)
        finally:
            left_open.append([*hub.contexts])

    judgement = judge(scenario, way=Way.DIRECT, workflow=watched)

    assert left_open == [[]]
    assert [each.call for each in judgement.transcript if each.until is None] == []
