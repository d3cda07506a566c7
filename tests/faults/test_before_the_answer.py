"""Faults on the wire at servers that log and tell of progress before they answer: those are not the answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
import talkative
from http_servers import serving
from mcp import StdioServerParameters

from pytest_mcpflow import Call, Era, Fake, Hub, Way, tool

WORDS = ["result", "error"]
"""What an answer has as a member has no meaning in a notice."""
LIMIT = 3.0
"""Real seconds, where they are."""
SEEN = {
    "bad_json": "Failed to parse ",
    "cut": "SSE stream ended without a response",
    "drip(0.5)": "{'result': 'told'}",
    "wrong_id": "Request 'tools/call' timed out",
    "garbage": "{'result': 'told'}",
}
OVER_HTTP = ["bad_json", "cut", "drip(0.5)"]
OVER_STDIO = ["bad_json", "wrong_id", "garbage"]

each_era = pytest.mark.parametrize("era", Era)


@dataclass
class Herald(Fake):
    """Tells before it answers."""

    @tool()
    async def tell(self, call: Call) -> str:
        """Log, tell of progress, and answer after a while."""
        for done, word in enumerate(WORDS):
            await call.log(word)
            await call.progress(done, message=word)
            await asyncio.sleep(1)
        return "told"


@dataclass
class Heard:
    """What a caller heard of one call."""

    answer: str
    progress: list[str]
    fault: str | None
    seconds: float


async def telling(hub: Hub, *, timeout: float) -> Heard:
    words = list[str]()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        words.append(str(message))

    try:
        call = hub.call_tool("herald.tell", {}, timeout=timeout, on_progress=on_progress)
        answer = str(dict(await call))
    except Exception as error:
        answer = str(error)
    made = hub.transcript[0]
    return Heard(answer, words, None if made.fault is None else made.fault.rule, made.seconds or 0)


def check(heard: Heard, kind: str, *, on_stdio_bad_json: bool = False) -> None:
    seen = SEEN["wrong_id"] if kind == "bad_json" and on_stdio_bad_json else SEEN[kind]
    assert heard.answer[: len(seen)] == seen
    assert heard.progress == WORDS
    assert heard.fault == f"herald.tell#*={kind}"


@each_era
@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_fake_over_http(kind: str, era: Era) -> None:
    hub = Hub(way=Way.HTTP, era=era, virtual_time=True)
    hub.serve(Herald())
    hub.fail(f"herald.tell={kind}")

    heard = hub.run(telling(hub, timeout=10))

    check(heard, kind)
    assert heard.seconds == (2.5 if kind.startswith("drip") else 2)


@each_era
@pytest.mark.parametrize("kind", OVER_STDIO)
def test_a_fake_over_pipes(kind: str, era: Era) -> None:
    hub = Hub(way=Way.STDIO, era=era, virtual_time=True)
    hub.serve(Herald())
    hub.fail(f"herald.tell={kind}")

    check(hub.run(telling(hub, timeout=10)), kind, on_stdio_bad_json=True)


@each_era
@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_server_object_over_http(kind: str, era: Era) -> None:
    hub = Hub(way=Way.HTTP, era=era, virtual_time=True)
    hub.use(talkative.herald(), name="herald")
    hub.fail(f"herald.tell={kind}")

    check(hub.run(telling(hub, timeout=10)), kind)


@pytest.mark.parametrize("as_json", [False, True])
@each_era
@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_real_server_over_http(kind: str, era: Era, as_json: bool) -> None:
    async def main() -> Heard:
        server = talkative.herald()
        app = server.streamable_http_app(json_response=as_json)
        async with server.session_manager.run(), serving(app) as base:
            return await at_real_server(f"{base}/mcp", kind, era)

    heard = asyncio.run(main())

    if not as_json:
        check(heard, kind)
    else:  # one message, so that nothing is told before it; the SDK's client does not outlive one that ends early
        assert heard.answer.startswith("Connection closed" if kind == "cut" else SEEN[kind])
        assert heard.fault == f"herald.tell#*={kind}"


@pytest.mark.skipif(sys.platform == "win32", reason="the SDK has the pipes there")
@each_era
@pytest.mark.parametrize("kind", OVER_STDIO)
def test_a_real_server_over_pipes(kind: str, era: Era) -> None:
    command = StdioServerParameters(command=sys.executable, args=[talkative.__file__])

    check(asyncio.run(at_real_server(command, kind, era)), kind, on_stdio_bad_json=True)


def at_real_server(target: Any, kind: str, era: Era) -> Coroutine[Any, Any, Heard]:
    async def main() -> Heard:
        async with Hub(era=era, virtual_time=False) as hub:
            hub.use(target, name="herald")
            await hub.client("herald")
            hub.fail(f"herald.tell={kind}")
            return await telling(hub, timeout=LIMIT)

    return main()
