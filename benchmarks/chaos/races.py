"""Races of two calls: each is found by delaying one of them."""

from __future__ import annotations

from collections.abc import Iterator

from measure import Measurement

from chaos.case import Case
from chaos.corpus import ALL, buggy
from pytest_mcpflow import Way
from pytest_mcpflow.explore import Exploration, explore
from pytest_mcpflow.faults.lost import Delay

__all__ = ["DELAYS", "RACES", "explored", "measure"]

RACES: list[type[Case]] = [case for case in buggy(*ALL) if case.mechanism == "race" and ", " not in case.plan]
DELAYS = (Delay(4), Delay(4, "reply"))


def explored(case: type[Case], way: Way) -> Exploration:
    """A race, with delays only."""
    return explore(None, case, depth=1, kinds=DELAYS, way=way)


def measure() -> Iterator[Measurement]:
    for way in (Way.DIRECT, Way.MEMORY):
        explorations = [explored(case, way) for case in RACES]
        found = [each for each in explorations if each.findings and len(each.findings[0].plan) == 1]
        runs = max(each.findings[0].runs_until_found for each in found) if found else 0
        title = f"races of two calls found by plans of one element, {way}"
        yield Measurement(
            title, len(found), f"of {len(RACES)}", "all", len(found) == len(RACES), f"at most {runs} runs"
        )
