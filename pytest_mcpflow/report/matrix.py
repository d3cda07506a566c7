"""The resilience matrix: call site by kind of fault, in 80 columns.

             disconnect
                      | lose_reply
hotel.book#1          . S
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from textwrap import wrap

from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.outcome import shortened
from pytest_mcpflow.report.resilience import Cell, Resilience

__all__ = ["collapsed", "matrix", "notes", "overview", "wrapped"]

WIDTH = 80
MARKS = {
    "passed": "-",
    "recovered": ".",
    "degraded": "d",
    "failed loudly": "l",
    "failed silently": "S",
    "hung": "H",
    "leaked": "K",
    "failed": "F",
}
MEANINGS = {"passed": "nothing to go wrong"}
EXCUSED = {"S": "s", "H": "h", "K": "k", "F": "f"}
NAMES_SHOWN = 18
CLASSES_SHOWN = 5
UNMET_SHOWN = 10
NUMBERED = re.compile(r"(\d+)(\+?)")


@dataclass(frozen=True, slots=True)
class _Row:
    """Calls of one tool, from `first` to `last` if they are numbered, that came out alike."""

    tool: str
    first: str
    last: str
    marks: tuple[str, ...]

    def __str__(self) -> str:
        if not self.first:
            return self.tool
        rest = f"..{self.last}" if self.last.endswith("+") else f"-{self.last}"
        return f"{self.tool}#{self.first}" + ("" if self.first == self.last else rest)

    def continues(self, row: _Row) -> bool:
        """Whether it is the next call after those of `row`, and came out as they did."""
        number, other = NUMBERED.fullmatch(self.first), NUMBERED.fullmatch(row.last)
        if number is None or other is None or self.marks != row.marks:
            return False
        return number[2] == other[2] and int(number[1]) == int(other[1]) + 1


def matrix(explored: Resilience) -> list[str]:
    """The lines of one workflow: heading, table, legend, excuses."""
    kinds = sorted({cell.kind for cell in explored.cells}, key=_in_order)
    marks: dict[str, dict[str, str]] = {}
    for cell in explored.cells:
        marks.setdefault(cell.site, {})[cell.kind] = _mark(cell)
    rows = list(_merged(_rows(marks, kinds)))
    lines: list[str] = []
    # Each part holds as many kinds as fit beside a readable site.
    for start in range(0, len(kinds), NAMES_SHOWN):
        part = slice(start, start + NAMES_SHOWN)
        lines += [*_table(kinds[part], rows, part), ""]
    return [*lines, *_legend(explored), *_excuses(explored)]


def notes(explored: Resilience) -> Iterator[str]:
    """What an exploration cannot answer for."""
    for note in explored.notes:
        yield from wrap(f"note: {note}", WIDTH, subsequent_indent=" " * 6)


def collapsed(explored: Resilience) -> Iterator[str]:
    """Which kinds stood for which, where that has spared plans, the most plans first: a few lines."""
    spared: Counter[tuple[str, tuple[str, ...]]] = Counter()
    sites: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in explored.classes:
        if each.plans:
            alike = (each.kind, tuple(sorted(each.like)))
            spared[alike] += each.plans
            sites.setdefault(alike, []).append(each.site)
    for alike, _ in spared.most_common(CLASSES_SHOWN):
        kind, like = alike
        where = sites[alike][0] + (f" and {len(sites[alike]) - 1} more" if len(sites[alike]) > 1 else "")
        yield shortened(f"{kind or 'no fault'} stands for {', '.join(like)} at {where}", WIDTH)
    if len(spared) > CLASSES_SHOWN:
        yield f"and {len(spared) - CLASSES_SHOWN} more of such classes, which --json has"


def wrapped(text: str) -> list[str]:
    """A sentence on as many lines as it takes."""
    return wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def overview(explored: Sequence[Resilience]) -> list[str]:
    """One line for each of several workflows: how many single faults ended in which verdict."""
    columns = [verdict for verdict in MARKS if any(each.verdicts[verdict] for each in explored)]
    is_twice = len({each.name for each in explored}) < len(explored)
    names = [f"{each.name} [{each.way}, {each.era}]" if is_twice else each.name for each in explored]
    width = min(max(map(len, names)), 46)
    lines = [" " * width + "  depth   runs " + " ".join(f"{MARKS[verdict]:>4}" for verdict in columns)]
    for name, each in zip(_told_apart(names, width), explored, strict=True):
        counts = " ".join(f"{each.verdicts[verdict] or '':>4}" for verdict in columns)
        lines.append(f"{name:<{width}}  {each.depth:>5} {each.runs:>6} {counts}".rstrip())
    legend = [f"{MARKS[verdict]} {MEANINGS.get(verdict, verdict)}" for verdict in columns]
    return [*lines, "", *_wrapped(legend)]


def _in_order(kind: str) -> tuple[int, str]:
    """Kinds as the reference has them, those of one's own last."""
    name = kind.partition("(")[0]
    shipped = list(KINDS)
    return (shipped.index(name) if name in shipped else len(shipped), kind)


def _mark(cell: Cell) -> str:
    mark = MARKS.get(cell.verdict, "?")
    return EXCUSED.get(mark, mark) if cell.excuse else mark


def _rows(marks: Mapping[str, Mapping[str, str]], kinds: Iterable[str]) -> Iterator[_Row]:
    columns = list(kinds)
    for site, of_site in marks.items():
        tool, _, extent = site.partition("#")
        yield _Row(tool, extent, extent, tuple(of_site.get(kind, " ") for kind in columns))


def _merged(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Successive calls of one tool as one row where they came out alike; tools in order of their first call."""
    by_tool: dict[str, list[_Row]] = {}
    for row in rows:
        by_tool.setdefault(row.tool, []).append(row)
    for alike in by_tool.values():
        first, *rest = sorted(alike, key=_extent)
        merged = first
        for row in rest:
            if row.continues(merged):
                merged = _Row(row.tool, merged.first, row.last, row.marks)
            else:
                yield merged
                merged = row
        yield merged


def _extent(row: _Row) -> tuple[str, int]:
    """Single calls first, then from a call on, then all of them."""
    numbered = NUMBERED.fullmatch(row.first)
    return ("~", 0) if numbered is None else (numbered[2], int(numbered[1]))


def _table(kinds: Sequence[str], rows: Sequence[_Row], part: slice) -> Iterator[str]:
    width = min(
        max([len(str(row)) for row in rows] + [len(kind) - 2 * index for index, kind in enumerate(kinds)]),
        WIDTH - 2 * len(kinds),
    )
    for index in reversed(range(len(kinds))):
        column = width + 2 * index + 2
        yield f"{_cut(kinds[index], column):>{column}}" + " |" * (len(kinds) - 1 - index)
    for name, row in zip(_told_apart([*map(str, rows)], width), rows, strict=True):
        yield f"{name:<{width}} {' '.join(row.marks[part])}".rstrip()


def _legend(explored: Resilience) -> Iterator[str]:
    present = explored.verdicts
    words = [f"{MARKS[verdict]} {MEANINGS.get(verdict, verdict)}" for verdict in MARKS if present[verdict]]
    tried = {(cell.site, cell.kind) for cell in explored.cells}
    if len(tried) < len({site for site, _ in tried}) * len({kind for _, kind in tried}):
        words.append("blank: not tried")
    if any(cell.excuse for cell in explored.cells):
        words.append("small letter: accepted or known")
    yield from _wrapped(words)


def _excuses(explored: Resilience) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for cell in explored.cells:
        if cell.excuse:
            reasons.setdefault(cell.excuse, []).append(cell.plan)
    for reason, plans in reasons.items():
        more = f" and {len(plans) - 1} more" if len(plans) > 1 else ""
        yield shortened(f"{plans[0]}{more}: {reason}", WIDTH)
    for entry in explored.unmet[:UNMET_SHOWN]:
        yield shortened(f"does not occur any more: {entry}", WIDTH)
    if len(explored.unmet) > UNMET_SHOWN:
        yield f"and {len(explored.unmet) - UNMET_SHOWN} more that do not occur any more"


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + 3 + len(word) > WIDTH:
            yield line
            line = ""
        line = f"{line}   {word}" if line else word
    if line:
        yield line


def _told_apart(names: Sequence[str], width: int) -> list[str]:
    """Names that fit. Those that look the same without their beginning go without their common end, too."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_cut(name, width), []).append(name)
    shown: dict[str, str] = {}
    for cut, those in alike.items():
        common = _common_end(those) if len(those) > 1 else 0
        for number, name in enumerate(those):
            end = min(common, max(0, len(name) - width // 2))
            text = _cut(f"{name[: len(name) - end]}..", width) if common else cut
            shown[name] = text if text not in shown.values() else f"{text[: width - 4]}({number + 1})"
    return [shown[name] for name in names]


def _common_end(names: Sequence[str]) -> int:
    """How many characters all of them end with."""
    backwards = zip(*(reversed(name) for name in names), strict=False)
    return sum(1 for _ in takewhile(lambda characters: len({*characters}) == 1, backwards))


def _cut(text: str, width: int) -> str:
    """A text that fits, its beginning left out: the tool says more than the server."""
    return text if len(text) <= width else f"..{text[len(text) - width + 2 :]}"
