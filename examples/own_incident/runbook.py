"""What this team does first when the database runs out of connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import Hub, Run
from pytest_mcpflow.scenarios.incident_response import IncidentResponse


# region: contain
async def contain(hub: Hub) -> dict[str, int]:
    health = await hub.call_tool("droplet-executor.check_health", {"host": "prod-1"})
    used = health["databases"]["shop"]["connections"]
    alert = {"message": f"P1: database connections at {used}/200", "severity": "critical"}
    await hub.call_tool("communication-hub.send_alert", alert, timeout=30)
    larger = {"database": "shop", "size": 300}
    await hub.call_tool("droplet-executor.set_connection_pool", larger, timeout=30)
    for service in ("admin", "api"):
        leaking = {"host": "prod-1", "service": service}
        await hub.call_tool("droplet-executor.restart_service", leaking, timeout=30)
    return {"connections_on_arrival": used}
    # endregion


# region: scenario
@dataclass
class FirstAid(IncidentResponse):
    """Contain the incident. People whom the alert woke take it from there."""

    async def workflow(self, hub: Hub) -> Any:
        return await contain(hub)

    def expect(self, run: Run) -> None:
        assert self.production.connections("shop") == 89
        assert self.production.database("shop").max_connections == 300

    # endregion
