"""A failed scenario as one block of at most 25 lines: cause, trajectory, state difference, reproduction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.verdict import Judgement

__all__ = ["failure_block"]

BROKEN_LINES, CALL_LINES, STATE_LINES = 9, 6, 4
LINE = 110


def failure_block(judgement: Judgement) -> str:
    """The block; what does not fit is counted, and the whole trajectory is in the section "MCP transcript"."""
    lines = [
        f"{judgement.scenario} {judgement.verdict}  [{judgement.way}, {judgement.era}]  (seed {judgement.seed})"
    ]
    lines += ["", *_broken(judgement)]
    if judgement.transcript:
        lines += [
            "",
            *_last(
                [shortened(str(each), LINE) for each in judgement.transcript], CALL_LINES, "earlier calls"
            ),
        ]
    if judgement.changes:
        shown = [shortened(f"changed: {change}", LINE) for change in judgement.changes]
        lines += ["", *_first(shown, STATE_LINES, "more changes")]
    return "\n".join([*lines, "", f"reproduce: {judgement.reproduce}"])


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
