"""A server of the SDK that can be otherwise than it was, and what a client recorded of it.

`python tests/weather_station.py description text` serves it over stdio with those changes.
"""

# Annotations are evaluated where they stand: the SDK cannot look names up in the function `station`.
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

from mcp import Client, MCPError
from mcp.client import Transport
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve, Sample
from mcp.types import CreateMessageResult, ElicitResult, SamplingMessage, TextContent, ToolAnnotations
from pydantic import BaseModel

from pytest_mcpflow import Era
from pytest_mcpflow.cassette.drift import Change
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.cassette.writer import CassetteWriter
from pytest_mcpflow.serve.memory import memory_transport

__all__ = ["READS", "found", "record", "serving", "station", "visit"]

READS = ToolAnnotations(read_only_hint=True)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False)


class Weather(BaseModel):
    city: str
    celsius: float
    measured_at: str


class Name(BaseModel):
    name: str


def station(*changes: str) -> MCPServer:
    """The server, with what `changes` name otherwise."""
    unknown = {*changes} - CHANGES
    assert not unknown, f"{unknown} are no changes; there are {sorted(CHANGES)}"
    server = MCPServer("weather-station", version="2" if "version" in changes else "1", log_level="ERROR")

    def describes(text: str) -> str:
        return f"{text} Today." if "description" in changes else text

    def temperature(city: str) -> Weather:
        celsius = 21.5 if "structured" in changes else 12.5
        return Weather(city=city, celsius=celsius, measured_at=datetime.now(UTC).isoformat())

    def temperature_in(city: str, unit: str = "C") -> Weather:
        return temperature(city)

    server.add_tool(
        temperature_in if "schema" in changes else temperature,
        name="temperature",
        description=describes("Say how warm it is."),
        annotations=READS,
    )

    @server.tool(annotations=READS, structured_output=False)
    def report(city: str) -> str:
        """Report as JSON in text."""
        wind = "storm" if "json" in changes else "calm"
        return json.dumps({"city": city, "wind": wind, "now": time.time(), "id": os.urandom(16).hex()})

    @server.tool(annotations=READS, structured_output=False)
    def motto() -> str:
        """Say something."""
        if "error" in changes:
            raise ValueError("out of mottos")
        return "Rain or shine\nwe measure." + (" Always." if "text" in changes else "")

    @server.tool(annotations=READS, structured_output=False)
    async def measure(ctx: Context[Any, Any]) -> str:
        """Measure in steps."""
        for step in range(1, 4):
            if "silent" not in changes:
                await ctx.report_progress(step, 3)
        return "measured"

    async def ask_name() -> Elicit[Name]:
        return Elicit("What name?" if "question" in changes else "Which name?", Name)

    async def ask_verse(name: Annotated[Name, Resolve(ask_name)]) -> Sample:
        text = TextContent(type="text", text=f"A verse for {name.name}")
        return Sample([SamplingMessage(role="user", content=text)], max_tokens=50)

    @server.tool(annotations=ADDS, structured_output=False)
    async def christen(
        name: Annotated[Name, Resolve(ask_name)], verse: Annotated[CreateMessageResult, Resolve(ask_verse)]
    ) -> str:
        """Ask for a name and for a verse."""
        return f"{name.name}: {cast('TextContent', verse.content).text}"

    if "removed" not in changes:

        @server.tool(annotations=READS, structured_output=False)
        def moon() -> str:
            """Say the phase."""
            return "full"

    if "added" in changes:

        @server.tool(annotations=READS)
        def sun() -> str:
            """Say whether it shines."""
            return "yes"

    @server.tool(annotations=ToolAnnotations(destructive_hint=True), structured_output=False)
    def demolish(ctx: Context[Any, Any]) -> str:
        """Tear it all down."""
        if "harmless" not in changes:
            Path("demolished").touch()
        return "gone"

    @server.tool(structured_output=False)
    def tinker() -> str:
        """Do who knows what."""
        return "tinkered"

    @server.resource("weather://history")
    def history() -> str:
        """The past."""
        return "it rained" + (" a lot" if "resource" in changes else "")

    @server.prompt()
    def small_talk(place: str) -> str:
        """Talk about the weather."""
        return f"Lovely day in {place}, {'is it not' if 'prompt' in changes else 'is it'}?"

    return server


CHANGES = frozenset(
    {
        "added",
        "description",
        "error",
        "harmless",
        "json",
        "prompt",
        "question",
        "removed",
        "resource",
        "schema",
    }
    | {"silent", "structured", "text", "version"}
)


def found(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """What changed, and where."""
    return [(each.subject, each.pointer) for each in changes]


def serving(*changes: str) -> list[str]:
    """The command that serves it over stdio."""
    return [sys.executable, str(Path(__file__).resolve()), *changes]


Visit = Callable[[Client], Any]


async def visit(client: Client) -> None:
    """What the recorded client does: something of everything that destroys nothing."""

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        pass

    await client.list_tools()
    await client.call_tool("temperature", {"city": "Oslo"})
    await client.call_tool("report", {"city": "Oslo"})
    await client.call_tool("motto", {})
    await client.call_tool("measure", {}, progress_callback=on_progress)
    await client.call_tool("christen", {})
    await client.call_tool("moon", {})
    await client.call_tool("temperature", {"town": "Oslo"})
    await client.list_resources()
    await client.read_resource("weather://history")
    await client.list_prompts()
    await client.get_prompt("small_talk", {"place": "Oslo"})
    try:
        await client.read_resource("weather://nowhere")
    except MCPError:
        return
    raise AssertionError("there is no such resource")


def record(
    path: Path, era: Era, server: MCPServer | Transport, session: Visit = visit, *, redactor: Any = None
) -> Path:
    """Record a session with a server, as a client of that era."""

    async def elicit(context: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": "Ada"})

    async def sample(context: object, params: object) -> CreateMessageResult:
        return CreateMessageResult(
            role="assistant", content=TextContent(type="text", text="Rain."), model="none"
        )

    async def talk() -> None:
        with CassetteWriter(path, redactor=redactor) as writer:
            transport = (
                memory_transport(server._lowlevel_server)  # pyright: ignore[reportPrivateUsage]  # as the SDK does
                if isinstance(server, MCPServer)
                else server
            )
            tapped = recorded(transport, writer.session(transport="memory"))
            mode = cast("Any", era.client_mode)
            async with Client(
                tapped, mode=mode, elicitation_callback=elicit, sampling_callback=sample, cache=None
            ) as client:
                await session(client)

    asyncio.run(talk())
    return path


if __name__ == "__main__":
    station(*sys.argv[1:]).run("stdio")
