"""Steps are made fewer and plainer as long as they break the same promise."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow import Fake, FakeError, Law, tool
from pytest_mcpflow.fuzz.session import replayed
from pytest_mcpflow.fuzz.shorten import shorten
from pytest_mcpflow.fuzz.steps import CallTool
from pytest_mcpflow.fuzz.targets import targets_of


@dataclass
class TwoMistakes(Fake):
    """Crashes when it is full, and otherwise notes what it refuses."""

    kept: int = 0
    refused: int = 0

    @tool()
    def keep(self, amount: int) -> int:
        """Keep."""
        self.kept += 1
        return amount

    @tool()
    def give(self) -> int:
        """Give."""
        if self.kept:
            raise ZeroDivisionError("it is full")
        self.refused += 1
        raise FakeError("there is nothing")


def test_fewer_steps_that_break_another_promise_are_no_shorter_form() -> None:
    _, target = targets_of(TwoMistakes(), patience=1.0)
    found, _ = replayed(target, [CallTool("keep", {"amount": 7}), CallTool("give", {})], [*Law])
    assert found is not None

    shortest = shorten(target, found, [*Law])

    assert shortest is not None
    broken, steps = shortest
    assert broken.law == found.law == Law.NO_CRASH
    assert steps == [CallTool("keep", {"amount": 0}), CallTool("give", {})]
