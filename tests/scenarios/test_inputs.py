"""Inputs are checked as a whole before anything is done: a guideline of the patterns across servers."""

from __future__ import annotations

import pytest
from single_faults import faulted

from pytest_mcpflow.scenarios.batch_processing import BatchProcessing
from pytest_mcpflow.scenarios.connection_pool import ConnectionPool
from pytest_mcpflow.scenarios.context_cache import ContextCache
from pytest_mcpflow.scenarios.event_bus import EventBus


@pytest.mark.parametrize(
    ("scenario", "path", "line"),
    [
        (BatchProcessing, "operations.txt", "8 deployment"),
        (BatchProcessing, "operations.txt", "soon deployment app-1"),
        (ConnectionPool, "fleet.txt", "production"),
        (ContextCache, "requests.txt", "4000"),
        (ContextCache, "requests.txt", "later session-000 ls"),
        (EventBus, "releases.txt", "billing"),
    ],
)
def test_a_list_with_one_line_that_cannot_be_read_is_alerted_and_nothing_is_done(
    scenario: type[BatchProcessing | ConnectionPool | ContextCache | EventBus], path: str, line: str
) -> None:
    world = scenario()
    world.desktop.files[path] = f"{world.desktop.files[path].rstrip()}\n{line}\n"

    run = faulted(world, {})

    assert [each.name for each in run.judgement.transcript] == ["read_file", "send_alert"]
    [alert] = world.people.alerts
    assert alert.severity == "high"
    assert line.split()[0] in alert.message
    assert "a_failure_is_heard" not in {each.check for each in run.judgement.broken}
