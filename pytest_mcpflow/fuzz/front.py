"""The front door of the fuzz, which can be named where hypothesis is not installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_mcpflow.errors import FuzzError, LawBrokenError, MCPFlowError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.fuzz.laws import Law
from pytest_mcpflow.fuzz.report import FuzzReport

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from mcp import StdioServerParameters
    from mcp.server import MCPServer, Server

    Served = Fake | Server[Any] | MCPServer
    Fuzzed = Served | StdioServerParameters | str | Callable[[], Served] | SearchStrategy[Fake]

__all__ = ["mcpflow_fuzz"]


def mcpflow_fuzz(
    server: Fuzzed,
    *,
    examples: int = 100,
    steps: int = 20,
    seed: int = 0,
    tools: Sequence[str] = ("*",),
    without: Sequence[str] = (),
    known: Mapping[str, Sequence[Any]] | None = None,
    laws: Collection[Law] = tuple(Law),
    replay: str | None = None,
    patience: float = 10.0,
) -> FuzzReport:
    """Call a server's tools at random, valid and not, and hold it to the promises that every server makes (`Law`).

    Each example is a session from the initial state on. Arguments come from the tools' schemas, and from what earlier
    answers contained, so that calls find what there is. Nothing is random beyond `seed`.

    Args:
        server: A fake (each session has a copy of it), a class of fakes, a strategy of fakes (`strategies.worlds`), an
            SDK server, a function that makes a fake or an SDK server for each session, the command of a server (each
            session starts it), or the address of one.
        examples: How many sessions there are, at least 1.
        steps: About how many steps a session has, at least 1, at most twice as many.
        seed: Decides everything that is left to chance.
        tools: The tools to call, with `*`; by default all.
        without: Of these, the tools to leave alone.
        known: Good values by the names of parameters, such as that of an account; they are tried often.
        laws: The promises to hold the server to.
        replay: Make the steps that a failure printed, and nothing else.
        patience: Real seconds within which a server that is no fake answers a call.

    Raises:
        LawBrokenError: A promise was broken.
        VacuousTestError: No call was answered, so that nothing was found out.
        UnknownNameError: `tools` or `without` name no tool.
        SchemaError: A tool's schema cannot be used.
        ImportError: hypothesis is not installed.
        ServerStartError: The server cannot be reached.
        FuzzError: An argument cannot be used, the server has no tools, or this runs inside of an event loop.
    """
    __tracebackhide__ = True  # where the test called it is what its reader wants to see
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise FuzzError(
            "mcpflow_fuzz runs event loops of its own; call it from a plain `def`, not from `async def`"
        )
    try:
        from pytest_mcpflow.fuzz.machine import Machine
    except ModuleNotFoundError as error:
        raise ImportError(
            f"mcpflow_fuzz needs {error.name}; install it with: pip install 'pytest-mcpflow[hypothesis]'"
        ) from None
    machine = Machine(examples=examples, steps=steps, seed=seed, known=known or {}, laws=laws)
    try:
        return machine.fuzz(server, tools=tools, without=without, replay=replay, patience=patience)
    except LawBrokenError as error:
        raise error.with_traceback(None) from error.__cause__  # what the server raised
    except MCPFlowError as error:
        raise error.with_traceback(None) from None  # it says all there is to say
