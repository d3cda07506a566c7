"""A server that does everything a tape must hold, and a client that notes everything it gets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mcp import Client, MCPError
from mcp.client import Transport
from mcp.types import CreateMessageResult, ElicitResult, TextContent

from pytest_mcpflow import Call, Era, Fake, FakeError, prompt, resource, tool
from pytest_mcpflow.cassette.player import Player, Tape
from pytest_mcpflow.cassette.tap import recorded
from pytest_mcpflow.cassette.writer import CassetteWriter
from pytest_mcpflow.serve.memory import memory_transport
from pytest_mcpflow.server import serve_fake

__all__ = ["Everything", "Heard", "player_of", "record", "talk"]


@dataclass
class Person:
    name: str


@dataclass
class Everything(Fake):
    """A bit of all."""

    count: int = 0
    notes: list[str] = field(default_factory=list[str])

    @tool(reads=True)
    def echo(self, message: str) -> str:
        """Say it again."""
        return f"Echo: {message}"

    @tool()
    def bump(self) -> dict[str, int]:
        """Count."""
        self.count += 1
        return {"count": self.count}

    @tool()
    async def slowly(self, call: Call, steps: int = 4) -> str:
        """Report progress."""
        for step in range(1, steps + 1):
            await call.progress(step, total=steps)
        return "done"

    @tool()
    async def greet(self, call: Call) -> str:
        """Ask for a name and have a greeting written."""
        person = await call.elicit("Who are you?", Person)
        text = await call.sample(f"Greet {person.name}")
        return f"{text}, {person.name}"

    @tool()
    def refuse(self) -> str:
        """Never work."""
        raise FakeError("out of order")

    @resource("note://first")
    def first(self) -> str:
        """A note."""
        return "remember the milk"

    @prompt()
    def ask(self, topic: str) -> str:
        """Ask about something."""
        return f"What of {topic}?"


@dataclass
class Heard:
    """What a client got."""

    answers: list[object] = field(default_factory=list[object])
    progress: list[float] = field(default_factory=list[float])
    asked: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def client_of(transport: Transport | str, era: Era, heard: Heard) -> AsyncGenerator[Client]:
    async def elicit(context: Any, params: Any) -> ElicitResult:
        heard.asked.append(params.message)
        return ElicitResult(action="accept", content={"name": "Ada"})

    async def sample(context: Any, params: Any) -> CreateMessageResult:
        heard.asked.append(params.messages[0].content.text)
        return CreateMessageResult(
            role="assistant", content=TextContent(type="text", text="Hello"), model="none"
        )

    mode = cast("Any", era.client_mode)
    async with Client(
        transport, mode=mode, elicitation_callback=elicit, sampling_callback=sample, cache=None
    ) as client:
        yield client


async def talk(transport: Transport | str, era: Era) -> Heard:
    """Twelve steps with a server; what came back, without what differs between the eras."""
    heard = Heard()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.progress.append(progress)

    async with client_of(transport, era, heard) as client:

        async def call(name: str, arguments: Mapping[str, Any] | None = None) -> None:
            try:
                result = await client.call_tool(name, dict(arguments or {}), progress_callback=note)
            except MCPError as error:
                heard.answers.append((error.code, str(error)))
            else:
                texts = [block.text for block in result.content if isinstance(block, TextContent)]
                heard.answers.append((result.is_error, texts, result.structured_content))

        heard.answers.append(sorted(each.name for each in (await client.list_tools()).tools))
        await call("echo", {"message": "hello"})
        await call("bump")
        await call("bump")
        await call("echo", {"message": 7})
        await call("slowly")
        await call("greet")
        await call("refuse")
        heard.answers.append([each.name for each in (await client.list_resources()).resources])
        contents = (await client.read_resource("note://first")).contents
        heard.answers.append([getattr(each, "text", None) for each in contents])
        heard.answers.append([each.name for each in (await client.list_prompts()).prompts])
        messages = (await client.get_prompt("ask", {"topic": "tea"})).messages
        heard.answers.append([getattr(each.content, "text", None) for each in messages])
        await call("echo", {"message": "hello"})
    return heard


async def record(path: Path, era: Era) -> Heard:
    """Record the twelve steps with the server itself."""
    with CassetteWriter(path) as writer:
        session = writer.session(transport="memory")
        return await talk(recorded(memory_transport(serve_fake(Everything())), session), era)


def player_of(path: Path) -> Player:
    return Player(Tape.load(path), "everything")
