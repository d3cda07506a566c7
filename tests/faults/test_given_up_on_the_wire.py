"""Faults on the wire of calls whose callers give up before there is an answer to spoil."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import cash_desk
import pytest
from http_servers import serving
from mcp import StdioServerParameters
from stall import Shop

from pytest_mcpflow import Era, Hub, Way

TIMED_OUT, CLOSED = "Request 'tools/call' timed out", "Connection closed"
LIMIT = 0.3
"""Real seconds."""

pytestmark = pytest.mark.parametrize("era", Era)


async def seen(call: Awaitable[Any]) -> str:
    try:
        return str(dict(await call))
    except Exception as error:
        return str(error).partition("\n")[0]


def told(hub: Hub) -> list[str | None]:
    return [None if call.fault is None else str(call.fault) for call in hub.transcript]


@pytest.mark.skipif(sys.platform == "win32", reason="the SDK has the pipes there")
@pytest.mark.parametrize(
    ("kind", "next_call", "fault"),
    [
        ("kill", CLOSED, "delivered, process killed"),
        ("hang_up", CLOSED, "delivered, pipe closed"),
        ("bad_json", "{'result': 1}", None),
        ("wrong_id", "{'result': 1}", None),
        ("garbage", "{'result': 1}", None),
    ],
)
@pytest.mark.parametrize("cancels", [False, True])
def test_at_a_real_server_over_pipes(
    kind: str, next_call: str, fault: str | None, cancels: bool, era: Era, tmp_path: Path
) -> None:
    command = StdioServerParameters(command=sys.executable, args=[cash_desk.__file__, str(tmp_path / "sold")])

    async def main() -> None:
        async with Hub(era=era, virtual_time=False) as hub:
            hub.use(command, name="till")
            await hub.client("till")
            hub.fail(f"till.brew={kind}")
            brewing = hub.call_tool("till.brew", {"seconds": 0.8}, timeout=None if cancels else LIMIT)
            if cancels:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(brewing, LIMIT)
            else:
                assert await seen(brewing) == TIMED_OUT
            assert await seen(hub.call_tool("till.sell", {"item": "tea"}, timeout=5)) == next_call
            await asyncio.sleep(0.6)  # an answer that comes late is no fault any more
            assert told(hub) == [fault, None]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["bad_json", "cut", "content_type", "drip(1)"])
def test_at_a_real_server_over_http(kind: str, era: Era, tmp_path: Path) -> None:
    async def main() -> None:
        server = cash_desk.till(tmp_path / "sold")
        app = server.streamable_http_app(json_response=True)
        async with (
            server.session_manager.run(),
            serving(app) as base,
            Hub(era=era, virtual_time=False) as hub,
        ):
            hub.use(f"{base}/mcp", name="till")
            await hub.client("till")
            hub.fail(f"till.brew={kind}")
            assert await seen(hub.call_tool("till.brew", {"seconds": 0.6}, timeout=LIMIT)) == TIMED_OUT
            await asyncio.sleep(0.5)
            assert await seen(hub.call_tool("till.sell", {"item": "tea"}, timeout=5)) == "{'result': 1}"
            assert told(hub) == [None, None]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "next_call", "fault"),
    [
        ("kill", CLOSED, "no effect, process killed"),
        ("hang_up", CLOSED, "no effect, pipe closed"),
        ("bad_json", "{'left': 8}", None),
        ("wrong_id", "{'left': 8}", None),
        ("garbage", "{'left': 8}", None),
    ],
)
def test_at_a_fake_over_pipes(kind: str, next_call: str, fault: str | None, era: Era) -> None:
    hub = Hub(way=Way.STDIO, era=era, virtual_time=True)
    hub.serve(Shop())
    hub.fail(f"shop.brew={kind}")

    async def main() -> list[str]:
        brewing = await seen(hub.call_tool("shop.brew", {"item": "tea", "seconds": 20}, timeout=10))
        return [brewing, await seen(hub.call_tool("shop.sell", {"item": "tea"}, timeout=10))]

    assert hub.run(main()) == [TIMED_OUT, next_call]
    assert told(hub) == [fault, None]
    assert [call.seconds for call in hub.transcript] == [10, 0]


@pytest.mark.parametrize("kind", ["bad_json", "cut", "drip"])
def test_at_a_fake_over_http(kind: str, era: Era) -> None:
    hub = Hub(way=Way.HTTP, era=era, virtual_time=True)
    hub.serve(Shop())
    hub.fail(f"shop.brew={kind}")

    async def main() -> list[str]:
        brewing = await seen(hub.call_tool("shop.brew", {"item": "tea", "seconds": 20}, timeout=10))
        return [brewing, await seen(hub.call_tool("shop.sell", {"item": "tea"}, timeout=10))]

    assert hub.run(main()) == [TIMED_OUT, "{'left': 8}"]
    assert told(hub) == [None, None]
