"""Tables of what was found, in Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from chaos.case import Case
from chaos.tournament import OURS, Try
from pytest_mcpflow import FaultPlan

__all__ = ["geometric_mean", "lost", "per_bug", "summary", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def geometric_mean(numbers: Sequence[float]) -> float:
    """The geometric mean of positive numbers."""
    return math.exp(statistics.fmean(map(math.log, numbers)))


def summary(tries: Sequence[Try], cases: Sequence[type[Case]], searchers: Sequence[str]) -> str:
    """One row for each way of looking."""
    names = {case.__name__ for case in cases}
    size_of = {case.__name__: _size(case) for case in cases}
    rows: list[list[object]] = []
    for searcher in searchers:
        mine = [each for each in tries if each.searcher == searcher and each.case in names]
        found = [each for each in mine if each.hunt.found]
        shrunk = [each for each in found if each.hunt.shrunk is not None]
        minimal = [each for each in shrunk if (each.hunt.shrunk or 0) <= size_of[each.case]]
        rows.append(
            [
                searcher,
                len({each.seed for each in mine}),
                f"{len(found) / len(mine) * len(cases):.1f} of {len(cases)}",
                f"{len({each.case for each in mine if _always(mine, each.case)})}",
                f"{geometric_mean([each.hunt.runs for each in mine]):.1f}",
                f"{sum(_median(mine, case.__name__) for case in cases):,.0f}",
                f"{statistics.fmean(each.hunt.size for each in found):.2f}" if found else "",
                f"{len(minimal) / len(shrunk):.0%}" if shrunk else "",
                f"{statistics.fmean(each.hunt.to_shrink for each in shrunk):.1f}" if shrunk else "",
                f"{statistics.fmean(each.hunt.to_explain for each in shrunk):.1f}" if shrunk else "",
            ]
        )
    head = ["searcher", "seeds", "found", "with every seed", "runs, geometric mean", "sum of medians"]
    return table([*head, "faults as found", "at true size", "runs to shrink", "to explain"], rows)


def per_bug(tries: Sequence[Try], cases: Sequence[type[Case]], searchers: Sequence[str]) -> str:
    """One row for each bug: the median of the runs, and with how many seeds it was found where not with all."""
    head = ["bug", "mechanism", "faults", *searchers]
    rows = [
        [
            case.__name__,
            case.mechanism,
            _size(case),
            *(_cell(tries, case, searcher) for searcher in searchers),
        ]
        for case in cases
    ]
    return table(head, rows)


def lost(tries: Sequence[Try], cases: Sequence[type[Case]], searchers: Sequence[str]) -> str:
    """Where another way of looking takes fewer runs than ours, by how much."""

    def median(searcher: str, case: type[Case]) -> float:
        return _median([each for each in tries if each.searcher == searcher], case.__name__)

    rows: list[list[object]] = []
    for case in cases:
        mine = median(OURS, case)
        best = min((median(each, case), each) for each in searchers if each != OURS)
        if best[0] < mine:
            rows.append([case.__name__, f"{mine:g}", best[1], f"{best[0]:g}", f"{mine / best[0]:.1f}x"])
    rows.sort(key=_factor, reverse=True)
    return table(["bug", "ours", "best other", "its runs", "factor"], rows)


def _factor(row: Sequence[object]) -> float:
    return float(str(row[-1]).rstrip("x"))


def _size(case: type[Case]) -> int:
    return len(FaultPlan.parse(case.plan))


def _always(tries: Sequence[Try], case: str) -> bool:
    return all(each.hunt.found for each in tries if each.case == case)


def _median(tries: Sequence[Try], case: str) -> float:
    return statistics.median(each.hunt.runs for each in tries if each.case == case)


def _cell(tries: Sequence[Try], case: type[Case], searcher: str) -> str:
    mine = [each for each in tries if (each.searcher, each.case) == (searcher, case.__name__)]
    found = sum(each.hunt.found for each in mine)
    if not found:
        return "-"
    median = f"{_median(mine, case.__name__):g}"
    return median if found == len(mine) else f"{median} ({found}/{len(mine)})"
