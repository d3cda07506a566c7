"""The tools of real servers leave one transcript on all ways and in both eras."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from mcp import MCPError
from real_worlds import WORLDS

from pytest_mcpflow import Answered, ErrorStyle, Failed, Hub, Refused, ToolError, Transcript, run
from pytest_mcpflow.ways import Era, Way

REPOSITORY = {"owner": "octo", "repo": "app"}
Asked = tuple[str, Mapping[str, Any]]
CALLS: Mapping[str, tuple[Asked, Asked]] = {
    "github-mcp-server": (
        ("get_file_contents", {**REPOSITORY, "path": "a.py"}),
        ("issue_read", {**REPOSITORY, "method": "get", "issue_number": 9}),
    ),
    "kubernetes-mcp-server": (("pods_list", {}), ("pods_get", {"name": "nope"})),
    "desktop-commander-mcp": (
        ("start_process", {"command": "slow", "timeout_ms": 500}),
        ("list_directory", {"path": "nope"}),
    ),
    "context7-mcp": (
        ("resolve-library-id", {"query": "x", "libraryName": "react"}),
        ("query-docs", {"query": "x", "libraryId": "/no/body"}),
    ),
    "server-slack": (
        ("slack_post_message", {"channel_id": "ops", "text": "up"}),
        ("slack_post_message", {"channel_id": "nope", "text": "up"}),
    ),
    "mcp-server-docker": (("list_containers", {}), ("run_container", {"image": "nope"})),
    "server-filesystem": (("read_text_file", {"path": "a.txt"}), ("read_text_file", {"path": "nope"})),
    "mcp-server-git": (
        ("git_status", {"repo_path": "/workspace"}),
        ("git_show", {"repo_path": "/workspace", "revision": "nope"}),
    ),
    "prometheus-mcp-server": (("execute_query", {"query": "used"}), ("execute_query", {"query": "used +"})),
}
"""A call that is answered and one that is refused, by server."""


def transcript(name: str, way: Way, era: Era, style: ErrorStyle | None = None) -> Transcript:
    async def asked() -> Transcript:
        async with Hub(way=way, era=era) as hub:
            fake = hub.serve(WORLDS[name][0]())
            fake.error_style = style
            for tool, arguments in CALLS[name]:
                with suppress(ToolError, MCPError):  # the transcript has it
                    await hub.call_tool(f"{name}.{tool}", arguments)
            return hub.transcript

    return run(asked())


@pytest.mark.parametrize("name", WORLDS)
def test_one_transcript_everywhere(name: str) -> None:
    first = transcript(name, Way.DIRECT, Era.STATELESS)

    assert [each.ok for each in first] == [True, False]
    for way, era in product(Way, Era):
        assert transcript(name, way, era) == first, f"{way}, {era}"


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize(
    ("style", "kind"),
    [
        (ErrorStyle.PROTOCOL, Failed),
        (ErrorStyle.IS_ERROR, Refused),
        (ErrorStyle.SAYS_NO, Answered),
        (ErrorStyle.PROSE, Answered),
    ],
)
def test_each_of_them_can_say_no_in_every_style(name: str, style: ErrorStyle, kind: type[object]) -> None:
    direct, memory = (transcript(name, way, Era.STATELESS, style) for way in (Way.DIRECT, Way.MEMORY))

    assert direct == memory
    assert isinstance(direct[1].outcome, kind)
    assert [each.ok for each in direct] == [True, False]
