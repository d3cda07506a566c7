"""Twelve steps with server-everything, by a client of whichever SDK is installed; what came of each, as JSON.

python steps_client.py stdio COMMAND ...
python steps_client.py http URL
python steps_client.py vcr TAPE MODE URL
python steps_client.py record TAPE COMMAND ...
python steps_client.py replay TAPE

The first three import nothing of this project, so that they run in an environment that has an old SDK, for the third
vcrpy, and nothing else; for the others it must be found on `PYTHONPATH`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

__all__ = ["PROGRESS", "SECRET", "STEPS", "Steps"]

SECRET = "ghp_" + "wN7rT2kQ9xLm4VbZ" + "c8YdHf3GsJ6pA1eU0o5i"
PROGRESS = 4
LIMIT = 5.0
"""Seconds for one step."""

STEPS = (
    "list",
    "echo",
    "sum",
    "bad arguments",
    "progress",
    "sampling",
    "elicitation",
    "resource",
    "prompt",
    "env",
    "secret",
    "duplicate call",
)


class Steps:
    """Goes through the steps with a session, and counts what it was asked and told on the way."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.progress: list[float] = []
        self.sampled = self.elicited = 0

    async def sample(self, context: Any, params: Any) -> types.CreateMessageResult:
        self.sampled += 1
        text = types.TextContent(type="text", text="a poem")
        return types.CreateMessageResult(role="assistant", content=text, model="none")

    async def elicit(self, context: Any, params: Any) -> types.ElicitResult:
        self.elicited += 1
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def note(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append(progress)

    async def walk(self, session: Any) -> dict[str, Any]:
        """What a client of either SDK got: sessions of both have these methods."""
        uri = "demo://resource/static/document/architecture.md"
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "list": lambda: session.list_tools(),
            "echo": lambda: session.call_tool("echo", {"message": "hello"}),
            "sum": lambda: session.call_tool("get-sum", {"a": 2, "b": 40}),
            "bad arguments": lambda: session.call_tool("get-sum", {"a": "two"}),
            "progress": lambda: session.call_tool(
                "trigger-long-running-operation",
                {"duration": 0.4, "steps": PROGRESS},
                progress_callback=self.note,
            ),
            "sampling": lambda: session.call_tool("trigger-sampling-request", {"prompt": "tea"}),
            "elicitation": lambda: session.call_tool("trigger-elicitation-request", {}),
            "resource": lambda: session.read_resource(uri),
            "prompt": lambda: session.get_prompt("simple-prompt"),
            "env": lambda: session.call_tool("get-env", {}),
            "secret": lambda: session.call_tool("echo", {"message": SECRET}),
            "duplicate call": lambda: session.call_tool("echo", {"message": "hello"}),
        }
        for name in STEPS:
            try:
                async with asyncio.timeout(LIMIT):
                    result = await steps[name]()
                self.answers[name] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            except Exception as error:
                self.answers[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
        return {
            "answers": self.answers,
            "elicited": self.elicited,
            "progress": self.progress,
            "sampled": self.sampled,
        }


async def main(kind: str, target: list[str]) -> None:
    steps = Steps()
    async with _transport(kind, target) as streams:
        callbacks: dict[str, Any] = {"sampling_callback": steps.sample, "elicitation_callback": steps.elicit}
        async with ClientSession(streams[0], streams[1], **callbacks) as session:
            await session.initialize()
            # The server offers what the client can answer a moment after the handshake.
            await asyncio.sleep(0.3)
            said = await steps.walk(session)
    print(json.dumps(said))


def _transport(kind: str, target: list[str]) -> Any:
    match kind:
        case "stdio":
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            server = StdioServerParameters(command=target[0], args=target[1:], env=environment)
            return stdio_client(server, errlog=sys.stderr)
        case "record":
            return _recorded(Path(target[0]), _transport("stdio", target[1:]))
        case "replay":
            from pytest_mcpflow.cassette.replay import ReplayTransport

            return ReplayTransport.from_tape(target[0])
        case _:
            from mcp.client import streamable_http

            return streamable_http.streamable_http_client(target[0])


@asynccontextmanager
async def _recorded(tape: Path, transport: Any) -> AsyncGenerator[Any]:
    from pytest_mcpflow.cassette.redaction import Redactor
    from pytest_mcpflow.cassette.tap import recorded
    from pytest_mcpflow.cassette.writer import CassetteWriter

    with CassetteWriter(tape, redactor=Redactor()) as writer:
        async with recorded(transport, writer.session(transport="memory")) as streams:
            yield streams


def under_vcrpy(tape: str, mode: str, url: str) -> None:
    """Over HTTP, with vcrpy in this process; by default it would not compare what is asked."""
    vcr: Any = importlib.import_module("vcr")
    with vcr.use_cassette(tape, serializer="json", record_mode=mode, match_on=("method", "path", "body")):
        asyncio.run(main("http", [url]))


if __name__ == "__main__":
    if sys.argv[1] == "vcr":
        under_vcrpy(*sys.argv[2:])
    else:
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
