"""Calls in memory in the stateless era: a session of the SDK, the kernel of its server, and no loop between them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.shared.message import SessionMessage
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    JSONRPCNotification,
)
from pydantic import Field

from pytest_mcpflow import Call, Era, Fake, Hub, Way, run, tool
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.serve.channel import Channel
from pytest_mcpflow.serve.lines import LineReader, LineWriter
from pytest_mcpflow.serve.wired import serve_over
from pytest_mcpflow.server import serve_fake


@dataclass
class Scales(Fake):
    """Weighs things."""

    reading: int = 0
    told: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def weigh(self) -> dict[str, Annotated[int, Field(ge=0)]]:
        """What lies on the scales, never less than nothing."""
        return {"grams": self.reading}

    @tool()
    async def settle(self, seconds: float) -> str:
        """Wait until they stand still."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.told.append("cancelled")
            raise
        self.told.append("settled")
        return f"still after {seconds:g}"

    @tool()
    async def tare(self, steps: int, call: Call) -> str:
        """Go to zero in steps."""
        for step in range(1, steps + 1):
            await call.progress(step, total=steps)
        return "zero"

    @tool()
    async def zero(self, call: Call) -> str:
        """Go to zero, and say so."""
        await call.log("going")
        await call.log("there")
        return "zero"


def hub(scales: Scales, *, era: Era = Era.STATELESS) -> Hub:
    made = Hub(way=Way.MEMORY, era=era)
    made.serve(scales)
    return made


def failure(scales: Scales, era: Era) -> str:
    async def weigh(scales_hub: Hub) -> str:
        async with scales_hub:
            with pytest.raises(RuntimeError) as caught:
                await scales_hub.call_tool("scales.weigh")
            return str(caught.value)

    return run(weigh(hub(scales, era=era)))


def test_an_answer_that_breaks_its_schema_is_refused_in_the_words_of_a_client_that_listed_the_tools() -> None:
    scales = Scales(reading=-1)

    assert failure(scales, Era.STATELESS) == failure(scales, Era.HANDSHAKE)


def test_a_schema_that_was_compiled_for_another_hub_refuses_too() -> None:
    first = failure(Scales(reading=-1), Era.STATELESS)

    assert "-1 is less than the minimum of 0" in first
    assert failure(Scales(reading=-1), Era.STATELESS) == first


def test_an_answer_that_breaks_its_schema_is_refused_each_time_between_others_that_do_not() -> None:
    async def weigh() -> list[str]:
        scales, heard = Scales(), list[str]()
        async with hub(scales) as served:
            for scales.reading in (5, -1, 5, -1, 6, -1):
                try:
                    heard.append(str((await served.call_tool("scales.weigh"))["grams"]))
                except RuntimeError:
                    heard.append("refused")
        return heard

    assert run(weigh()) == ["5", "refused", "5", "refused", "6", "refused"]


def test_nothing_runs_when_a_call_has_its_answer() -> None:
    async def weigh() -> set[asyncio.Task[Any]]:
        async with hub(Scales(reading=5)) as scales:
            assert (await scales.call_tool("scales.weigh"))["grams"] == 5
            return {*asyncio.all_tasks()} - {asyncio.current_task()}

    assert run(weigh()) == set()


def test_a_call_that_takes_too_long_is_cancelled_at_the_fake() -> None:
    scales = Scales()

    async def wait() -> float:
        async with hub(scales) as served:
            with pytest.raises(MCPError, match="Request 'tools/call' timed out"):
                await served.call_tool("scales.settle", {"seconds": 60.0}, timeout=2)
            ended_at = served.clock.now()
            await asyncio.sleep(100)
            return ended_at

    assert (run(wait()), scales.told) == (2.0, ["cancelled"])


def test_a_call_that_is_given_up_is_cancelled_at_the_fake() -> None:
    scales = Scales()

    async def give_up() -> None:
        async with hub(scales) as served:
            task = asyncio.create_task(served.call_tool("scales.settle", {"seconds": 60.0}))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(100)

    run(give_up())

    assert scales.told == ["cancelled"]


def test_whoever_waits_when_the_hub_is_left_is_told_that_the_connection_is_closed() -> None:
    async def leave() -> BaseException | None:
        async with hub(Scales()) as served:
            task = asyncio.create_task(served.call_tool("scales.settle", {"seconds": 60.0}))
            await asyncio.sleep(1)
        await asyncio.wait([task])
        return task.exception()

    assert str(run(leave())) == "Connection closed"


def test_a_hub_that_was_left_can_be_called_again() -> None:
    async def twice() -> list[int]:
        scales = hub(Scales(reading=3))
        weighed = list[int]()
        for _ in range(2):
            async with scales:
                weighed.append((await scales.call_tool("scales.weigh"))["grams"])
        return weighed

    assert run(twice()) == [3, 3]


def test_calls_at_the_same_time_each_get_their_own_answer() -> None:
    async def concurrently() -> list[str]:
        async with hub(Scales()) as scales:
            calls = [scales.call_tool("scales.settle", {"seconds": 3.0 - each}) for each in range(3)]
            return [answer.text for answer in await asyncio.gather(*calls)]

    assert run(concurrently()) == ["still after 3", "still after 2", "still after 1"]


def test_what_a_server_says_in_the_middle_of_a_call_arrives_before_its_answer() -> None:
    async def tare() -> list[str]:
        heard = list[str]()

        async def on_message(message: IncomingMessage) -> None:
            heard.append(type(message).__name__)

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            heard.append(f"{progress:g} of {total:g}")

        scales = Scales()
        schemas = {name: spec.output_schema for name, spec in contract_of(scales).tools.items()}
        channel = Channel(serve_fake(scales), schemas.get)
        async with Client(channel, mode="2026-07-28", message_handler=on_message) as client:
            await client.call_tool("tare", {"steps": 2}, progress_callback=on_progress)
            heard.append("answer")
        return heard

    heard = run(tare())

    assert [each for each in heard if "of" in each or each == "answer"] == ["1 of 2", "2 of 2", "answer"]
    assert heard.count("ProgressNotification") == 2


def test_what_a_server_logs_in_the_middle_of_a_request_is_received_before_its_answer() -> None:
    async def zero() -> list[str]:
        heard = list[str]()
        scales = Scales()
        channel = Channel(serve_fake(scales), lambda _: None)

        async with channel as (received, _), asyncio.TaskGroup() as tasks:

            async def listen() -> None:
                async for item in received:
                    assert isinstance(item.message, JSONRPCNotification)
                    heard.append(item.message.method)
                    await asyncio.sleep(1)  # whoever listens may take its time

            tasks.create_task(listen())
            meta = {
                PROTOCOL_VERSION_META_KEY: "2026-07-28",
                CLIENT_INFO_META_KEY: {"name": "test", "version": "1"},
                CLIENT_CAPABILITIES_META_KEY: {},
                LOG_LEVEL_META_KEY: "debug",
            }
            params = {"name": "zero", "arguments": {}, "_meta": meta}
            await channel.send_raw_request("tools/call", params)
            heard.append("answer")
            await channel.aclose()
        return heard

    assert run(zero()) == ["notifications/message", "notifications/message", "answer"]


class Unwritable(LineWriter):
    """Fails with each message, for a reason of its own."""

    def __init__(self) -> None:
        pass  # there is no stream that it could write to

    async def send(self, item: SessionMessage, /) -> None:
        raise ValueError("no such order")


def test_answers_that_cannot_be_written_end_the_session_though_the_client_stays() -> None:
    async def serve() -> None:
        stream = asyncio.StreamReader()
        stream.feed_data(b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}\n')
        channel = Channel(serve_fake(Scales()), lambda _: None)
        await serve_over(channel, LineReader(stream, None), Unwritable())

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(asyncio.wait_for(serve(), 10))

    assert [str(error) for error in raised.value.exceptions] == ["no such order"]


def test_a_request_without_what_the_era_demands_is_refused_by_the_server() -> None:
    async def ask() -> str:
        scales = Scales()
        channel = Channel(serve_fake(scales), lambda _: None)
        channel.open()
        with pytest.raises(MCPError) as caught:
            await channel.send_raw_request("tools/list", {})
        await channel.aclose()
        return str(caught.value)

    assert "must be an object carrying the required" in run(ask())
