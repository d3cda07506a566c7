"""The kinds of frames, and what is wrong with one that holds something else than its kind says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from pytest_mcpflow.cassette.values import as_object

__all__ = ["CHECKS", "SIDES", "Side", "is_rpc"]

Side = Literal["client", "server"]
SIDES = ("client", "server")
_PARAMS = (dict, type(None))


def is_rpc(body: object) -> bool:
    """Whether it is a message of JSON-RPC 2.0, so that all who read a tape can rely on its parts.

    `"params": null`, which the specification has not, is what some clients write for none, and some servers answer.
    """
    if not isinstance(body, dict):
        return False
    message = cast("dict[str, object]", body)
    number = message.get("id")
    if "method" in message:
        fits = isinstance(message["method"], str) and isinstance(message.get("params"), _PARAMS)
        return fits and (isinstance(number, int | str) or (number is None and "id" not in message))
    if isinstance(message.get("result"), dict):
        return isinstance(number, int | str)
    error = as_object(message.get("error"))
    is_error = isinstance(error.get("code"), int) and isinstance(error.get("message"), str)
    return is_error and "id" in message and (number is None or isinstance(number, int | str))


def _check_message(frame: Mapping[str, Any]) -> str:
    if frame.get("from") not in SIDES:
        return "that does not say from whom"
    return "" if is_rpc(frame.get("message")) else "whose message is not JSON-RPC"


def _check_opened(frame: Mapping[str, Any]) -> str:
    parts = (frame.get("server", {}), frame.get("capabilities", {}))
    return (
        "" if all(isinstance(part, dict) for part in parts) else "whose server or capabilities are no objects"
    )


def _check_session(frame: Mapping[str, Any]) -> str:
    return "" if isinstance(frame.get("command", []), list) else "whose command is no list"


def _check_http(frame: Mapping[str, Any]) -> str:
    status, headers = frame.get("status"), frame.get("headers", {})
    fits = type(status) is int and 100 <= status <= 599 and isinstance(headers, dict)
    return "" if fits and isinstance(frame.get("body", ""), str) else "without a status, headers or a body"


def _check_timing(frame: Mapping[str, Any]) -> str:
    fits = type(frame.get("ms")) in (int, float) and 0 <= cast("float", frame["ms"]) < float("inf")
    return "" if fits else "without milliseconds"


def _no_check(_: Mapping[str, Any]) -> str:
    return ""


CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "session": _check_session,
    "opened": _check_opened,
    "message": _check_message,
    "http": _check_http,
    "noise": _no_check,
    "timing": _check_timing,
    "cut": _no_check,
    "end": _no_check,
}
"""What is wrong with a frame, by its kind; nothing, where the answer is empty."""
