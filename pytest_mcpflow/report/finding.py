"""A finding of an exploration as one block of at most 25 lines and 80 columns, the command to repeat it apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from pytest_mcpflow.explore.result import Finding
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.report.failure import around_faults, broken_lines, first_of

__all__ = ["finding_block", "with_others"]

WIDTH = 80
ELEMENTS, CALLS, BROKEN, REASONS, EXPLAINED, OTHERS = 3, 6, 6, 2, 4, 2


def finding_block(finding: Finding, reproduce: str) -> str:
    """What went wrong, what the workflow made of it, what does not hold, what matters, and how to see it again."""
    judgement = finding.judgement
    rules_first = sorted(judgement.broken, key=lambda broken: broken.check in ("expect", "workflow"))
    lines = [
        *_head(f"{judgement.scenario} {judgement.verdict} under", finding),
        shortened(f"[{judgement.way}, {judgement.era}]  (seed {judgement.seed}){_history(finding)}", WIDTH),
        "",
        *around_faults(judgement.transcript, width=WIDTH, count=CALLS),
        "",
        *broken_lines(rules_first, width=WIDTH, count=BROKEN, reasons=REASONS),
    ]
    explained = [
        line
        for each in finding.explanation
        for line in wrap(f"explain: {each}", WIDTH, subsequent_indent=" " * 9)
    ]
    lines += first_of(explained, EXPLAINED, "more")
    return "\n".join([*lines, f"reproduce: {reproduce}"])


def with_others(block: str, others: Sequence[str]) -> str:
    """A block, and what else was found, a line each, before the command that repeats it."""
    *lines, reproduce = block.splitlines()
    told = [shortened(f"also {other}", WIDTH) for other in others]
    return "\n".join([*lines, *first_of(told, OTHERS, "more findings"), reproduce])


def _head(subject: str, finding: Finding) -> Iterable[str]:
    """The plan beside what it did where that fits, else below it."""
    if finding.schedule is not None:
        return [shortened(f"{subject}  schedule {finding.schedule}", WIDTH)]
    plan = finding.plan
    line = f"{subject}  {plan}"
    if len(line) <= WIDTH:
        return [line]
    elements = [f"  {element}" for element in plan.faults]
    return [shortened(subject, WIDTH), *first_of(elements, ELEMENTS, "more faults")]


def _history(finding: Finding) -> str:
    if len(finding.found_as) <= len(finding.plan):
        return ""
    return f"  made smaller from {len(finding.found_as)} faults"
