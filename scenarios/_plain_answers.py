"""Calls to servers that say no in any way: by an error of the tool or the protocol, or in what looks like success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mcpflow import Answered, CallResult, Failed, Hub, Interaction, Refused, ToolError

__all__ = ["UnclearAnswerError", "plain_answer", "refusal_of"]

# region: pattern
SAID_BY_SERVERS = (-32603, -32602)
"""The codes of JSON-RPC with which a server itself says no; others say that nothing came from it."""


class UnclearAnswerError(ToolError):
    """A server said something that most likely is a refusal, and may have done all the same what it was asked.

    An error of the protocol also comes from a server that broke in the middle of its work, and prose also from a
    proxy on the way back. What may be repeated is best repeated, what may not is looked at.
    """


async def plain_answer(
    hub: Hub,
    tool: str,
    arguments: Mapping[str, Any],
    context_id: str | None = None,
    *,
    timeout: float | None = None,
) -> CallResult:
    """Call a tool that answers in structured content or JSON, and take nothing else for an answer.

    Args:
        timeout: Seconds until a call without an answer counts as lost.

    Raises:
        ToolError: The server refused: by an error, or by a success that says `{"success": false, "error": ...}`.
        UnclearAnswerError: The server said no by an error of the protocol, or in prose.
    """
    server, _, name = tool.partition(".")
    try:
        answer = await hub.call_tool(tool, arguments, context_id, timeout=timeout)
    except Exception as error:
        if getattr(error, "code", None) in SAID_BY_SERVERS:
            raise UnclearAnswerError(server, name, str(error)) from error
        raise
    if (words := _words_of_refusal(answer)) is not None:
        raise ToolError(server, name, words)
    if answer.structured_content is None and not answer.keys() - {"result"}:
        raise UnclearAnswerError(server, name, answer.text or "(no content)")
    return answer


def _words_of_refusal(answer: Mapping[str, Any]) -> str | None:
    says_no = answer.get("success", answer.get("ok")) is False
    return answer["error"] if says_no and isinstance(answer.get("error"), str) else None
    # endregion


def refusal_of(call: Interaction) -> str | None:
    """The words with which a server said no, in whichever way; `None` where it answered, or nothing came of it."""
    match call.outcome:
        case Refused(message):
            return message
        case Failed(message, code) if code in SAID_BY_SERVERS:
            return message
        case Answered(value, says_no=True):
            return str(value if isinstance(value, str) else _words_of_refusal(value))
        case _:
            return None
