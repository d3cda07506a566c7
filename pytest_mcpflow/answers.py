"""Who answers when a server asks the client: the test's answerer, the same for every way and era."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pytest_mcpflow.errors import HubError, UnansweredQuestionError
from pytest_mcpflow.journal import Entry, Journal
from pytest_mcpflow.outcome import Asked
from pytest_mcpflow.question import Answer, Answerer, Elicitation, Question, Sampling

if TYPE_CHECKING:
    from mcp.client.context import ClientRequestContext
    from mcp.client.session import ClientSession, ElicitationFnT, SamplingFnT
    from mcp.types import (
        CreateMessageRequestParams,
        CreateMessageResult,
        ElicitRequestParams,
        ElicitResult,
        ErrorData,
        InputRequest,
        InputResponse,
    )

__all__ = ["Desk"]

REFUSED = -32600


class Desk:
    """Hands questions to the answerer and writes both into the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.answerer: Answerer | None = None

    async def ask(self, question: Question, entry: Entry | None) -> Answer:
        """Get an answer; `None` declines.

        Raises:
            UnansweredQuestionError: The test named nobody who answers.
            HubError: The answer is not of the kind that was asked for.
        """
        answerer: Answerer | None = self.answerer
        if entry is not None:
            if entry.abandoned:
                raise ConnectionAbortedError(f"{question}; whoever made the call has given it up")
            answerer = entry.answerer or answerer
        if answerer is None:
            raise UnansweredQuestionError(
                f"{question}; nobody answers: give the hub somebody with hub.answer_with(lambda question: ...), "
                "or the scenario an `answer` method"
            )
        answer = answerer(question)
        if inspect.isawaitable(answer):
            answer = await answer
        given = cast("object", answer)  # whatever its annotation promises
        wanted = Mapping if isinstance(question, Elicitation) else str
        if given is not None and not isinstance(given, wanted):
            raise HubError(
                f"{question}; an answer is {'a mapping of fields' if wanted is Mapping else 'a text'} "
                f"or None, got {answer!r}"
            )
        if entry is not None:
            text = question.message if isinstance(question, Elicitation) else question.prompt
            entry.asked += (Asked(text, dict(answer) if isinstance(answer, Mapping) else answer),)
        return answer

    def elicitation_callback(self, server: str) -> ElicitationFnT:
        """The SDK client's callback for elicitation."""

        async def callback(
            context: ClientRequestContext, params: ElicitRequestParams
        ) -> ElicitResult | ErrorData:
            from mcp.types import ElicitRequestFormParams, ElicitResult  # here, since most servers never ask

            if not isinstance(params, ElicitRequestFormParams):
                return ElicitResult(action="decline")  # a URL to visit: there is no browser here
            entry = self._entry(server, params.meta)
            try:
                answer = await self.ask(Elicitation(server, params.message, params.requested_schema), entry)
            except asyncio.CancelledError:
                self._cancelled(entry)
                raise
            except Exception as error:
                return self._refused(entry, error)
            if answer is None:
                return ElicitResult(action="decline")
            return ElicitResult(action="accept", content=dict(cast("Mapping[str, Any]", answer)))

        return callback

    def sampling_callback(self, server: str) -> SamplingFnT:
        """The SDK client's callback for sampling."""

        async def callback(
            context: ClientRequestContext, params: CreateMessageRequestParams
        ) -> CreateMessageResult | ErrorData:
            from mcp.types import CreateMessageResult, ErrorData, TextContent

            blocks = [block for message in params.messages for block in message.content_as_list]
            prompt = "\n".join(block.text for block in blocks if isinstance(block, TextContent))
            entry = self._entry(server, params.meta)
            try:
                answer = await self.ask(Sampling(server, prompt, params.max_tokens), entry)
            except asyncio.CancelledError:
                self._cancelled(entry)
                raise
            except Exception as error:
                return self._refused(entry, error)
            if answer is None:
                return ErrorData(code=-1, message="User rejected sampling request")
            return CreateMessageResult(
                role="assistant",
                content=TextContent(type="text", text=cast("str", answer)),
                model="pytest-mcpflow",
            )

        return callback

    def _entry(self, server: str, meta: Mapping[str, Any] | None) -> Entry | None:
        from pytest_mcpflow.server import INTERACTION_KEY
        from pytest_mcpflow.wire import current_entry

        key = (meta or {}).get(INTERACTION_KEY)
        current = current_entry.get()
        if current is not None and (current.server != server or current.until is not None):
            current = None  # left over from the call after which this server was connected
        return self._journal.find(key) or current or self._journal.latest_open(server)

    def overrule(self, session: ClientSession, server: str) -> None:
        """Let a fault answer what a server asks a client of somebody else, where the call has one that does.

        All other questions are that client's own.
        """
        from mcp.types import CreateMessageRequest, ElicitRequest, ElicitRequestFormParams

        otherwise = session.dispatch_input_request
        elicited, sampled = self.elicitation_callback(server), self.sampling_callback(server)

        async def dispatch(ctx: ClientRequestContext, request: InputRequest) -> InputResponse | ErrorData:
            entry = self._entry(server, request.params.meta if request.params else None)
            if entry is not None and entry.answerer is not None:
                match request:
                    case ElicitRequest(params=ElicitRequestFormParams() as form):
                        return await elicited(ctx, form)
                    case CreateMessageRequest(params=prompt):
                        return cast("InputResponse | ErrorData", await sampled(ctx, prompt))
                    case _:
                        pass
            return await otherwise(ctx, request)

        session.dispatch_input_request = dispatch  # type: ignore[method-assign]  # of this object alone

    def _cancelled(self, entry: Entry | None) -> None:
        if entry is not None and entry.is_between_rounds:
            self._journal.cancel(entry)

    def _refused(self, entry: Entry | None, error: Exception) -> ErrorData:
        from mcp.types import ErrorData

        if entry is not None:
            # So that the caller gets the error itself, and not its text by way of the server.
            entry.unanswered = error
            if entry.is_between_rounds:
                self._journal.fail(entry, error)  # no request is under way that could
        return ErrorData(code=getattr(error, "code", REFUSED), message=str(error))
