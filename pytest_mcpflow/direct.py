"""The direct way: a fake's method is called without any protocol, with the same outcome as through one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import nearest_phrase
from pytest_mcpflow.fake import Call, Declined, Fake, LogLevel
from pytest_mcpflow.hub_clock import HubClock
from pytest_mcpflow.journal import Entry, Journal
from pytest_mcpflow.question import Answer, Elicitation, Question, Sampling
from pytest_mcpflow.refusal import as_said
from pytest_mcpflow.schema import RawResult, ToolSpec, contract_of, describe_crash, invoke

__all__ = ["Directly", "ProgressCallback"]

T = TypeVar("T")


class ProgressCallback(Protocol):
    """Is told how far a call is."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None: ...


INTERNAL_ERROR, INVALID_PARAMS, REQUEST_TIMEOUT = -32603, -32602, -32001


@dataclass(eq=False)
class Directly:
    """The direct calls of one hub, and who has a part in them.

    Args:
        journal: Where they are written down.
        desk: Who answers what tools ask.
        ledger: Is told what a fake has answered.
        clock: The hub's, which knows its loop.
    """

    journal: Journal
    desk: Desk
    ledger: Callable[[Entry, ToolSpec, RawResult], None]
    clock: HubClock

    async def call(
        self,
        fake: Fake,
        spec: ToolSpec,
        entry: Entry,
        *,
        timeout: float | None,
        on_progress: ProgressCallback | None,
    ) -> RawResult:
        """Run a tool and close its entry; errors are those a client would get.

        Raises:
            RuntimeError: A fault made the answer break the tool's output schema, which a client notices.
        """
        journal = self.journal
        faulted = None if journal.faults is None else journal.faults.about(entry)
        loop = self.clock.loop
        # Where the order of tasks is drawn, whoever could wait should.
        is_drawn = isinstance(loop, VirtualTimeLoop) and loop.is_permuted
        try:
            if is_drawn:
                await asyncio.sleep(0)
            if faulted is not None:
                send = partial(self._carry_out, fake, spec, entry)
                async with asyncio.timeout(timeout):
                    result = await faulted.go_wrong(send, timeout=timeout, on_progress=on_progress)
            elif timeout is None or not (spec.is_async or spec.name in fake.takes):
                # Most tools answer in one step, which no time limit can cut short.
                result = await self._carry_out(fake, spec, entry, None, on_progress)
            else:
                async with asyncio.timeout(timeout):
                    result = await self._carry_out(fake, spec, entry, None, on_progress)
            if is_drawn:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            journal.cancel(entry)
            raise
        except TimeoutError:
            raise _timed_out(journal, entry) from None
        except Exception as error:
            if entry.unanswered is not None or hasattr(error, "code"):
                journal.fail(entry, error)
            else:
                journal.fail(entry, _protocol_error(INTERNAL_ERROR, describe_crash(error)))
            raise
        if faulted is not None:
            try:
                faulted.check(result)
            except RuntimeError as error:
                journal.fail(entry, error)
                raise
        journal.close(entry, result)
        return result

    async def _carry_out(
        self,
        fake: Fake,
        spec: ToolSpec,
        entry: Entry,
        others: Mapping[str, Any] | None,
        on_progress: ProgressCallback | None,
    ) -> RawResult:
        """Let the fake do it, with `others` in place of the caller's arguments if there are any."""
        if spec.name in fake.withdrawn:
            raise _protocol_error(
                INVALID_PARAMS, f"Unknown tool: {spec.name}; {nearest_phrase(spec.name, _offered(fake))}"
            )
        call = _DirectCall(self.desk, entry, on_progress) if spec.may_speak else None
        try:
            result = await invoke(fake, spec, entry.arguments if others is None else others, call)
        except Exception as error:
            if entry.unanswered is None and not hasattr(error, "code"):
                entry.crash = error
            raise
        self.ledger(entry, spec, result)
        return as_said(fake, result, marked=True) if result.get("isError") else result


def _offered(fake: Fake) -> set[str]:
    return set(contract_of(fake).tools) - fake.withdrawn


def _timed_out(journal: Journal, entry: Entry) -> Exception:
    """Made here, since a frame that holds the error that it raises is freed by the garbage collector only."""
    error = _protocol_error(REQUEST_TIMEOUT, "Request 'tools/call' timed out")
    journal.fail(entry, error)
    return error


def _protocol_error(code: int, message: str) -> Exception:
    from mcp import MCPError  # only when needed: the direct way is for runs that never load the SDK

    return MCPError(code, message)


class _DirectCall(Call):
    def __init__(self, desk: Desk, entry: Entry, on_progress: ProgressCallback | None) -> None:
        self._desk, self._entry, self._on_progress = desk, entry, on_progress

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        if self._on_progress is not None:
            # As on every other way, where the protocol's messages have it so.
            await self._on_progress(float(done), None if total is None else float(total), message)

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        pass  # nobody listens: log messages are for a client, and there is none

    async def elicit(self, question: str, answer: type[T]) -> T:
        from pytest_mcpflow.asking import elicitation_schema, elicited

        asked = Elicitation(self._entry.server, question, elicitation_schema(answer))
        given = await self._ask(asked)
        return elicited(
            answer, "decline" if given is None else "accept", cast("Mapping[str, Any] | None", given)
        )

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        given = await self._ask(Sampling(self._entry.server, prompt, max_tokens))
        if given is None:
            raise Declined("User rejected sampling request")
        return cast("str", given)

    async def _ask(self, question: Question) -> Answer:
        try:
            return await self._desk.ask(question, self._entry)
        except Exception as error:
            self._entry.unanswered = error
            raise
