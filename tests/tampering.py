"""A hub that changes what a workflow sends: how a right workflow becomes a wrong one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from pytest_mcpflow import Answered, CallResult, Context, Hub, Transcript, Workflow
from pytest_mcpflow.direct import ProgressCallback

__all__ = ["Send", "Tamper", "answer", "omitting", "tampered"]

Send = Callable[[str, Mapping[str, Any]], Awaitable[CallResult]]
Tamper = Callable[[str, dict[str, Any], Send], Awaitable[CallResult]]
"""Gets a call and a way to send calls on; what it returns is what the workflow sees."""


def tampered(workflow: Workflow, tamper: Tamper) -> Workflow:
    """The same workflow with `tamper` between it and its servers."""

    async def run(hub: Hub) -> Any:
        return await workflow(_TamperingHub(hub, tamper))

    return run


def omitting(workflow: Workflow, nth: int, reference: Transcript) -> Workflow:
    """The same workflow without its `nth` call (from 0), which seems to be answered as it was in `reference`."""
    numbers = iter(range(10_000))

    async def leave_out(name: str, arguments: dict[str, Any], send: Send) -> CallResult:
        if next(numbers) != nth:
            return await send(name, arguments)
        outcome = reference[nth].outcome
        assert reference[nth].site == name
        assert isinstance(outcome, Answered)
        return answer(outcome.value)

    return tampered(workflow, leave_out)


def answer(values: Mapping[str, Any]) -> CallResult:
    """What a server would have answered."""
    return CallResult({"content": [], "structuredContent": dict(values)})


class _TamperingHub(Hub):
    def __init__(self, world: Hub, tamper: Tamper) -> None:
        super().__init__()
        self.clock, self.contexts = world.clock, world.contexts
        self._world, self._tamper = world, tamper

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context_id: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Coroutine[Any, Any, CallResult]:
        async def send(sent: str, changed: Mapping[str, Any]) -> CallResult:
            return await self._world.call_tool(
                sent, changed, context_id, timeout=timeout, on_progress=on_progress
            )

        async def call() -> CallResult:
            return await self._tamper(name, dict(arguments or {}), send)

        return call()

    def create_context(self, context_id: str | None = None) -> Context:
        return self._world.create_context(context_id)
