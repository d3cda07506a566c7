"""What differs between the eras of the protocol, so that a tape of one can be played to a client of the other.

Source: the specifications 2025-11-25 (lifecycle, with a handshake) and 2026-07-28 (stateless, `server/discover`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mcpflow.cassette.format import SERVER_INFO
from pytest_mcpflow.cassette.values import as_object

__all__ = ["HANDSHAKE", "STATELESS", "discovered", "enveloped", "initialized", "result_for"]

STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
WITH_HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", HANDSHAKE)

CACHEABLE = frozenset(
    {
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
    }
)
"""Their results must say how long they are good for, in 2026-07-28."""

FRESHNESS: Mapping[str, Any] = {"cacheScope": "private", "ttlMs": 0}
ENVELOPE = frozenset({"resultType", *FRESHNESS})


def initialized(opening: Mapping[str, Any], *, asked: object) -> Mapping[str, Any]:
    """The result of `initialize` that fits what a server once answered to either opening.

    Args:
        opening: The recorded result of `initialize` or `server/discover`.
        asked: The protocol version that the client proposes.
    """
    version = opening.get("protocolVersion")
    if not isinstance(version, str):
        version = asked if asked in WITH_HANDSHAKE else HANDSHAKE
    result = {
        "capabilities": as_object(opening.get("capabilities")),
        "protocolVersion": version,
        "serverInfo": _server_info(opening),
    }
    if "instructions" in opening:
        result["instructions"] = opening["instructions"]
    return result


def discovered(opening: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result of `server/discover` that fits what a server once answered to either opening."""
    result: dict[str, Any] = {
        **FRESHNESS,
        "_meta": {SERVER_INFO: _server_info(opening)},
        "capabilities": as_object(opening.get("capabilities")),
        "resultType": "complete",
        "supportedVersions": [STATELESS],
    }
    if "instructions" in opening:
        result["instructions"] = opening["instructions"]
    return result


def result_for(
    era: str, method: str, result: Mapping[str, Any], opening: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A recorded result as the other era would have it.

    Args:
        era: The era of the client.
        method: What was asked.
        result: What was answered.
        opening: What the server said of itself.
    """
    meta = as_object(result.get("_meta"))
    if era == STATELESS:
        return {**enveloped(method, result), "_meta": {SERVER_INFO: _server_info(opening), **meta}}
    kept = {name: value for name, value in result.items() if name not in ENVELOPE and name != "_meta"}
    unstamped = {name: value for name, value in meta.items() if name != SERVER_INFO}
    return {**kept, "_meta": unstamped} if unstamped else kept


def enveloped(method: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result with the members that 2026-07-28 demands; the SDK's server leaves them out in the other era."""
    added: Mapping[str, Any] = FRESHNESS if method in CACHEABLE else {}
    return {**added, "resultType": "complete", **result}


def _server_info(opening: Mapping[str, Any]) -> Mapping[str, Any]:
    return (
        as_object(opening.get("serverInfo"))
        or as_object(as_object(opening.get("_meta")).get(SERVER_INFO))
        or {"name": "", "version": ""}
    )
