"""Objects that are stored once, however often the answer to storing them is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mcpflow.scenarios._careful import Careful

__all__ = ["store_once", "versions_of"]


async def versions_of(calls: Careful, key: str) -> int:
    """How many versions of an object are stored."""
    listed = await calls.repeat("s3-storage.list_objects", {"prefix": key})
    return sum(each["versions"] for each in listed["result"] if each["key"] == key)


async def store_once(
    calls: Careful, tool: str, arguments: Mapping[str, Any], *, key: str, known: int = 0
) -> None:
    """Call a tool that stores an object under a key, of which `known` versions are there already.

    Raises:
        RuntimeError: The storage said that it did not. A call that fails raises its own error.
    """

    async def is_there() -> bool:
        return await versions_of(calls, key) > known

    await calls.once(f"s3-storage.{tool}", arguments, done=is_there)
