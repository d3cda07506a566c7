"""What a fuzz did, and how it tells of a broken promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mcpflow.fuzz.laws import Broken, Law
from pytest_mcpflow.fuzz.steps import Answered, CallTool, Happened, Refused, Step, text_of

if TYPE_CHECKING:
    from pytest_mcpflow.fuzz.subject import Target  # loads hypothesis

__all__ = ["FuzzReport", "ToolReport", "counted", "failure_text"]


@dataclass(frozen=True)
class ToolReport:
    """How often calls of a tool were answered and refused."""

    answered: int = 0
    refused: int = 0


@dataclass(frozen=True)
class FuzzReport:
    """What was tried, and no promise was broken.

    Args:
        server: The server's name.
        sessions: How many sessions there were, each from the initial state on.
        steps: How many calls, reads and waits they had in all.
        tools: What became of the calls of each tool, also of those that were invalid on purpose.
    """

    server: str
    sessions: int
    steps: int
    tools: Mapping[str, ToolReport] = field(default_factory=dict[str, ToolReport])

    @property
    def never_answered(self) -> tuple[str, ...]:
        """The tools of which every call was refused, so that little is known of them."""
        return tuple(name for name, each in self.tools.items() if not each.answered)

    def __str__(self) -> str:
        lines = [f"{self.server}: {self.sessions} sessions, {self.steps} steps, no promise broken"]
        lines += [
            f"  {name}: {each.answered} answered, {each.refused} refused" for name, each in self.tools.items()
        ]
        return "\n".join(lines)


def counted(server: str, tools: Sequence[str], sessions: Sequence[Sequence[Happened]]) -> FuzzReport:
    """The report of these sessions."""
    answered, refused = Counter[str](), Counter[str]()
    for happened in sessions:
        for each in happened:
            if isinstance(each.step, CallTool):
                answered[each.step.tool] += isinstance(each.outcome, Answered)
                refused[each.step.tool] += isinstance(each.outcome, Refused)
    by_tool = {name: ToolReport(answered[name], refused[name]) for name in tools}
    return FuzzReport(server, len(sessions), sum(map(len, sessions)), by_tool)


def failure_text(
    target: Target, broken: Broken, steps: Sequence[Step], laws: Collection[Law], note: str = ""
) -> str:
    """The broken promise, what happened, and the line that makes it happen again."""
    lines = [
        f"{target.offer.name} breaks a promise: {broken.law}",
        f"  {broken.by}: {broken.why[0]}",
        *broken.why[1:],
        "",
    ]
    lines += [f"  {each}" for each in broken.happened]
    lines += ["", f"reproduce: mcpflow_fuzz({target.shows}, {_laws_shown(laws)}replay={text_of(steps)!r})"]
    return "\n".join([*lines, *filter(None, [note])])


def _laws_shown(laws: Collection[Law]) -> str:
    """The laws as an argument, unless they are all: one that was left out may be broken by the same steps."""
    left_out = [law for law in Law if law not in laws]
    if not left_out:
        return ""
    if len(laws) > len(left_out):
        return f"laws=set(Law) - {{{_named(left_out)}}}, "
    return f"laws=[{_named(law for law in Law if law in laws)}], "


def _named(laws: Iterable[Law]) -> str:
    return ", ".join(f"Law.{law.name}" for law in laws)
