"""What Prometheus keeps of a metric: samples over time, and the selectors and durations that ask for them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pytest_mcpflow.fake import FakeError

__all__ = [
    "Comparison",
    "Sample",
    "Segment",
    "highest",
    "holding_since",
    "seconds_of",
    "segments",
    "selector",
]

Comparison = Literal[">", ">=", "<", "<="]
_HOLDS: dict[Comparison, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]*)([smhd])")
_METRIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"([^"\\]*)"\s*')


@dataclass
class Sample:
    """From `at` on (seconds on the fake's clock) a metric has this value.

    It holds until the next sample; with `line` it moves on a straight line to that of the next one.
    """

    at: float
    value: float
    line: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A metric between two instants (seconds); `last` is where its value arrives just before `end`."""

    start: float
    end: float
    first: float
    last: float

    def value(self, at: float) -> float:
        if self.first == self.last:
            return self.first
        return self.first + (self.last - self.first) * (at - self.start) / (self.end - self.start)


def segments(samples: Iterable[Sample], *, until: float) -> list[Segment]:
    """A series as segments, the oldest first; the `last` value of the last one is the value at `until`.

    Of several samples at one instant the one that was added last counts.
    """
    ordered = sorted(samples, key=lambda sample: sample.at)
    found = [
        _segment(sample, then, until)
        for sample, then in pairwise(ordered)
        if sample.at <= until and sample.at < then.at
    ]
    if ordered and ordered[-1].at <= until:
        found.append(Segment(ordered[-1].at, until, ordered[-1].value, ordered[-1].value))
    return found


def _segment(sample: Sample, then: Sample, until: float) -> Segment:
    if not sample.line:
        return Segment(sample.at, min(then.at, until), sample.value, sample.value)
    whole = Segment(sample.at, then.at, sample.value, then.value)
    end = min(then.at, until)
    return Segment(sample.at, end, sample.value, whole.value(end))


def holding_since(series: Sequence[Segment], *, comparison: Comparison, threshold: float) -> float | None:
    """Since when (seconds) the comparison has held without a break up to the end of the series, if it holds there.

    A line that arrives where the comparison does not hold breaks it, though the next sample may begin elsewhere.
    """
    holds = _HOLDS[comparison]
    since: float | None = None
    for segment in reversed(series):
        if not holds(segment.last, threshold):
            break
        if not holds(segment.first, threshold):
            share = (threshold - segment.first) / (segment.last - segment.first)
            return segment.start + share * (segment.end - segment.start)
        since = segment.start
    return since


def highest(series: Iterable[Segment], *, since: float) -> float | None:
    """The highest value from an instant (seconds) to the end of the series."""
    values = [
        value
        for segment in series
        if segment.end > since or segment.start == segment.end == since
        for value in (segment.value(max(segment.start, since)), segment.last)
    ]
    return max(values, default=None)


def seconds_of(duration: str) -> float:
    """The seconds of `30m`, `1h`: one whole number above zero and one unit of s, m, h and d.

    Raises:
        FakeError: It is anything else.
    """
    parsed = _DURATION.fullmatch(duration)
    if parsed is None:
        raise FakeError(
            f'bad_data: cannot parse "{duration}" to a valid duration; '
            "give a whole number above zero and one of s, m, h, d"
        )
    return float(int(parsed[1]) * _SECONDS[parsed[2]])


def selector(query: str) -> tuple[str, dict[str, str]]:
    """The metric and the labels of `metric` or `metric{label="value", ...}`, the part of PromQL that is understood.

    Raises:
        FakeError: The query is anything else; the message has the position, as Prometheus's parse errors do.
    """
    if not query.strip():
        raise FakeError(
            'bad_data: invalid parameter "query": unknown position: parse error: no expression found in input'
        )
    metric = _METRIC.match(query)
    if metric is None:
        raise _unexpected(query, 0)
    at, labels = metric.end(), dict[str, str]()
    if query.startswith("{", at):
        at = _labels(query, at + 1, labels)
    if at < len(query):
        raise _unexpected(query, at)
    return metric[1], labels


def _labels(query: str, at: int, labels: dict[str, str]) -> int:
    """Read matchers up to the closing brace, which may follow a comma; the position behind it and its spaces."""
    while (matcher := _MATCHER.match(query, at)) is not None:
        labels[matcher[1]] = matcher[2]
        at = matcher.end()
        if not query.startswith(",", at):
            break
        at += 1
    at += len(query[at:]) - len(query[at:].lstrip())
    if at >= len(query):
        raise FakeError(_parse_error(len(query) + 1, "unexpected end of input inside braces"))
    if query[at] != "}":
        raise _unexpected(query, at)
    return at + 1 + len(query[at + 1 :]) - len(query[at + 1 :].lstrip())


def _unexpected(query: str, at: int) -> FakeError:
    return FakeError(
        _parse_error(
            at + 1, f'unexpected "{query[at:][:20]}"; what is understood here is metric{{label="value"}}'
        )
    )


def _parse_error(column: int, what: str) -> str:
    return f'bad_data: invalid parameter "query": 1:{column}: parse error: {what}'
