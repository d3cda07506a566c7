"""A failed scenario as one block of at most 25 lines: cause, trajectory, state difference, reproduction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_mcpflow.errors import DeadlockError
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.performance import leaves_of
from pytest_mcpflow.running import where_raised
from pytest_mcpflow.transcript import Interaction
from pytest_mcpflow.verdict import Broken, Judgement

__all__ = ["around_faults", "broken_lines", "failure_block", "first_of"]

BROKEN_LINES, CALL_LINES, STATE_LINES, CAUSES = 9, 6, 4, 3
FAULTED_CALL_LINES = 10
_NOT_TELLING = ("Omitting ", "Differing items:", "Full diff:", "Use -v ", "...Full output truncated")
LINE = 110


def failure_block(judgement: Judgement) -> str:
    """The block; what does not fit is counted, and the whole trajectory is in the section "MCP transcript"."""
    return "\n".join(_under_plan(judgement) if judgement.plan else _without_faults(judgement))


def _without_faults(judgement: Judgement) -> Iterable[str]:
    lines = [f"{judgement.scenario} {judgement.verdict}  {_how(judgement)}"]
    lines += ["", *broken_lines(_with_causes(judgement))]
    if judgement.transcript:
        shown = [shortened(str(each), LINE) for each in judgement.transcript]
        lines += ["", *_last(shown, CALL_LINES, "earlier calls")]
    if judgement.changes:
        shown = [shortened(f"changed: {change}", LINE) for change in judgement.changes]
        lines += ["", *first_of(shown, STATE_LINES, "more changes")]
    return [*lines, "", f"reproduce: {judgement.reproduce}"]


def _under_plan(judgement: Judgement) -> Iterable[str]:
    """What went wrong, what the workflow made of it, what does not hold."""
    head = f"{judgement.scenario} {judgement.verdict} under  {judgement.plan}"
    lines = [
        shortened(head, LINE),
        _how(judgement),
        "",
        *around_faults(judgement.transcript),
        "",
        *broken_lines(_with_causes(judgement)),
    ]
    if judgement.never_happened:
        lines.append(shortened(f"never happened: {', '.join(judgement.never_happened)}", LINE))
    return [*lines, "", f"reproduce: {judgement.reproduce}"]


def _with_causes(judgement: Judgement) -> Sequence[Broken]:
    """What does not hold; of a workflow that raised also where, and what is inside of a group."""
    if judgement.cause is None or isinstance(judgement.cause, DeadlockError):  # which says itself where
        return judgement.broken
    leaves = leaves_of(judgement.cause)
    told = (
        [_told_of(each) for each in leaves] if leaves != [judgement.cause] else [_place_of(judgement.cause)]
    )
    lines = [f"  {line}" for line in first_of([*filter(None, told)], CAUSES, "more errors")]
    return [_inserted(each, lines) if each.check == "workflow" else each for each in judgement.broken]


def _inserted(broken: Broken, lines: Sequence[str]) -> Broken:
    first, *rest = broken.why.splitlines()
    return replace(broken, why="\n".join([first, *lines, *rest]))


def _told_of(error: BaseException) -> str:
    place = _place_of(error)
    return shortened(f"{place and f'{place}: '}{type(error).__name__}: {error}", LINE)


def _place_of(error: BaseException) -> str:
    place = where_raised(error)
    return place and f"at {place}"


def _how(judgement: Judgement) -> str:
    chance = f"seed {judgement.seed}"
    if judgement.schedule is not None:
        chance += f", schedule {judgement.schedule}"
    return f"[{judgement.way}, {judgement.era}]  ({chance})"


def around_faults(
    calls: Sequence[Interaction], *, width: int = LINE, count: int = FAULTED_CALL_LINES
) -> list[str]:
    """The calls that went wrong, the later ones of the same tools, and how it ended; gaps are counted."""
    faulted = [index for index, call in enumerate(calls) if call.fault is not None]
    sites = {calls[index].site for index in faulted}
    first = min(faulted, default=0)
    again = [
        index
        for index, call in enumerate(calls)
        if index > first and call.site in sites and index not in faulted
    ]
    last = [index for index in (len(calls) - 2, len(calls) - 1) if index >= 0]
    shown = sorted({*faulted[:3], *again[:2], *last})
    before, lines = -1, list[str]()
    for index in shown:
        if index > before + 1:
            lines.append(f"  ... {index - before - 1} more calls")
        lines.append(_told(calls[index], width))
        before = index
    return first_of(lines, count, "more lines")


def _told(call: Interaction, width: int) -> str:
    """A call as one line in which its arguments are cut before its ending is."""
    line = f"  {call}"
    if len(line) <= width:
        return line
    time, arrow = f"  t={call.at:7.1f}  ", " -> "
    room = width - len(time) - len(arrow)
    ending = shortened(call.ending, max(room // 3, room - min(len(call.call), len(f"{call.site}(...)"))))
    return f"{time}{shortened(call.call, room - len(ending))}{arrow}{ending}"


def broken_lines(
    checks: Iterable[Broken], *, width: int | None = None, count: int = BROKEN_LINES, reasons: int = 4
) -> list[str]:
    """What does not hold, and why, in so many lines for each check; with a `width`, longer ones are cut."""
    lines: list[str] = []
    for broken in checks:
        lines.append(shortened(f"broken: {broken}", width or LINE))
        # Of pytest's explanation of an assertion, the first lines say what and the rest how it came about.
        why = [f"        {line}" for line in _telling(broken.why)[:reasons]]
        lines += [line if width is None or len(line) <= width else f"{line[: width - 3]}..." for line in why]
    return first_of(lines, count, "more lines")


def _telling(why: str) -> list[str]:
    """The lines of a reason without those in which pytest says how it shows a difference."""
    return [line for line in why.splitlines() if line.strip() and not line.lstrip().startswith(_NOT_TELLING)]


def first_of(lines: Sequence[str], count: int, rest: str) -> list[str]:
    return [*lines] if len(lines) <= count else [*lines[: count - 1], f"... {len(lines) - count + 1} {rest}"]


def _last(lines: Sequence[str], count: int, rest: str) -> list[str]:
    return [*lines] if len(lines) <= count else [f"... {len(lines) - count + 1} {rest}", *lines[1 - count :]]
