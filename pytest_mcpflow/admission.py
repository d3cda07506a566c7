"""Whether what a workflow returned says that not everything came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

__all__ = ["result_admits_failure"]

SAY_NO = frozenset(
    {
        "closed",
        "complete",
        "completed",
        "done",
        "finished",
        "healthy",
        "ok",
        "passed",
        "recovered",
        "success",
        "successful",
    }
)
"""Fields that say so by being false."""

SAY_WHAT = frozenset(
    {
        *(
            "error",
            "errors",
            "failed",
            "failed_step",
            "failure",
            "failures",
            "incomplete",
            "missing",
            "not_done",
        ),
        *(
            "open",
            "problem",
            "problems",
            "reason_for_failure",
            "skipped",
            "stopped",
            "stopped_at",
            "unfinished",
        ),
        *("unknown", "unresolved", "untold", "warnings"),
    }
)
"""Fields that say so by holding anything."""

BAD_STATUS = frozenset(
    {
        "aborted",
        "blocked",
        "cancelled",
        "degraded",
        "error",
        "failed",
        "failure",
        "incomplete",
        "partial",
        "rolled back",
    }
)
"""Values of a `status` that say so."""


def result_admits_failure(result: Any) -> bool:
    """Whether a result reads as a failure: a mapping, a dataclass, or a list of them, or plainly `False`.

    It does if a field such as `success` or `closed` is false, one such as `error` or `missing` is not empty, or
    `status` is a word such as `failed`.
    """
    if result is False:
        return True
    if isinstance(result, list | tuple):
        return any(map(result_admits_failure, cast("list[Any]", result)))
    return any(_says_so(name, value) for name, value in _items(result).items())


def _items(result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping):
        return cast("Mapping[str, Any]", result)
    if is_dataclass(result):
        return {each.name: getattr(result, each.name) for each in fields(result)}
    return {}


def _says_so(name: str, value: Any) -> bool:
    word = str(name).lower()
    if word == "status":
        return str(value).lower().replace("_", " ") in BAD_STATUS
    return (word in SAY_NO and value is False) or (word in SAY_WHAT and bool(value))
