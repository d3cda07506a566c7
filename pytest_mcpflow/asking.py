"""How a tool's questions travel: over the back-channel up to 2025-11-25, in rounds from 2026-07-28 on.

Both look the same from inside the tool (`Call`). In rounds, the first question ends the call with an
`InputRequiredResult`; the client calls again with the answer, the tool runs again from its beginning, and the
earlier answers, which travel in `requestState`, are given to it without asking.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
)
from pydantic import TypeAdapter, ValidationError

from pytest_mcpflow.fake import Call, Declined, LogLevel
from pytest_mcpflow.notices import Swapped
from pytest_mcpflow.parameters import told

__all__ = ["BackChannelCall", "InputNeeded", "RoundsCall", "elicitation_schema", "elicited"]

T = TypeVar("T")
R = TypeVar("R", ElicitResult, CreateMessageResult)
Context = ServerRequestContext[Any, Any]


class InputNeeded(BaseException):
    """Ends a call that has to ask first. Not an `Exception`, so that no tool swallows it by accident."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__("a question")
        self.result = result


class _ServedCall(Call):
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.messages: Swapped[tuple[str, LogLevel]] | None = None
        """Lets log messages swap places, if they shall."""

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        await self._ctx.session.report_progress(done, total, message)

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        notice = (message, level)
        for each in (notice,) if self.messages is None else self.messages.pass_on(notice):
            await self._log(*each)

    async def send_rest(self) -> None:
        """Send what is held, since nothing goes out after the answer."""
        for each in () if self.messages is None else self.messages.rest():
            await self._log(*each)

    async def _log(self, message: str, level: LogLevel) -> None:
        with warnings.catch_warnings():  # logging is deprecated in 2026-07-28 and part of what a fake can do
            warnings.simplefilter("ignore")
            session: Any = self._ctx.session
            sending = session.send_log_message(level, message, related_request_id=self._ctx.request_id)
        await sending


class BackChannelCall(_ServedCall):
    """A call in the handshake era: a question is a request from the server to the client.

    Args:
        ctx: The request's.
        meta: Goes along with each question, so that a hub knows in which call it is asked.
    """

    def __init__(self, ctx: Context, meta: Mapping[str, Any]) -> None:
        super().__init__(ctx)
        self._meta = meta

    async def elicit(self, question: str, answer: type[T]) -> T:
        form = ElicitRequestFormParams(message=question, requested_schema=elicitation_schema(answer))
        if self._meta:
            form = form.model_copy(update={"meta": dict(self._meta)})
        result = await self._ask(ElicitRequest(params=form), ElicitResult)
        return elicited(answer, result.action, result.content)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        request = _sampling_request(prompt, max_tokens, meta=self._meta)
        return _sampled(await self._ask(request, CreateMessageResult))

    async def _ask(self, request: ElicitRequest | CreateMessageRequest, answer: type[R]) -> R:
        scope = ServerMessageMetadata(related_request_id=self._ctx.request_id)
        return await self._ctx.session.send_request(request, answer, metadata=scope)


class RoundsCall(_ServedCall):
    """A call of protocol 2026-07-28: a question ends it, the answer comes with the next one."""

    def __init__(self, ctx: Context, params: CallToolRequestParams, key: str | None) -> None:
        super().__init__(ctx)
        self._key = key
        self._answers = _earlier_answers(params.request_state)
        self._answers += [
            answer.model_dump(mode="json", by_alias=True, exclude_none=True)
            for _, answer in sorted((params.input_responses or {}).items())
        ]
        self._asked = 0

    @property
    def _repeats(self) -> bool:
        """Whether the tool is still at what it did in an earlier round, when its reports were sent already."""
        return self._asked < len(self._answers)

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        if not self._repeats:
            await super().progress(done, total=total, message=message)

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        if not self._repeats:
            await super().log(message, level=level)

    async def elicit(self, question: str, answer: type[T]) -> T:
        form = ElicitRequestFormParams(message=question, requested_schema=elicitation_schema(answer))
        result = ElicitResult.model_validate(self._answer_to(ElicitRequest(params=form)))
        return elicited(answer, result.action, result.content)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        return _sampled(
            CreateMessageResult.model_validate(self._answer_to(_sampling_request(prompt, max_tokens)))
        )

    def _answer_to(self, request: ElicitRequest | CreateMessageRequest) -> dict[str, Any]:
        number, self._asked = self._asked, self._asked + 1
        if number < len(self._answers):
            return self._answers[number]
        state = json.dumps(
            {"call": self._key, "answers": self._answers}, sort_keys=True, separators=(",", ":")
        )
        raise InputNeeded(
            InputRequiredResult(
                input_requests={f"question-{number + 1}": request},
                request_state=base64.b64encode(state.encode()).decode(),
            )
        )


def _earlier_answers(state: str | None) -> list[dict[str, Any]]:
    if state is None:
        return []
    try:
        return cast("list[dict[str, Any]]", json.loads(base64.b64decode(state, validate=True))["answers"])
    except (ValueError, KeyError, TypeError) as error:
        raise MCPError(
            INVALID_PARAMS, f"requestState is not one this server gave out: {state[:40]!r}"
        ) from error


def elicitation_schema(answer: type[Any]) -> dict[str, Any]:
    """The flat object schema MCP allows in an elicitation, from a dataclass."""
    schema = TypeAdapter[Any](answer).json_schema()
    return {"type": "object", "properties": schema["properties"], "required": schema.get("required", [])}


def elicited(answer: type[T], action: str, content: Mapping[str, Any] | None) -> T:
    """Turn an elicitation's outcome into the tool's answer.

    Raises:
        Declined: The person said no, closed the question, or sent fields of other types than asked for.
    """
    if action != "accept":
        raise Declined(f"The user {'declined' if action == 'decline' else 'cancelled'} the request")
    try:
        return TypeAdapter(answer).validate_python(dict(content or {}))
    except ValidationError as error:
        wrong = "; ".join(map(told, error.errors(include_url=False)))
        raise Declined(f"The answer does not fit the question: {wrong}") from error


def _sampling_request(
    prompt: str, max_tokens: int, *, meta: Mapping[str, Any] | None = None
) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    params = CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    if meta:
        params = params.model_copy(update={"meta": dict(meta)})
    return CreateMessageRequest(params=params)


def _sampled(result: CreateMessageResult) -> str:
    if not isinstance(result.content, TextContent):
        raise Declined(f"The model answered with {result.content.type}, not text")
    return result.content.text
