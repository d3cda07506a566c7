"""The promises that every server makes, held against the tools of real servers at random."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from real_worlds import WORLDS

from pytest_mcpflow import Hub, Way, mcpflow_fuzz, run
from pytest_mcpflow.clock import EPOCH
from pytest_mcpflow.shelf import fake_named, fake_names


def test_each_of_them_is_held_to_the_promises() -> None:
    assert sorted(WORLDS) == [name for name in fake_names() if type(fake_named(name)).in_place_of is not None]


@pytest.mark.parametrize("name", WORLDS)
def test_no_promise_is_broken(name: str) -> None:
    world, known = WORLDS[name]

    report = mcpflow_fuzz(world(), examples=15, known=known)

    assert 2 * len(report.never_answered) < len(report.tools), "too little was found out"


@pytest.mark.parametrize(
    ("name", "tool", "arguments"),
    [
        ("github-mcp-server", "list_commits", {"owner": "octo", "repo": "app", "since": "2026-01-01"}),
        (
            "kubernetes-mcp-server",
            "resources_get",
            {"apiVersion": "v1", "kind": "Pod", "name": "app-1-0", "namespace": "default"},
        ),
        ("prometheus-mcp-server", "health_check", {}),
    ],
)
def test_an_instant_is_the_same_in_whatever_zone_the_run_begins(
    name: str, tool: str, arguments: dict[str, Any]
) -> None:
    async def said(starts_at: datetime) -> str:
        async with Hub(way=Way.DIRECT, starts_at=starts_at) as hub:
            hub.serve(WORLDS[name][0](), name="server")
            return (await hub.call_tool(f"server.{tool}", arguments)).text

    text = run(said(EPOCH))

    assert "2026-01-01T00:00:00" in text
    assert run(said(EPOCH.astimezone(timezone(timedelta(hours=2))))) == text
