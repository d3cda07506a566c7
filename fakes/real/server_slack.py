"""The tools of the Slack server (npm `@modelcontextprotocol/server-slack`) over the fake communication hub.

Names, arguments, answers and refusals are those of version 2025.4.25: Slack's own JSON as text, with `{"ok": false,
"error": ...}` in a success where Slack refuses. Channels and people are known by their names; everything that
reached a channel is in its history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mcpflow.fake import ErrorStyle, FakeError, Omittable, tool
from pytest_mcpflow.fakes.communication_hub import Channel, CommunicationHub, Message, Notification, text_of
from pytest_mcpflow.plain_yaml import Yaml

__all__ = ["Reply", "ServerSlack"]

Json = dict[str, Yaml]
LONGEST_TEXT = 40_000


@dataclass
class Reply:
    """An answer in a thread; `at` is seconds on the fake's clock."""

    ts: str
    text: str
    at: float


@dataclass
class ServerSlack(CommunicationHub, in_place_of=CommunicationHub):
    """Channels as the reference server for Slack shows them."""

    service = "server-slack"
    service_error_style = ErrorStyle.SAYS_NO
    structured = False

    bot: str = "bot"
    """Who posts."""
    threads: dict[str, list[Reply]] = field(default_factory=dict[str, list[Reply]])
    """Replies by `channel/ts` of the message that they answer."""
    reactions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The bot's reactions by `channel/ts`."""

    def refusal_as_data(self, message: str) -> Mapping[str, bool | str]:
        return {"ok": False, "error": message}

    @tool(reads=True, name="slack_list_channels")
    def tool_list_channels(self, limit: float = 100, cursor: Omittable[str] = None) -> str:
        """List channels in pages."""
        names, next_cursor = _page(sorted(self.channels), limit, cursor)
        channels: list[Yaml] = [
            {"id": name, "name": name, "is_archived": False, "num_members": len(self.channels[name].members)}
            for name in names
        ]
        return _ok(channels=channels, response_metadata={"next_cursor": next_cursor})

    @tool(name="slack_post_message")
    def tool_post_message(self, channel_id: str, text: str) -> str:
        """Post a message to a channel."""
        self._open(channel_id, text)
        sent = Notification(
            *(self.new_id("message"), self.clock.now(), text, [channel_id], "normal"),
            delivered_to=[channel_id],
        )
        self.messages.append(sent)
        return _ok(channel=channel_id, ts=self._ts(sent), message=self._shown(channel_id, sent))

    @tool(name="slack_reply_to_thread")
    def tool_reply_to_thread(self, channel_id: str, thread_ts: str, text: str) -> str:
        """Answer a message in its thread."""
        self._open(channel_id, text)
        self._message(channel_id, thread_ts, missing="thread_not_found")
        replies = self.threads.setdefault(f"{channel_id}/{thread_ts}", [])
        replies.append(
            Reply(self._ts_at(self.clock.now(), len(replies) + 1, reply=True), text, self.clock.now())
        )
        return _ok(channel=channel_id, ts=replies[-1].ts, message=self._reply(thread_ts, replies[-1]))

    @tool(name="slack_add_reaction")
    def tool_add_reaction(self, channel_id: str, timestamp: str, reaction: str) -> str:
        """React to a message."""
        self._channel(channel_id)
        self._message(channel_id, timestamp, missing="message_not_found")
        given = self.reactions.get(f"{channel_id}/{timestamp}", [])
        if reaction in given:
            raise FakeError("already_reacted")
        self.reactions[f"{channel_id}/{timestamp}"] = [*given, reaction]
        return _ok()

    @tool(reads=True, name="slack_get_channel_history")
    def tool_get_channel_history(self, channel_id: str, limit: float = 10) -> str:
        """Read the newest messages of a channel, the newest first."""
        self._channel(channel_id)
        found = [message for message in reversed(self.messages) if channel_id in message.delivered_to]
        messages: list[Yaml] = [self._shown(channel_id, message) for message in found[: int(limit)]]
        return _ok(messages=messages, has_more=len(found) > int(limit))

    @tool(reads=True, name="slack_get_thread_replies")
    def tool_get_thread_replies(self, channel_id: str, thread_ts: str) -> str:
        """Read a message with its replies, oldest first."""
        self._channel(channel_id)
        parent = self._message(channel_id, thread_ts, missing="thread_not_found")
        replies = self.threads.get(f"{channel_id}/{thread_ts}", [])
        messages: list[Yaml] = [
            self._shown(channel_id, parent),
            *(self._reply(thread_ts, each) for each in replies),
        ]
        return _ok(messages=messages, has_more=False)

    @tool(reads=True, name="slack_get_users")
    def tool_get_users(self, cursor: Omittable[str] = None, limit: float = 100) -> str:
        """List people in pages."""
        names, next_cursor = _page(self._people(), limit, cursor)
        members: list[Yaml] = [{"id": name, "name": name, "deleted": False} for name in names]
        return _ok(members=members, response_metadata={"next_cursor": next_cursor})

    @tool(reads=True, name="slack_get_user_profile")
    def tool_get_user_profile(self, user_id: str) -> str:
        """Say who somebody is."""
        if user_id not in self._people():
            raise FakeError("user_not_found")
        return _ok(profile={"real_name": user_id, "display_name": user_id})

    def _people(self) -> list[str]:
        return sorted(
            {self.bot, *(member for channel in self.channels.values() for member in channel.members)}
        )

    def _channel(self, channel_id: str) -> Channel:
        if channel_id not in self.channels:
            raise FakeError("channel_not_found")
        return self.channels[channel_id]

    def _open(self, channel_id: str, text: str) -> None:
        """Refuse what cannot be posted."""
        channel = self._channel(channel_id)
        if not text:
            raise FakeError("no_text")
        if len(text) > LONGEST_TEXT:
            raise FakeError("msg_too_long")
        if channel.down:
            raise FakeError("service_unavailable")

    def _message(self, channel_id: str, ts: str, *, missing: str) -> Message:
        for message in self.messages:
            if channel_id in message.delivered_to and self._ts(message) == ts:
                return message
        raise FakeError(missing)

    def _ts(self, message: Message) -> str:
        """The time of a message as Slack's id of it: seconds, and a number that makes it the only one."""
        return self._ts_at(message.at, next(n for n, each in enumerate(self.messages, 1) if each is message))

    def _ts_at(self, at: float, number: int, *, reply: bool = False) -> str:
        seconds = int(self.clock.starts_at.timestamp() + at)
        return f"{seconds}.{number + (500_000 if reply else 0):06d}"

    def _shown(self, channel_id: str, message: Message) -> Json:
        ts = self._ts(message)
        shown: Json = {"type": "message", "user": self.bot, "text": text_of(message), "ts": ts}
        replies, reactions = self.threads.get(f"{channel_id}/{ts}"), self.reactions.get(f"{channel_id}/{ts}")
        if replies:
            shown |= {"thread_ts": ts, "reply_count": len(replies)}
        if reactions:
            shown["reactions"] = [{"name": name, "users": [self.bot], "count": 1} for name in reactions]
        return shown

    def _reply(self, thread_ts: str, reply: Reply) -> Json:
        return {
            "type": "message",
            "user": self.bot,
            "text": reply.text,
            "ts": reply.ts,
            "thread_ts": thread_ts,
        }


def _ok(**content: Yaml) -> str:
    return json.dumps({"ok": True, **content}, ensure_ascii=False, separators=(",", ":"))


def _page(names: list[str], limit: float, cursor: str | None) -> tuple[list[str], str]:
    """A page of names, and the cursor of the next one, empty at the end."""
    if cursor and not cursor.isdigit():
        raise FakeError("invalid_cursor")
    start, size = int(cursor or 0), max(1, min(int(limit), 200))
    rest = start + size
    return names[start:rest], str(rest) if rest < len(names) else ""
