"""Every error a user can meet. Each docstring says why it happens and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

__all__ = [
    "ArgumentError",
    "CannotVerifyError",
    "CassetteError",
    "DeadlockError",
    "DifferentArgumentsError",
    "ExhaustedError",
    "ExplorationError",
    "FakeDefinitionError",
    "FaultPlanError",
    "FuzzError",
    "HubError",
    "LawBrokenError",
    "LeakedError",
    "MCPFlowError",
    "NeverRecordedError",
    "OutOfOrderError",
    "ScenarioError",
    "SchemaError",
    "ServerStartError",
    "StateError",
    "ToolError",
    "UnansweredQuestionError",
    "UnknownNameError",
    "UnusedRecordingError",
    "VacuousTestError",
    "VirtualTimeError",
]


class MCPFlowError(Exception):
    """Base of all errors that pytest-mcpflow raises itself."""


class UnknownNameError(MCPFlowError, LookupError):
    """A server, tool, scenario, tag or transport of that name does not exist.

    The message lists the nearest names that do; correct the name, or serve what is missing.
    """

    def __init__(self, kind: str, asked: str, known: Iterable[str], *, advice: str = "") -> None:
        names = sorted(known)
        super().__init__(
            f"unknown {kind} {asked!r}; {nearest_phrase(asked, names)}{advice and f'. {advice}'}"
        )
        self.kind, self.asked, self.known = kind, asked, tuple(names)


class ToolError(MCPFlowError):
    """A tool answered with `is_error`: the server refused, in its own words.

    Catch it where the workflow can go on without that tool; `server`, `tool` and `message` say what happened.
    """

    def __init__(self, server: str, tool: str, message: str) -> None:
        super().__init__(f"{server}.{tool}: {message}")
        self.server, self.tool, self.message = server, tool, message


class ArgumentError(ToolError):
    """The arguments break the tool's input schema, so nothing ran. Correct the arguments."""

    BEGINNING: ClassVar[str] = "Invalid arguments for "
    """What the words of such a refusal begin with."""


class FakeDefinitionError(MCPFlowError, TypeError):
    """A fake cannot be served as written, for example a tool with an unannotated parameter. Correct the class."""


class SchemaError(MCPFlowError, ValueError):
    """A tool's JSON Schema cannot be used: it is none, or refers to what is not in it. Correct the schema."""


class StateError(MCPFlowError, ValueError):
    """A text is no saved state of that fake. Load it with the class it was saved from, or save the state again."""


class FaultPlanError(MCPFlowError):
    """A plan of faults cannot be read, names what does not exist, or asked for a fault that never happened.

    The message points at the place in the plan, and names what there is.
    """


class FuzzError(MCPFlowError):
    """`mcpflow_fuzz` was asked for what it cannot do: no such tool, no steps in `replay=`. The message says which."""


class LawBrokenError(MCPFlowError, AssertionError):
    """A server broke a promise that every server makes; `law` names it, `replay` is what happened, as text.

    The message has the fewest calls that show it, and the line that makes them again. Correct the server, its schema
    or its annotations.
    """

    def __init__(self, message: str, *, law: str, replay: str) -> None:
        super().__init__(message)
        self.law, self.replay = law, replay


class LeakedError(MCPFlowError, AssertionError):
    """A check found something that the workflow took and did not give back: a slot, a lock, a connection.

    Raise it in a check of your own in place of an `AssertionError`: a run that breaks nothing worse is `leaked`, and
    not `failed silently`. Give back what is taken in a `finally`.
    """


class HubError(MCPFlowError):
    """The hub was asked for something it cannot do, for example two servers of one name. The message says which."""


class ServerStartError(HubError):
    """A server could not be reached or started, or broke off while the hub connected to it.

    The message carries the command or address and what the server wrote to its standard error.
    """


class UnansweredQuestionError(HubError):
    """A server asked (elicitation or sampling) and the test gave nobody who answers. Pass `hub.answer_with(...)`."""


class VirtualTimeError(MCPFlowError):
    """Virtual time met something it cannot control, such as a foreign socket or subprocess.

    Use `@pytest.mark.mcpflow(virtual_time=False)` (or `Hub(virtual_time=False)`) for that test.
    """


class DeadlockError(MCPFlowError):
    """Nothing can run and no timer is armed: the code under test waits for something that will never happen.

    The message names the waiting tasks and the line each one waits at.
    """


class VacuousTestError(MCPFlowError):
    """A test would have passed without having checked anything. The message says what was never run or awaited."""


class ScenarioError(MCPFlowError):
    """A scenario or a workflow given for it cannot be loaded as written. The message says where and why."""


class ExplorationError(MCPFlowError):
    """A workflow cannot be explored: it fails without faults, does not do the same twice, or there are too many plans.

    The message says which, and shows the first difference or the number of plans.
    """


class CassetteError(MCPFlowError):
    """A cassette is missing, broken, or has no answer to a request. The message names file, line and request."""


class NeverRecordedError(CassetteError):
    """A replayed server was asked what its cassette does not have. Record it, or correct the call."""


class DifferentArgumentsError(NeverRecordedError):
    """The same tool was recorded with other arguments; the message has a pointer to the difference.

    Correct the call, record it, or leave that place out of the comparison:
    `Playback(ignore=["/arguments/now"])`.
    """


class ExhaustedError(CassetteError):
    """A replayed tool was called more often than it was recorded. Record it again, or correct the workflow."""


class OutOfOrderError(CassetteError):
    """A recorded call was made before its turn, where the calls must come in the order in which they were recorded.

    The message has the places of both in that order. Correct the workflow, record it
    again, or replay without `ordered`.
    """


class UnusedRecordingError(CassetteError):
    """A recorded tool call was never asked for. Correct the workflow, or say `Playback(allow_unused=True)`."""


class CannotVerifyError(MCPFlowError):
    """A live server could not be compared with a cassette: it cannot be reached, died, hung, or speaks another era.

    The message says what it was asked last and what it wrote to its standard error; see to it that the server runs.
    """


def nearest(asked: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """The `limit` names most like `asked`, best first; ties in alphabetical order."""
    folded = asked.casefold()

    def likeness(name: str) -> tuple[float, str]:
        contained = folded in name.casefold() or name.casefold() in folded
        return (-(difflib.SequenceMatcher(None, folded, name.casefold()).ratio() + contained), name)

    return sorted(known, key=likeness)[:limit]


def nearest_phrase(asked: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "there are none"
    found = nearest(asked, names)
    return ("nearest: " if len(names) > len(found) else "there is: ") + ", ".join(found)
