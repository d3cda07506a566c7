"""Faults on the wires to servers that others made: real pipes and sockets, and ends that obey nobody."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cash_desk
import httpx2
import pytest
from http_servers import serving
from mcp import StdioServerParameters

from pytest_mcpflow import Era, Hub
from pytest_mcpflow.serve import outside

TIMED_OUT = "Request 'tools/call' timed out"
CLOSED = "Connection closed"
REFUSED = "Server returned an error response"
LIMIT = 0.5
"""Real seconds."""

pytestmark = pytest.mark.parametrize("era", Era)


@pytest.fixture
def sold(tmp_path: Path) -> Path:
    return tmp_path / "sold"


@asynccontextmanager
async def over_http(sold: Path) -> AsyncGenerator[str]:
    server = cash_desk.till(sold)
    app = server.streamable_http_app()
    async with server.session_manager.run(), serving(app) as base:
        yield f"{base}/mcp"


async def selling(hub: Hub) -> list[str]:
    """What three callers see, of whom each waits for a while."""
    seen: list[str] = []
    for _ in range(3):
        try:
            seen.append(str((await hub.call_tool("till.sell", {"item": "tea"}, timeout=LIMIT))["result"]))
        except Exception as error:
            seen.append(str(error).partition("\n")[0])
    return seen


async def selling_under(fault: str, target: StdioServerParameters | str, era: Era) -> list[str]:
    async with Hub(era=era, virtual_time=False) as hub:
        hub.use(target, name="till")
        hub.fail(f"till.sell#2={fault}")
        seen = await selling(hub)
        hub.verify()
        return seen


def over_stdio_under(fault: str, sold: Path, era: Era) -> list[str]:
    command = StdioServerParameters(command=sys.executable, args=[cash_desk.__file__, str(sold)])
    return asyncio.run(selling_under(fault, command, era))


def over_http_under(fault: str, sold: Path, era: Era) -> list[str]:
    async def main() -> list[str]:
        async with over_http(sold) as url:
            return await selling_under(fault, url, era)

    return asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="the SDK has the pipes there")
@pytest.mark.parametrize(
    ("fault", "seen", "sales"),
    [
        ("bad_json", ["1", TIMED_OUT, "3"], 3),
        ("wrong_id", ["1", TIMED_OUT, "3"], 3),
        ("garbage", ["1", "2", "3"], 3),
        ("hang_up", ["1", CLOSED, CLOSED], 2),
        ("kill(before)", ["1", CLOSED, CLOSED], 1),
        ("kill", ["1", CLOSED, CLOSED], 2),
    ],
)
def test_the_pipe_of_a_real_server(fault: str, seen: list[str], sales: int, era: Era, sold: Path) -> None:
    assert over_stdio_under(fault, sold, era) == seen
    assert sold.read_text(encoding="utf-8") == "tea\n" * sales


@pytest.mark.parametrize(
    ("fault", "second", "third"),
    [
        ("status", REFUSED, "2"),
        ("status(401)", REFUSED, "2"),
        ("bad_json", "Failed to parse ", "3"),
        ("content_type", "Unexpected content type: text/html", "3"),
        ("drip(0.1)", "2", "3"),
        ("drip(2)", TIMED_OUT, "3"),
    ],
)
def test_the_connection_to_a_real_server(fault: str, second: str, third: str, era: Era, sold: Path) -> None:
    seen = over_http_under(fault, sold, era)

    assert (seen[0], seen[1][: len(second)], seen[2]) == ("1", second, third)
    assert sold.read_text(encoding="utf-8") == "tea\n" * int(third)


def test_an_answer_of_a_real_server_that_is_cut_off(era: Era, sold: Path) -> None:
    # In the later era answers are no streams, and the SDK's client does not outlive one that ends early.
    rest = ["SSE stream ended without a response", "3"] if era is Era.HANDSHAKE else [CLOSED, CLOSED]

    assert over_http_under("cut", sold, era) == ["1", *rest]


def test_a_status_says_when_to_come_back(era: Era, sold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[int, str | None, str]] = []
    send = outside.SpoilingClient.send  # the SDK passes no headers on

    async def watched(self: Any, request: httpx2.Request, **how: Any) -> httpx2.Response:
        response = await send(self, request, **how)
        headers = response.headers
        received.append((response.status_code, headers.get("retry-after"), headers.get("content-type", "")))
        return response

    monkeypatch.setattr(outside.SpoilingClient, "send", watched)

    assert over_http_under("status(429, 7)", sold, era)[1] == REFUSED
    assert (429, "7", "text/html") in received
