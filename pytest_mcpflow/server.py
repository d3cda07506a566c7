"""A fake as an MCP server: the public lowlevel `mcp.server.Server`, in both protocol eras.

The lowlevel server is used because `MCPServer` runs plain functions on threads (two calls would mix),
prefixes error texts and reconfigures logging.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, cast

from mcp.server import NotificationOptions, Server
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    NotificationParams,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    RequestParams,
    Resource,
    ResourceTemplate,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
    UnsubscribeRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic_core import to_json

from pytest_mcpflow.asking import BackChannelCall, InputNeeded, RoundsCall
from pytest_mcpflow.clock import foreground
from pytest_mcpflow.errors import nearest_phrase
from pytest_mcpflow.fake import Change, Fake, FakeError
from pytest_mcpflow.notices import reorderings
from pytest_mcpflow.refusal import as_said, output_schema
from pytest_mcpflow.schema import (
    Contract,
    RawResult,
    ResourceSpec,
    ToolSpec,
    contract_of,
    describe_crash,
    invoke,
)
from pytest_mcpflow.uri import match_uri

__all__ = ["INTERACTION_KEY", "Ledger", "serve_fake"]

INTERACTION_KEY = "pytest-mcpflow/interaction"
"""Under this `_meta` key a hub sends the number of the interaction, so that an effect finds its call."""

Context = ServerRequestContext[Any, Any]

Ledger = Callable[[str | None, ToolSpec | None, "RawResult | BaseException"], None]
"""Is told what became of each tool call at the fake: interaction key, tool, result or the fake's own crash.

Without a tool, of the crash of whatever else was asked.
"""


def serve_fake(fake: Fake, *, name: str | None = None, ledger: Ledger | None = None) -> Server[Any]:
    """Build the server of a fake. Its state stays in `fake`; two servers of one fake share it.

    Raises:
        FakeDefinitionError: The class cannot be described to a client.
    """
    return _FakeServer(fake, name or fake.service, ledger or _forget).server


def _forget(key: str | None, spec: ToolSpec | None, result: RawResult | BaseException) -> None:
    """The ledger of a server that no hub looks after."""


class _FakeServer:
    def __init__(self, fake: Fake, name: str, ledger: Ledger) -> None:
        self.fake, self.ledger = fake, ledger
        self.contract: Contract = contract_of(fake)
        self.sessions: list[ServerSession] = []
        self.subscribers: dict[str, list[ServerSession]] = {}
        self.bus = InMemorySubscriptionBus()
        self.sending: set[asyncio.Task[None]] = set()
        self.server = self._build(name)
        fake.on_change(self.announce)

    def _build(self, name: str) -> Server[Any]:
        contract = self.contract
        server: Server[Any] = _ChangingServer(
            name,
            instructions=contract.instructions,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources if contract.resources else None,
            on_list_resource_templates=self.list_templates if contract.resources else None,
            on_read_resource=self.read_resource if contract.resources else None,
            on_subscribe_resource=self.subscribe if contract.resources else None,
            on_unsubscribe_resource=self.unsubscribe if contract.resources else None,
            on_list_prompts=self.list_prompts if contract.prompts else None,
            on_get_prompt=self.get_prompt if contract.prompts else None,
            on_subscriptions_listen=ListenHandler(self.bus),
        )
        # Through the constructor this handler would warn that logging is deprecated, on each fake.
        server.add_request_handler("logging/setLevel", SetLevelRequestParams, self.set_level)
        server.add_notification_handler("notifications/initialized", NotificationParams, self.initialized)
        for method in contract.besides.methods if contract.besides is not None else ():
            server.add_request_handler(method, _PARAMS[method], partial(self.answer_besides, method))
        server.middleware.clear()  # the only one is a tracer, which costs a fifth of a call
        return server

    async def list_tools(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        offered = (spec for name, spec in self.contract.tools.items() if name not in self.fake.withdrawn)
        return ListToolsResult(tools=[_describe_tool(self.fake, spec) for spec in offered])

    async def call_tool(
        self, ctx: Context, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        spec = self.contract.tools.get(params.name)
        if spec is None or params.name in self.fake.withdrawn:
            offered = set(self.contract.tools) - self.fake.withdrawn
            raise MCPError(
                INVALID_PARAMS, f"Unknown tool: {params.name}; {nearest_phrase(params.name, offered)}"
            )
        key = _interaction(ctx)
        call = (
            RoundsCall(ctx, params, key)
            if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
            else BackChannelCall(ctx, {} if key is None else {INTERACTION_KEY: key})
        )
        reordering = reorderings(self.fake).get(key or "")
        if reordering is not None:
            call.messages = reordering.messages
        try:
            with foreground():
                again = bool(params.input_responses)
                result = await invoke(self.fake, spec, params.arguments or {}, call, again=again)
        except InputNeeded as needed:
            return needed.result
        except MCPError:
            raise  # the client refused a question, in its own words
        except Exception as crash:
            self.ledger(key, spec, crash)
            raise MCPError(INTERNAL_ERROR, describe_crash(crash)) from crash
        finally:
            await call.send_rest()
        self.ledger(key, spec, result)
        said = as_said(self.fake, result, marked=key is not None)
        # The runner takes the wire form as it is, which spares a model; it drops the tag in the handshake era.
        return cast("CallToolResult", {**said, "resultType": "complete"})

    async def list_resources(
        self, ctx: Context, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        return ListResourcesResult(
            resources=[
                Resource(
                    name=spec.name,
                    uri=spec.mark.uri,
                    description=spec.description,
                    mime_type=spec.mark.mime_type,
                )
                for spec in self.contract.resources.values()
                if not spec.is_template
            ]
        )

    async def list_templates(
        self, ctx: Context, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(
            resource_templates=[
                ResourceTemplate(
                    name=spec.name,
                    uri_template=spec.mark.uri,
                    description=spec.description,
                    mime_type=spec.mark.mime_type,
                )
                for spec in self.contract.resources.values()
                if spec.is_template
            ]
        )

    async def read_resource(self, ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        for spec in self.contract.resources.values():
            values = match_uri(spec.mark.uri, uri)
            if values is not None:
                return ReadResourceResult(contents=[_read(self.fake, spec, uri, values)])
        known = [spec.mark.uri for spec in self.contract.resources.values()]
        # -32602 in protocol 2026-07-28; the handshake era has a code of its own for this.
        code = INVALID_PARAMS if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else -32002
        raise MCPError(code, f"Resource not found: {uri}; {nearest_phrase(uri, known)}", {"uri": uri})

    async def subscribe(self, ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
        self.subscribers.setdefault(str(params.uri), []).append(ctx.session)
        return EmptyResult()

    async def unsubscribe(self, ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        self.subscribers.pop(str(params.uri), None)
        return EmptyResult()

    async def list_prompts(self, ctx: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(
            prompts=[
                Prompt(
                    name=spec.name,
                    description=spec.description,
                    arguments=[
                        PromptArgument(
                            name=name, required=name in spec.parameters.json_schema.get("required", ())
                        )
                        for name in spec.parameters.names
                    ],
                )
                for spec in self.contract.prompts.values()
            ]
        )

    async def get_prompt(self, ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        spec = self.contract.prompts.get(params.name)
        if spec is None:
            known = nearest_phrase(params.name, self.contract.prompts)
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name}; {known}")
        try:
            values = spec.parameters.adapter.validate_python(params.arguments or {})
            text = spec.method(self.fake, **values)
        except (ValidationError, FakeError) as error:
            raise MCPError(INVALID_PARAMS, f"Prompt {params.name}: {error}") from error
        message = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=spec.description, messages=[message])

    async def answer_besides(self, method: str, ctx: Context, params: RequestParams) -> dict[str, Any]:
        assert self.contract.besides is not None
        asked = params.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta"})
        try:
            return {**self.contract.besides.answer(self.fake, method, asked)}
        except MCPError:
            raise
        except Exception as crash:
            self.ledger(_interaction(ctx), None, crash)
            raise MCPError(INTERNAL_ERROR, describe_crash(crash)) from crash

    async def set_level(self, ctx: Context, params: SetLevelRequestParams) -> EmptyResult:
        return EmptyResult()

    async def initialized(self, ctx: Context, params: NotificationParams) -> None:
        self.sessions.append(ctx.session)

    def announce(self, change: Change) -> None:
        """Send a change to whoever listens, in the background: state changes are not async."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # changed by a test outside its event loop, when no client can be connected
        reordering = next(iter(reorderings(self.fake).values()), None)
        if reordering is None:
            self._start_sending([change], loop)
        else:
            reordering.announce(change, self._start_sending)

    def _start_sending(
        self, changes: Sequence[Change], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        sending = self._send(changes)
        name = f"announce {changes[0].of} of {self.server.name}"
        task = (loop or asyncio.get_running_loop()).create_task(sending, name=name)
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _send(self, changes: Sequence[Change]) -> None:
        for change in changes:
            event, notify = _ANNOUNCEMENTS[change.of]
            await self.bus.publish(event(change))
            listeners = self.subscribers.get(change.uri, []) if change.of == "resource" else self.sessions
            for session in tuple(listeners):
                await notify(session, change)


class _ChangingServer(Server[Any]):
    """Says in the handshake that its lists can change, and on each result who it is."""

    def create_initialization_options(self, *args: Any, **kwargs: Any) -> Any:
        changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        return super().create_initialization_options(changes, **kwargs)

    @cached_property
    def _who(self) -> dict[str, Any]:
        return super().server_info_stamp

    @property
    def server_info_stamp(self) -> dict[str, Any]:
        """Who answers, on each result; a name and a version, for which the SDK's deep copy takes longer than needed."""
        return {**self._who}


_PARAMS: Mapping[str, type[RequestParams]] = {
    "resources/list": PaginatedRequestParams,
    "resources/templates/list": PaginatedRequestParams,
    "resources/read": ReadResourceRequestParams,
    "prompts/list": PaginatedRequestParams,
    "prompts/get": GetPromptRequestParams,
    "completion/complete": CompleteRequestParams,
}
"""What a recorded server may be asked besides tools, and the model of the parameters."""

_Announcement = tuple[Callable[[Change], ServerEvent], Callable[[ServerSession, Change], Awaitable[None]]]
_ANNOUNCEMENTS: Mapping[str, _Announcement] = {
    "tools": (lambda _: ToolsListChanged(), lambda session, _: session.send_tool_list_changed()),
    "prompts": (lambda _: PromptsListChanged(), lambda session, _: session.send_prompt_list_changed()),
    "resources": (lambda _: ResourcesListChanged(), lambda session, _: session.send_resource_list_changed()),
    "resource": (
        lambda change: ResourceUpdated(uri=change.uri),
        lambda session, change: session.send_resource_updated(change.uri),
    ),
}


def _interaction(ctx: Context) -> str | None:
    return cast("Mapping[str, Any]", ctx.meta or {}).get(INTERACTION_KEY)


def _describe_tool(fake: Fake, spec: ToolSpec) -> Tool:
    if spec.listed is not None:
        adapted = output_schema(fake, spec.listed.get("outputSchema"))
        return Tool.model_validate({**spec.listed, "outputSchema": adapted}, by_name=False)
    mark = spec.mark
    return Tool(
        name=spec.name,
        description=spec.description,
        input_schema=spec.parameters.json_schema,
        output_schema=output_schema(fake, spec.output_schema),
        annotations=ToolAnnotations(
            read_only_hint=mark.reads,
            destructive_hint=mark.destroys,
            idempotent_hint=mark.idempotent or mark.reads,
            open_world_hint=False,
        ),
    )


def _read(
    fake: Fake, spec: ResourceSpec, uri: str, values: Mapping[str, str]
) -> TextResourceContents | BlobResourceContents:
    try:
        content = spec.method(fake, **spec.parameters.adapter.validate_strings(values))
    except (ValidationError, FakeError) as error:
        raise MCPError(INVALID_PARAMS, f"{uri}: {error}") from error
    if isinstance(content, bytes):
        return BlobResourceContents(
            uri=uri, mime_type=spec.mark.mime_type, blob=base64.b64encode(content).decode()
        )
    text = content if isinstance(content, str) else to_json(content).decode()
    return TextResourceContents(uri=uri, mime_type=spec.mark.mime_type, text=text)
