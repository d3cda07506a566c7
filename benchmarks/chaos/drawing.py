"""Looking with Hypothesis: one draw for each call that is reached, and its own shrinking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from chaos.case import Case
from chaos.hunt import Hunt, is_found, tools_of
from pytest_mcpflow import Fault, FaultedCall, FaultKind, FaultPlan, Way
from pytest_mcpflow.schema import RawResult
from pytest_mcpflow.stage import Stage
from pytest_mcpflow.verdict import judge

__all__ = ["draw_per_call"]

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
WELL = 12
"""How often nothing happens to a call, for each kind that can."""


def _nothing(call: FaultedCall) -> FaultKind | None:
    return None


@dataclass(frozen=True)
class Drawn(FaultKind, remembers=True):
    """What happens is chosen when the call is reached."""

    choose: Callable[[FaultedCall], FaultKind | None] = _nothing

    def __str__(self) -> str:
        return "drawn"

    async def happen(self, call: FaultedCall) -> RawResult:
        kind = self.choose(call)
        if kind is None:
            call.does_not_apply()
            return await call.deliver()
        return await kind.happen(call)


class _ShowsError(Exception):
    """The bug showed."""


def draw_per_call(case: type[Case], *, budget: int, seed: int) -> Hunt:
    """Let Hypothesis draw what happens to each call, `None` first, and shrink what it finds."""
    sizes: list[int] = []
    runs = first = 0
    tools = tools_of(case)
    with Stage() as stage:

        @hypothesis.seed(seed)
        @settings(
            max_examples=budget, database=None, deadline=None, report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink), suppress_health_check=SLOW,
        )  # fmt: skip
        @hypothesis.given(st.data())
        def search(data: st.DataObject) -> None:
            nonlocal runs, first
            drawn = 0

            def choose(call: FaultedCall) -> FaultKind | None:
                nonlocal drawn
                kinds = tools[f"{call.server}.{call.tool}"]
                kind = data.draw(st.sampled_from((*(None,) * WELL, *kinds)))
                drawn += kind is not None
                return kind

            runs += 1
            plan = FaultPlan(tuple(Fault(site, Drawn(choose)) for site in tools))
            judgement = judge(case(), way=Way.DIRECT, plan=plan, stage=stage)
            if drawn and is_found(judgement):
                first = first or runs
                sizes.append(drawn)
                raise _ShowsError

        try:
            search()
        except _ShowsError:
            if first <= budget:  # Hypothesis counts only examples that it could draw to their end
                return Hunt(first, sizes[0], min(sizes), runs - first)
    return Hunt(budget)
