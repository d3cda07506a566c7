"""A server that is no fake under the fuzz: it is called through a client, and seen only through its own reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from pydantic import BaseModel

from pytest_mcpflow import outcome as journal_outcome
from pytest_mcpflow.errors import FuzzError
from pytest_mcpflow.fuzz.crashes import CrashLog, is_crash_of_tool
from pytest_mcpflow.fuzz.steps import (
    Answered,
    CallTool,
    Crashed,
    GetPrompt,
    Outcome,
    ReadResource,
    Refused,
    Step,
    Unfinished,
    Wait,
)
from pytest_mcpflow.fuzz.subject import Answerer, Offer, Subject, Target, Tool
from pytest_mcpflow.hub import Hub
from pytest_mcpflow.journal import outcome_of
from pytest_mcpflow.schema import describe_crash
from pytest_mcpflow.uri import is_simple

if TYPE_CHECKING:
    from mcp import Client, StdioServerParameters
    from mcp.server import MCPServer, Server
    from mcp.types import Tool as ListedTool

    Outside = Server[Any] | MCPServer | StdioServerParameters | str

__all__ = ["OutsideSubject", "outside_target"]

T = TypeVar("T")
INVALID_PARAMS, INTERNAL_ERROR, METHOD_NOT_FOUND = -32602, -32603, -32601
REQUEST_TIMEOUT, CONNECTION_CLOSED = -32001, -32000
UNEXPECTED = 0
"""What the SDK's servers say of an exception in the era of the handshake (mcp 1.x, 2.3)."""
_BROKEN = frozenset({INTERNAL_ERROR, CONNECTION_CLOSED, UNEXPECTED})


def outside_target(server: object, *, patience: float, shows: str) -> Target:
    """The target of a server, which is asked once what it offers.

    Raises:
        ServerStartError: It cannot be reached.
        FuzzError: It is nothing that can be called.
    """

    def make() -> Outside:
        made: object = server() if callable(server) else server
        if not _is_outside(made):
            raise FuzzError(
                f"mcpflow_fuzz takes a fake, an SDK server, what makes one, a command or an address; got {made!r}"
            )
        return made

    def begin() -> OutsideSubject:
        return OutsideSubject(make(), patience=patience)

    first = begin()
    try:
        offer = first.offer()
    finally:
        first.close()
    return Target(offer, begin, shows)


def _is_outside(server: object) -> TypeGuard[Outside]:
    from mcp import StdioServerParameters
    from mcp.server import MCPServer, Server

    return isinstance(server, Server | MCPServer | StdioServerParameters | str)


class OutsideSubject(Subject):
    """One connection to a server."""

    def __init__(self, server: Outside, *, patience: float) -> None:
        self._patience = patience
        self._name = str(getattr(server, "name", "server"))
        self._runner = asyncio.Runner()
        self._hub = Hub(virtual_time=False)
        self._hub.use(server, name=self._name)
        self._began = self._loop.time()
        try:
            self._client = self._run(self._hub.client(self._name))
        except BaseException:
            self.close()
            raise

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._runner.get_loop()

    def now(self) -> float:
        return self._loop.time() - self._began

    def close(self) -> None:
        try:
            self._run(self._hub.aclose())
        finally:
            self._runner.close()

    def offer(self) -> Offer:
        """What the server lists."""
        return self._run(_offer(self._client, self._name))

    def do(self, step: Step, answerer: Answerer) -> Outcome | None:
        self._hub.answer_with(answerer)
        return self._run(self._do(step))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)

    async def _do(self, step: Step) -> Outcome | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        with CrashLog() as log:
            outcome = await self._asked(step)
        if isinstance(outcome, Unfinished | Answered):
            return outcome
        if log.raised is not None:
            return Crashed(describe_crash(log.raised), log.raised)
        if (
            isinstance(outcome, Refused)
            and isinstance(step, CallTool)
            and is_crash_of_tool(step.tool, outcome.message)
        ):
            return Crashed(f"{outcome.message}: it raised what is no ToolError; its log says what")
        return outcome

    async def _asked(self, step: CallTool | ReadResource | GetPrompt) -> Outcome:
        from mcp import MCPError

        try:
            async with asyncio.timeout(self._patience):
                return await self._ask(step)
        except TimeoutError:
            return Unfinished(self._patience)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                return Unfinished(self._patience)
            if error.code in _BROKEN:
                return Crashed(str(error), error)
            return Refused(str(error), as_invalid=error.code == INVALID_PARAMS)
        except Exception as error:
            return Crashed(f"{type(error).__name__}: {error}", error)

    async def _ask(self, step: CallTool | ReadResource | GetPrompt) -> Outcome:
        match step:
            case CallTool():
                result: BaseModel
                try:
                    result = await self._client.call_tool(step.tool, dict(step.arguments))
                except RuntimeError:
                    # The client found that it breaks the output schema, which is for the laws to say.
                    return _outcome(self._hub.transcript.calls(f"{self._name}.{step.tool}")[-1].outcome)
            case ReadResource():
                result = await self._client.read_resource(step.uri)
            case GetPrompt():
                result = await self._client.get_prompt(step.prompt, dict(step.arguments))
        return _outcome(outcome_of(result.model_dump(by_alias=True, mode="json", exclude_none=True)))


def _outcome(outcome: journal_outcome.Outcome) -> Outcome:
    match outcome:
        case journal_outcome.Answered():
            return Answered(outcome.value)
        case journal_outcome.Refused():
            return Refused(outcome.message)
        case _:
            return Crashed(str(outcome))


async def _offer(client: Client, name: str) -> Offer:
    tools = await _all_pages(lambda cursor: client.list_tools(cursor=cursor), "tools")
    resources = await _all_pages(lambda cursor: client.list_resources(cursor=cursor), "resources")
    templates = await _all_pages(
        lambda cursor: client.list_resource_templates(cursor=cursor), "resource_templates"
    )
    prompts = await _all_pages(lambda cursor: client.list_prompts(cursor=cursor), "prompts")
    said = client.server_info
    return Offer(
        said.name if said is not None and said.name else name,
        {tool.name: _tool(tool) for tool in tools},
        [str(each.uri) for each in resources]
        + [each.uri_template for each in templates if is_simple(each.uri_template)],
        {
            each.name: {argument.name: bool(argument.required) for argument in each.arguments or ()}
            for each in prompts
        },
    )


def _tool(tool: ListedTool) -> Tool:
    promises = tool.annotations
    reads = promises is not None and promises.read_only_hint is True
    idempotent = promises is not None and promises.idempotent_hint is True and not reads
    return Tool(tool.name, tool.input_schema, tool.output_schema, reads, idempotent)


async def _all_pages(ask: Callable[[str | None], Awaitable[Any]], what: str) -> list[Any]:
    """All items of a list; none where the server has no such list."""
    from mcp import MCPError

    found: list[Any] = []
    cursor: str | None = None
    while True:
        try:
            page = await ask(cursor)
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND:
                return found
            raise
        found += getattr(page, what)
        cursor = page.next_cursor
        if cursor is None:
            return found
