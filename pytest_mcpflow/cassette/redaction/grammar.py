"""Which parts of an MCP message are the protocol's, which describe, and which are anybody's data.

Names and places of both eras (2025-11-25 with its predecessors, 2026-07-28). What is not named here is data.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

__all__ = [
    "Fields",
    "Shape",
    "Strength",
    "Values",
    "looks_like_form",
    "looks_like_schema",
    "shape_of_params",
    "shape_of_result",
]


class Strength(enum.Enum):
    """How much is taken out of the strings below a place."""

    NONE = "none"
    """The protocol's own: nothing."""

    DESCRIBED = "described"
    """Descriptions, schemas and addresses: what is a secret by itself, without regard to names and chance."""

    FREE = "free"
    """Data: everything."""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object whose members are known by name, or a list of such objects."""

    known: Mapping[str, Shape]
    other: Shape = Strength.FREE


@dataclass(frozen=True, slots=True)
class Values:
    """An object with arbitrary names whose members are all of one shape."""

    each: Shape


Shape = Strength | Fields | Values

NONE, DESCRIBED, FREE = Strength.NONE, Strength.DESCRIBED, Strength.FREE


def _fields(
    known: Mapping[str, Shape] | None = None, *, none: str = "", described: str = "", free: str = ""
) -> Fields:
    return Fields(
        {
            **dict.fromkeys(none.split(), NONE),
            **dict.fromkeys(described.split(), DESCRIBED),
            **dict.fromkeys(free.split(), FREE),
            **(known or {}),
        }
    )


IMPLEMENTATION = _fields(none="name version title", described="description websiteUrl icons")
META = Fields(
    {
        "progressToken": NONE,
        "traceparent": NONE,
        "tracestate": NONE,
        "baggage": NONE,
        "io.modelcontextprotocol/protocolVersion": NONE,
        "io.modelcontextprotocol/clientCapabilities": NONE,
        "io.modelcontextprotocol/clientInfo": IMPLEMENTATION,
        "io.modelcontextprotocol/serverInfo": IMPLEMENTATION,
        "io.modelcontextprotocol/logLevel": NONE,
        "io.modelcontextprotocol/related-task": NONE,
        "io.modelcontextprotocol/subscriptionId": NONE,
    }
)
LISTED: Mapping[str, Shape] = {"icons": DESCRIBED, "_meta": META}
TOOL = _fields(
    LISTED, none="name execution annotations", described="title description inputSchema outputSchema"
)
RESOURCE = _fields(
    LISTED, none="mimeType size annotations", described="uri uriTemplate name title description"
)
PROMPT = _fields(LISTED, none="name", described="title description arguments")
CONTENTS = _fields({"_meta": META}, none="mimeType", described="uri", free="text blob")
BLOCK: Mapping[str, Shape] = {
    **dict.fromkeys(("type", "mimeType", "annotations", "toolUseId", "isError", "size"), NONE),
    **dict.fromkeys(("uri", "title", "description", "icons"), DESCRIBED),
    **dict.fromkeys(("text", "data", "input", "structuredContent"), FREE),
    "name": DESCRIBED,
    "id": NONE,
    "resource": CONTENTS,
    "_meta": META,
}
CONTENT = Fields({**BLOCK, "content": Fields(BLOCK)})
SPOKEN = _fields({"content": CONTENT, "_meta": META}, none="role")
TASK = _fields(none="taskId status ttl pollInterval createdAt lastUpdatedAt", free="statusMessage")

ASKED = _fields(
    {"messages": SPOKEN, "tools": TOOL, "_meta": META},
    none="mode elicitationId modelPreferences includeContext temperature maxTokens stopSequences toolChoice task",
    described="requestedSchema url",
    free="message systemPrompt metadata",
)
PARAMS = Fields(
    {
        **ASKED.known,
        **dict.fromkeys(
            (
                *("protocolVersion", "capabilities", "name", "cursor", "requestState", "level", "logger"),
                *("progressToken", "progress", "total", "requestId", "taskId", "status"),
            ),
            NONE,
        ),
        "uri": DESCRIBED,
        "notifications": DESCRIBED,
        "clientInfo": IMPLEMENTATION,
        "ref": _fields(none="type name", described="uri"),
        "argument": FREE,
        "inputResponses": Values(FREE),
    }
)
RESULT = Fields(
    {
        **dict.fromkeys(
            (
                *(
                    "protocolVersion",
                    "supportedVersions",
                    "capabilities",
                    "nextCursor",
                    "requestState",
                    "isError",
                ),
                *("resultType", "ttlMs", "cacheScope", "role", "model", "stopReason", "action"),
                *("taskId", "status", "ttl", "pollInterval", "createdAt", "lastUpdatedAt"),
            ),
            NONE,
        ),
        "serverInfo": IMPLEMENTATION,
        "instructions": DESCRIBED,
        "description": DESCRIBED,
        "tools": TOOL,
        "resources": RESOURCE,
        "resourceTemplates": RESOURCE,
        "prompts": PROMPT,
        "contents": CONTENTS,
        "content": CONTENT,
        "messages": SPOKEN,
        "completion": _fields(none="total hasMore", free="values"),
        "roots": _fields(described="uri name"),
        "task": TASK,
        "tasks": TASK,
        "inputRequests": Values(_fields({"params": ASKED}, none="method")),
        "_meta": META,
    }
)
LISTS = ("tools", "resources", "resourceTemplates", "prompts", "contents", "messages", "roots", "tasks")
"""What the protocol's lists are called: of that name but in the answer of a tool, they are data."""

STANDARD = (
    *("initialize", "ping", "server/", "tools/", "resources/", "prompts/", "completion/", "logging/"),
    *("sampling/", "elicitation/", "roots/", "tasks/", "notifications/", "subscriptions/"),
)
BLOCK_TYPES = {"text", "image", "audio", "resource", "resource_link", "tool_use", "tool_result"}
SCHEMA_NAMES = {"inputSchema", "outputSchema", "requestedSchema", "input_schema", "output_schema"}


def shape_of_params(method: object) -> Shape:
    """The shape of a request's or notification's `params`."""
    if not isinstance(method, str) or not method.startswith(STANDARD):
        return Fields({"_meta": META})
    if method == "notifications/message":
        return _fields({"_meta": META}, none="level logger", free="data")
    return PARAMS


def shape_of_result(answers: str | None) -> Shape:
    """The shape of a result, by the method of the request that it answers (`None`: not known)."""
    if answers is None:
        return RESULT
    if answers == "elicitation/create":
        return _fields({"_meta": META}, none="action", free="content")
    if not answers.startswith(STANDARD):
        return Fields({"_meta": META})
    if answers == "tools/call":
        return Fields({name: shape for name, shape in RESULT.known.items() if name not in LISTS})
    return RESULT


def looks_like_form(value: object) -> bool:
    """Whether an object is the form that a person filled in, and not a content block of the protocol."""
    return isinstance(value, Mapping) and cast("Mapping[str, object]", value).get("type") not in BLOCK_TYPES


def looks_like_schema(name: str, value: Mapping[str, object]) -> bool:
    """Whether an object in somebody's data is a JSON Schema, whose names are not those of secrets."""
    if name in SCHEMA_NAMES or "$schema" in value:
        return True
    properties = value.get("properties")
    return (
        value.get("type") == "object"
        and isinstance(properties, Mapping)
        and all(
            isinstance(each, Mapping | bool) for each in cast("Mapping[str, object]", properties).values()
        )
    )
