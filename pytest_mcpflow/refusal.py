"""How a fake says no on the wire: in one of the four ways of real servers, told apart for transcripts.

Inside of the house a refusal is a result with `isError` until the last moment, so that everybody who needs to know
whether the service refused can tell, whatever the client is going to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from pytest_mcpflow.errors import ArgumentError
from pytest_mcpflow.fake import ErrorStyle, Fake

__all__ = ["REFUSAL_KEY", "allows_refusal", "as_said", "output_schema", "refusal", "take_mark"]

REFUSAL_KEY = "pytest-mcpflow/refusal"
"""Under this `_meta` key a fake tells its hub that a success is a refusal; nobody else gets to see it."""

INTERNAL_ERROR, INVALID_PARAMS = -32603, -32602
STYLE = "style"


def refusal(message: str, *, style: ErrorStyle | None = None) -> dict[str, Any]:
    """A refusal as the protocol has it, and how it is to be said if that is not as its fake says others."""
    said: dict[str, Any] = {"content": _text(message), "isError": True}
    return said if style is None else {**said, STYLE: style}


def as_said(fake: Fake, result: dict[str, Any], *, marked: bool = False) -> dict[str, Any]:
    """A result as the fake's style puts it on the wire.

    Args:
        fake: Who says it.
        result: What became of a call; refusals have `isError`.
        marked: Whether a refusal that looks like a success carries a mark for the hub.

    Raises:
        MCPError: The service refused, and its server says so with an error of the protocol.
    """
    own: ErrorStyle | None = result.pop(STYLE, None)
    if not result.get("isError"):
        return result
    style = fake.error_style or own or fake.service_error_style
    if style is ErrorStyle.IS_ERROR:
        return result
    message = "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
    if style is ErrorStyle.PROTOCOL:
        from mcp import MCPError  # only when needed: a run on the direct way never loads the SDK

        raise MCPError(
            INVALID_PARAMS if message.startswith(ArgumentError.BEGINNING) else INTERNAL_ERROR, message
        )
    if style is ErrorStyle.PROSE:
        said: dict[str, Any] = {"content": _text(message), "isError": False}
    else:
        data = dict(fake.refusal_as_data(message))
        said = {"content": _text(to_json(data).decode()), "isError": False}
        if fake.structured:
            said["structuredContent"] = data
    return {**said, "_meta": {REFUSAL_KEY: True}} if marked else said


def take_mark(result: dict[str, Any]) -> bool:
    """Whether a result is marked as a refusal; the mark is taken off."""
    meta: dict[str, Any] | None = result.get("_meta")
    if not meta or not meta.pop(REFUSAL_KEY, False):
        return False
    if not meta:
        del result["_meta"]
    return True


def output_schema(fake: Fake, schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """The output schema that a tool is listed with, given that of its successes.

    Where a refusal is structured content, the schema allows it; where it is prose, there can be none.
    """
    style = fake.style_of_errors
    if schema is None or style is ErrorStyle.PROSE:
        return None
    if style is not ErrorStyle.SAYS_NO:
        return schema
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    success = {key: value for key, value in schema.items() if key != "$defs"}
    return {"type": "object", "anyOf": [success, _refusal_schema(fake)], **definitions}


def allows_refusal(fake: Fake | None, structured: Mapping[str, Any]) -> bool:
    """Whether a tool's listed schema allows this structured content as a refusal."""
    if fake is None or fake.style_of_errors is not ErrorStyle.SAYS_NO:
        return False
    properties = _refusal_schema(fake)["properties"]
    return properties.keys() <= structured.keys() and all(
        structured[name] is False if "const" in schema else isinstance(structured[name], str)
        for name, schema in properties.items()
    )


def _refusal_schema(fake: Fake) -> dict[str, Any]:
    data = fake.refusal_as_data("")
    properties = {
        name: {"const": False} if value is False else {"type": "string"} for name, value in data.items()
    }
    return {"type": "object", "properties": properties, "required": [*properties]}


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
