"""The reference server for Slack over the fake communication hub."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import Answered, Hub, Way, run
from pytest_mcpflow.fakes.communication_hub import Channel, CommunicationHub
from pytest_mcpflow.fakes.real.server_slack import ServerSlack


def workspace() -> ServerSlack:
    return ServerSlack(
        channels={"ops": Channel(["ann", "bob"]), "dev": Channel(["bob"]), "old": Channel(down=True)}
    )


def ask(server: CommunicationHub, tool: str, **arguments: Any) -> Any:
    """The JSON of an answer, or of a refusal."""

    async def asked() -> Any:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="slack")
            return json.loads((await hub.call_tool(f"slack.{tool}", arguments)).text)

    return run(asked())


def test_a_message_is_posted_and_found_in_the_history() -> None:
    server = workspace()
    first = ask(server, "slack_post_message", channel_id="ops", text="down")
    ask(server, "slack_post_message", channel_id="ops", text="up again")
    history = ask(server, "slack_get_channel_history", channel_id="ops", limit=1)

    assert (first["ok"], first["channel"], first["ts"]) == (True, "ops", "1767225600.000001")
    assert ([each["text"] for each in history["messages"]], history["has_more"]) == (["up again"], True)
    assert [each.message for each in server.notifications] == ["down", "up again"]


def test_a_thread_has_its_message_first() -> None:
    server = workspace()
    ts = ask(server, "slack_post_message", channel_id="ops", text="down")["ts"]
    reply = ask(server, "slack_reply_to_thread", channel_id="ops", thread_ts=ts, text="looking")
    ask(server, "slack_add_reaction", channel_id="ops", timestamp=ts, reaction="eyes")
    thread = ask(server, "slack_get_thread_replies", channel_id="ops", thread_ts=ts)["messages"]

    assert [each["text"] for each in thread] == ["down", "looking"]
    assert (thread[0]["reply_count"], thread[0]["reactions"][0]["name"]) == (1, "eyes")
    assert reply["ts"] != ts


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("slack_post_message", {"channel_id": "nope", "text": "x"}, "channel_not_found"),
        ("slack_post_message", {"channel_id": "ops", "text": ""}, "no_text"),
        ("slack_post_message", {"channel_id": "ops", "text": "x" * 40_001}, "msg_too_long"),
        ("slack_post_message", {"channel_id": "old", "text": "x"}, "service_unavailable"),
        ("slack_reply_to_thread", {"channel_id": "ops", "thread_ts": "1.0", "text": "x"}, "thread_not_found"),
        (
            "slack_add_reaction",
            {"channel_id": "ops", "timestamp": "1.0", "reaction": "x"},
            "message_not_found",
        ),
        ("slack_get_user_profile", {"user_id": "eve"}, "user_not_found"),
        ("slack_list_channels", {"cursor": "x"}, "invalid_cursor"),
    ],
)
def test_a_refusal_is_a_success_that_is_not_ok(tool: str, arguments: dict[str, str], code: str) -> None:
    async def asked() -> list[Any]:
        async with Hub() as hub:
            server = hub.serve(workspace(), name="slack")
            before = deepcopy(server)
            answer = await hub.call_tool(f"slack.{tool}", arguments)
            same = server == before
            return [dict(answer), answer.is_error, same, hub.transcript[0].outcome]

    answer, is_error, same, outcome = run(asked())

    assert (answer, is_error, same) == ({"ok": False, "error": code}, False, True)
    assert isinstance(outcome, Answered)
    assert outcome.says_no


def test_nobody_reacts_twice_in_the_same_way() -> None:
    server = workspace()
    ts = ask(server, "slack_post_message", channel_id="ops", text="down")["ts"]
    reaction = {"channel_id": "ops", "timestamp": ts, "reaction": "eyes"}
    ask(server, "slack_add_reaction", **reaction)

    assert ask(server, "slack_add_reaction", **reaction) == {"ok": False, "error": "already_reacted"}


def test_channels_and_people_come_in_pages() -> None:
    server = workspace()
    first = ask(server, "slack_list_channels", limit=2)
    rest = ask(server, "slack_list_channels", limit=2, cursor=first["response_metadata"]["next_cursor"])
    people = ask(server, "slack_get_users")

    assert [each["id"] for each in first["channels"] + rest["channels"]] == ["dev", "old", "ops"]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert [each["id"] for each in people["members"]] == ["ann", "bob", "bot"]
    assert ask(server, "slack_get_user_profile", user_id="ann")["profile"]["real_name"] == "ann"


def test_alerts_of_the_documents_tools_are_in_the_history() -> None:
    documents = CommunicationHub()
    slack = ServerSlack.over(documents)
    ask(documents, "send_alert", message="disk full", severity="high")

    assert "disk full" in ask(slack, "slack_get_channel_history", channel_id="slack")["messages"][0]["text"]
