"""At most so many calls to a server at a time; who waits is served in order."""

from __future__ import annotations

import asyncio

import pytest
from mcp import MCPError

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService


# region: pattern
class Pool:
    def __init__(self, hub: Hub, size: int = 10) -> None:
        self._hub, self._free = hub, asyncio.Semaphore(size)  # a semaphore wakes those who wait in order

    async def check(self, service: str, *, timeout: float = 30) -> CallResult:
        async with self._free:  # given back however the call ends, also when it is given up
            arguments = {"service": service, "environment": "production"}
            return await self._hub.call_tool(
                "prometheus-monitoring.verify_service_health", arguments, timeout=timeout
            )

    # endregion


def fleet(size: int) -> PrometheusMonitoring:
    services = {f"service-{number}": WatchedService("production") for number in range(size)}
    return PrometheusMonitoring(services=services, takes={"verify_service_health": 2.0})


# region: test
async def test_a_lost_answer_gives_its_place_back(mcpflow: Hub) -> None:
    mcpflow.serve(fleet(3))
    mcpflow.fail("prometheus-monitoring.verify_service_health#1=lose_reply")
    pool = Pool(mcpflow, size=1)

    with pytest.raises(MCPError):
        await pool.check("service-0", timeout=10)
    await pool.check("service-1")

    assert [call.at for call in mcpflow.transcript] == [0, 10]


async def test_ten_at_a_time(mcpflow: Hub) -> None:
    mcpflow.serve(fleet(25))
    pool = Pool(mcpflow)

    await asyncio.gather(*(pool.check(f"service-{number}") for number in range(25)))

    assert [call.at for call in mcpflow.transcript] == [*[0] * 10, *[2] * 10, *[4] * 5]
    assert [call.arguments["service"] for call in mcpflow.transcript] == [f"service-{n}" for n in range(25)]
    # endregion
