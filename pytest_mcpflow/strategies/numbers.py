"""Numbers within limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from hypothesis import strategies as st

from pytest_mcpflow.strategies.schemas import Demands

__all__ = ["numbers"]

Number = int | float
SAFE = 2**53 - 1
"""The largest integer that every JSON parser tells from its neighbours (RFC 8259, section 6)."""


def numbers(demands: Demands, *, whole: bool) -> st.SearchStrategy[int] | st.SearchStrategy[Number] | None:
    """The numbers that demands allow, or `None` if there is none."""
    limits = _limits(demands)
    steps = [each for each in demands.all("multipleOf") if each > 0]
    return _numbers(limits, tuple(steps), whole)


Limits = tuple[Number | None, bool, Number | None, bool]


def _limits(demands: Demands) -> Limits:
    """The lower limit, whether it is itself excluded, the upper one, and whether that is."""
    lower = [(each, False) for each in demands.all("minimum")]
    upper = [(each, True) for each in demands.all("maximum")]
    # Where the keyword is true, as in draft 4, the look at what was drawn excludes the limit.
    lower += [(each, True) for each in demands.all("exclusiveMinimum") if not isinstance(each, bool)]
    upper += [(each, False) for each in demands.all("exclusiveMaximum") if not isinstance(each, bool)]
    low, without_low = max(lower, default=(None, False))
    high, with_high = min(upper, default=(None, True))
    return low, without_low, high, not with_high


@lru_cache(maxsize=1024)
def _numbers(
    limits: Limits, steps: Sequence[Number], whole: bool
) -> st.SearchStrategy[int] | st.SearchStrategy[Number] | None:
    low, without_low, high, without_high = limits
    least = None if low is None else math.floor(low) + 1 if without_low else math.ceil(low)
    most = None if high is None else math.ceil(high) - 1 if without_high else math.floor(high)
    if steps:
        return _multiples(limits, steps, whole)
    floor = least if least is not None else min(-SAFE, -SAFE if most is None else most)
    roof = most if most is not None else max(SAFE, floor)
    integers = st.integers(floor, roof) if floor <= roof else None
    if whole:
        return integers
    if (
        low is not None
        and high is not None
        and (low > high or (low == high and (without_low or without_high)))
    ):
        return None
    floats = st.floats(
        None if low is None else float(low),
        None if high is None else float(high),
        exclude_min=without_low,
        exclude_max=without_high,
        allow_nan=False,
        allow_infinity=False,
    )
    return floats if integers is None else st.one_of(integers, floats)


def _multiples(limits: Limits, steps: Sequence[Number], whole: bool) -> st.SearchStrategy[Number] | None:
    """Multiples of all steps: of their least common multiple."""
    low, without_low, high, without_high = limits
    parts = [Fraction(str(step)) for step in steps] + ([Fraction(1)] if whole else [])
    step = Fraction(
        math.lcm(*(each.numerator for each in parts)), math.gcd(*(each.denominator for each in parts))
    )
    first = math.ceil(Fraction(low) / step) if low is not None else None
    last = math.floor(Fraction(high) / step) if high is not None else None
    if first is not None and without_low and first * step == Fraction(low or 0):
        first += 1
    if last is not None and without_high and last * step == Fraction(high or 0):
        last -= 1
    if first is not None and last is not None and first > last:
        return None
    return st.integers(
        first if first is not None else min(-1000, last or 0),
        last if last is not None else max(1000, first or 0),
    ).map(lambda count: _number(count * step))


def _number(value: Fraction) -> Number:
    return int(value) if value.denominator == 1 else float(value)
