"""The promises that every server makes, held against the tools of real servers at random."""

from __future__ import annotations

import pytest
from real_worlds import WORLDS

from pytest_mcpflow import mcpflow_fuzz
from pytest_mcpflow.shelf import fake_named, fake_names


def test_each_of_them_is_held_to_the_promises() -> None:
    assert sorted(WORLDS) == [name for name in fake_names() if type(fake_named(name)).in_place_of is not None]


@pytest.mark.parametrize("name", WORLDS)
def test_no_promise_is_broken(name: str) -> None:
    world, known = WORLDS[name]

    report = mcpflow_fuzz(world(), examples=15, known=known)

    assert 2 * len(report.never_answered) < len(report.tools), "too little was found out"
