"""A failed scenario as one block of at most 25 lines: cause, trajectory, state difference, reproduction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.transcript import Interaction
from pytest_mcpflow.verdict import Judgement

__all__ = ["failure_block"]

BROKEN_LINES, CALL_LINES, STATE_LINES = 9, 6, 4
FAULTED_CALL_LINES = 10
LINE = 110


def failure_block(judgement: Judgement) -> str:
    """The block; what does not fit is counted, and the whole trajectory is in the section "MCP transcript"."""
    return "\n".join(_under_plan(judgement) if judgement.plan else _without_faults(judgement))


def _without_faults(judgement: Judgement) -> Iterable[str]:
    lines = [
        f"{judgement.scenario} {judgement.verdict}  [{judgement.way}, {judgement.era}]  (seed {judgement.seed})"
    ]
    lines += ["", *_broken(judgement)]
    if judgement.transcript:
        shown = [shortened(str(each), LINE) for each in judgement.transcript]
        lines += ["", *_last(shown, CALL_LINES, "earlier calls")]
    if judgement.changes:
        shown = [shortened(f"changed: {change}", LINE) for change in judgement.changes]
        lines += ["", *_first(shown, STATE_LINES, "more changes")]
    return [*lines, "", f"reproduce: {judgement.reproduce}"]


def _under_plan(judgement: Judgement) -> Iterable[str]:
    """What went wrong, what the workflow made of it, what does not hold."""
    head = f"{judgement.scenario} {judgement.verdict} under  {judgement.plan}"
    lines = [
        shortened(head, LINE),
        f"[{judgement.way}, {judgement.era}]  (seed {judgement.seed})",
        "",
        *_around_faults(judgement.transcript),
        "",
        *_broken(judgement),
    ]
    if judgement.never_happened:
        lines.append(shortened(f"never happened: {', '.join(judgement.never_happened)}", LINE))
    return [*lines, "", f"reproduce: {judgement.reproduce}"]


def _around_faults(calls: Sequence[Interaction]) -> Iterable[str]:
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
        line = f"  {calls[index]}"
        lines.append(line if len(line) <= LINE else f"{line[: LINE - 3]}...")
        before = index
    return _first(lines, FAULTED_CALL_LINES, "more lines")


def _broken(judgement: Judgement) -> Iterable[str]:
    lines: list[str] = []
    for broken in judgement.broken:
        lines.append(shortened(f"broken: {broken}", LINE))
        # Of pytest's explanation of an assertion, the first lines say what and the rest how it came about.
        lines += [f"        {line}" for line in broken.why.splitlines()[:4]]
    return _first(lines, BROKEN_LINES, "more lines")


def _first(lines: Sequence[str], count: int, rest: str) -> list[str]:
    return [*lines] if len(lines) <= count else [*lines[: count - 1], f"... {len(lines) - count + 1} {rest}"]


def _last(lines: Sequence[str], count: int, rest: str) -> list[str]:
    return [*lines] if len(lines) <= count else [f"... {len(lines) - count + 1} {rest}", *lines[1 - count :]]
