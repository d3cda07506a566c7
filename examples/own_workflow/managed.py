"""A deployment written against a manager that hands out results as dicts, before there was any test."""

from __future__ import annotations

import asyncio
from typing import Any

from release_train import STEPS

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios.deployment_chain import Release


class Deployer:
    """What the team has, and does not change for its tests."""

    def __init__(self, mcp_manager: Any) -> None:
        self.mcp_manager = mcp_manager

    async def deploy(self, context_id: str) -> dict[str, Any]:
        results: dict[str, Any] = {}
        for tool, arguments, gate in STEPS:
            step = self.mcp_manager.call_tool(tool, arguments, context_id)
            results[tool] = await asyncio.wait_for(step, timeout=600)
            if not results[tool].get(gate, False):
                return {"success": False, "stopped_at": tool}
        findings = results["security-scanner.comprehensive_scan"].get("findings", [])
        notice = {
            "environment": "production",
            "service": "app",
            "status": "completed",
            "details": {"security": len(findings)},
        }
        await self.mcp_manager.call_tool("communication-hub.broadcast_deployment", notice, context_id)
        return {"success": True, "findings": len(findings)}


# region: in-scenario
async def in_scenario(hub: Hub) -> Release:
    context = hub.create_context("deployment-chain")
    try:
        outcome = await Deployer(hub).deploy(context.id)
    finally:
        del hub.contexts[context.id]
    return Release(success=outcome["success"], findings=outcome["findings"])
    # endregion
