"""Code that connects by itself, led to a hub: every way out of the SDK, every way in, and nothing left changed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mcp import Client, ClientSession, ClientSessionGroup, MCPError, StdioServerParameters
from mcp.client.session_group import SseServerParameters, StreamableHttpParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher

from pytest_mcpflow import Fake, Hub, HubError, RecordMode, Scenario, UnknownNameError, Way, run, tool
from pytest_mcpflow.explore import explore

URL = "https://stock.example.com/mcp"
COMMAND = StdioServerParameters(command="npx", args=["-y", "stock-server"])


@dataclass
class Stock(Fake):
    """What is on the shelves."""

    items: dict[str, int] = field(default_factory=lambda: {"tea": 3})

    @tool()
    def take(self, item: str) -> int:
        """Take one."""
        self.items[item] -= 1
        return self.items[item]


async def with_a_client() -> None:
    async with Client(URL) as client:
        await client.call_tool("take", {"item": "tea"})


async def with_an_old_client() -> None:
    async with Client(COMMAND, mode="legacy") as client:
        await client.call_tool("take", {"item": "tea"})


async def with_a_session_over_stdio() -> None:
    async with stdio_client(COMMAND) as streams, ClientSession(*streams) as session:
        await session.initialize()
        await session.call_tool("take", {"item": "tea"})


async def with_a_session_over_http() -> None:
    async with streamable_http_client(f"{URL}/?key=1") as streams, ClientSession(*streams) as session:
        await session.initialize()
        await session.call_tool("take", {"item": "tea"})


async def with_a_session_over_sse() -> None:
    async with sse_client(url=URL) as streams, ClientSession(*streams) as session:
        await session.initialize()
        await session.call_tool("take", {"item": "tea"})


async def with_a_group() -> None:
    async with ClientSessionGroup() as group:
        for parameters in (COMMAND, StreamableHttpParameters(url=URL), SseServerParameters(url=URL)):
            session = await group.connect_to_server(parameters)
            await group.disconnect_from_server(session)
        await group.connect_to_server(COMMAND)
        await group.call_tool("take", {"item": "tea"})


EVERY_CODE = [
    with_a_client,
    with_an_old_client,
    with_a_session_over_stdio,
    with_a_session_over_http,
    with_a_session_over_sse,
    with_a_group,
]


def redirecting(hub: Hub) -> Stock:
    stock = hub.serve(Stock())
    for target in (URL, COMMAND):
        hub.redirect(target, to="stock")
    return stock


@pytest.mark.parametrize("way", [*Way], ids=str)
@pytest.mark.parametrize("code", EVERY_CODE)
def test_code_that_connects_by_itself_reaches_the_fake(code: Callable[[], Awaitable[None]], way: Way) -> None:
    async def main() -> None:
        async with Hub(way=way, virtual_time=True) as hub:
            stock = redirecting(hub)
            await code()
            assert stock.items == {"tea": 2}
            assert [str(call) for call in hub.transcript.effects()] == [
                "t=    0.0  stock.take(item='tea') -> 2"
            ]

    run(main())


def test_a_client_that_was_made_before_is_led_there_too() -> None:
    client = Client(URL)

    async def main() -> None:
        async with Hub() as hub:
            redirecting(hub)
            async with client:
                await client.call_tool("take", {"item": "tea"})
            assert hub.transcript.counts() == {"stock.take": 1}

    run(main())


def test_faults_and_time_limits_hold_for_such_a_client() -> None:
    async def main() -> None:
        async with Hub() as hub:
            stock = redirecting(hub)
            hub.fail("stock.take#1=lose_reply")
            async with Client(URL) as client:
                with pytest.raises(MCPError, match="timed out"):
                    await client.call_tool("take", {"item": "tea"}, read_timeout_seconds=30)
                assert hub.clock.now() == 30
                await client.call_tool("take", {"item": "tea"})
            assert stock.items == {"tea": 1}

    run(main())


@dataclass
class Restocking(Scenario):
    """Take one, whoever connects."""

    stock: Stock = field(default_factory=Stock)

    def connect(self, hub: Hub) -> None:
        hub.redirect(URL, to="stock")

    async def workflow(self, hub: Hub) -> None:
        try:
            async with Client(URL) as client:
                await client.call_tool("take", {"item": "tea"}, read_timeout_seconds=5)
        except* MCPError:
            pass

    def expect(self, run: object) -> None:
        assert self.stock.items == {"tea": 2}


def test_such_code_is_explored() -> None:
    exploration = explore(None, Restocking)

    assert [str(finding.plan) for finding in exploration.findings] == ["stock.take#1=refuse"]


def test_a_cassette_and_a_server_object_are_led_to_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    server = MCPServer("stock", log_level="ERROR")

    @server.tool()
    async def take(item: str) -> int:
        """Take one."""
        return 2

    async def main(hub: Hub) -> None:
        async with hub:
            hub.redirect(URL, to="stock")
            await with_a_client()
            await with_a_session_over_http()
            assert hub.transcript.counts() == {"stock.take": 2}
            hub.verify()

    recording = Hub(record=RecordMode.ONCE, cassettes=tmp_path)
    recording.use(server, cassette="stock.jsonl")
    run(main(recording))
    replaying = Hub(cassettes=tmp_path)
    replaying.use(server, cassette="stock.jsonl")
    run(main(replaying))

    async def main_under_a_fault(hub: Hub) -> None:
        async with hub:
            hub.redirect(URL, to="stock")
            hub.fail("stock.take#1=disconnect(after)")
            with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
                await with_a_session_over_http()
            await with_a_client()
            await with_a_session_over_http()
            hub.verify()

    # The answer that nobody got is there for whoever tries again.
    under_a_fault = Hub(cassettes=tmp_path)
    under_a_fault.use(server, cassette="stock.jsonl")
    run(main_under_a_fault(under_a_fault))


def test_what_is_not_redirected_is_refused_and_fails_the_test_that_goes_on() -> None:
    hub = Hub()

    async def main() -> None:
        async with hub:
            redirecting(hub)
            await with_a_client()
            for nowhere in (
                "https://user:word@stock.example.com/other?key=1",
                StdioServerParameters(command="uvx"),
            ):
                with pytest.raises(HubError):
                    async with Client(nowhere):
                        pass
        hub.verify()

    with pytest.raises(HubError) as refused:
        run(main())
    assert str(refused.value) == (
        "a client connects to https://stock.example.com/other, which is not redirected; there is: "
        "https://stock.example.com/mcp, `npx -y stock-server`. Redirect it with hub.redirect(..., to='server'), to a "
        "server that hub.use() reaches if it is meant to be the real one"
    )


def test_a_query_counts_where_the_redirected_url_has_one() -> None:
    async def main() -> None:
        async with Hub() as hub:
            hub.serve(Stock(), name="one")
            hub.serve(Stock(), name="two")
            hub.redirect(f"{URL}?shop=1", to="one")
            hub.redirect(f"{URL}?shop=2", to="two")
            async with Client(f"{URL}?shop=2") as client:
                await client.call_tool("take", {"item": "tea"})
            assert hub.transcript.counts() == {"two.take": 1}
            with pytest.raises(HubError, match="not redirected"):
                await with_a_client()

    run(main())


@pytest.mark.parametrize(
    ("target", "to", "error", "words"),
    [
        (URL, "store", UnknownNameError, "unknown server 'store'; there is: stock"),
        (URL, "stock", HubError, "is redirected to 'stock' already"),
        ("npx -y stock-server", "stock", HubError, "takes a URL.*a command is StdioServerParameters"),
        ("", "stock", HubError, "takes a URL"),
        (MCPServer("stock"), "stock", HubError, "handed to the client as it is"),
    ],
)
def test_what_cannot_be_redirected_is_told(target: str, to: str, error: type[Exception], words: str) -> None:
    async def main() -> None:
        async with Hub() as hub:
            redirecting(hub)
            with pytest.raises(error, match=words):
                hub.redirect(target, to=to)

    run(main())


def test_one_hub_redirects_at_a_time_and_leaves_the_sdk_as_it_was() -> None:
    def of_the_sdk() -> list[object]:
        ways_out = (stdio_client, streamable_http_client, sse_client)
        cells = [cell for way_out in ways_out for cell in way_out.__closure__ or ()]
        return [*(cell.cell_contents for cell in cells), JSONRPCDispatcher.__init__, Client.__aenter__]

    before = of_the_sdk()

    async def main() -> None:
        async with Hub() as hub, Hub() as other:
            redirecting(hub)
            with pytest.raises(HubError, match="another hub redirects the clients of this process"):
                redirecting(other)
            assert not {*before} & {*of_the_sdk()}
        assert of_the_sdk() == before
        async with Hub() as another:
            redirecting(another)
            await with_a_client()

    run(main())
    assert of_the_sdk() == before


def test_a_real_server_is_led_to_and_written_down() -> None:
    greeter = Path(__file__).parent.parent / "examples" / "own_server" / "greeter.py"
    command = StdioServerParameters(command=sys.executable, args=[str(greeter)])

    async def main() -> None:
        async with Hub() as hub:
            hub.use(command, name="greeter")
            hub.redirect(URL, to="greeter")
            hub.redirect(command, to="greeter")
            for target in (URL, command):
                async with Client(target) as client:
                    await client.call_tool("greet", {"name": "Ada"})
            await hub.call_tool("greeter.greet", {"name": "Ada"})
            assert hub.transcript.counts() == {"greeter.greet": 3}

    asyncio.run(main())
