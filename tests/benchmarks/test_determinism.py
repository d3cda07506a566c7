"""One seed, one transcript: in run after run, and in processes that hash in different orders."""

from __future__ import annotations

import pytest
from chaos.determinism import digests, digests_of_processes

from pytest_mcpflow import Way


@pytest.mark.parametrize(("way", "runs"), [(Way.DIRECT, 100), (Way.MEMORY, 10)])
def test_runs_of_one_seed_have_one_transcript(way: Way, runs: int) -> None:
    assert len(digests(runs, way=way)) == 1


def test_runs_of_other_seeds_have_others() -> None:
    assert digests(1, way=Way.DIRECT, seed=7) != digests(1, way=Way.DIRECT, seed=8)


def test_processes_that_hash_otherwise_have_the_same_transcript() -> None:
    assert digests_of_processes(2, 3, way=Way.MEMORY) == digests(1, way=Way.MEMORY)
