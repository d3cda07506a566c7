"""What a workflow of the corpus is, and how its calls are made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaos.services import Pager
from pytest_mcpflow import CallResult, Hub, Run, Scenario

__all__ = ["Case", "LeftBehindError", "Watched", "ask", "names_in", "works"]

PATIENCE = 10.0
"""Seconds that a caller waits for an answer: longer than a delayed message takes."""


@dataclass
class Case(Scenario):
    """A workflow of the corpus: a correct one, or the same one with a bug.

    Where there is a bug, `plan` is the smallest plan under which it shows, counted in elements `tool#n` and
    `tool#*`, and `breaks` the check that then does not hold.
    """

    mechanism: ClassVar[str]
    plan: ClassVar[str] = ""
    breaks: ClassVar[str] = ""


@dataclass
class Watched(Case):
    """A case in which somebody can be paged."""

    pager: Pager = field(default_factory=Pager)

    def told(self, run: Run) -> bool:
        """Whether a person knows what was left behind."""
        return bool(self.pager.pages) or isinstance(run.error, LeftBehindError)

    async def tell(self, hub: Hub, text: str) -> None:
        """Page somebody, and where that cannot be done, fail with what they should have been told."""
        if not await works(hub, "pager.page", {"text": text}, tries=3):
            raise LeftBehindError(text)


def names_in(run: Run, field_name: str) -> set[str]:
    """The names that a run's result has under a field; none if it has no result."""
    result: dict[str, list[str]] = run.result or {}
    return {*result.get(field_name, ())}


class LeftBehindError(Exception):
    """Something was left behind that a person has to look after."""


async def ask(
    hub: Hub, tool: str, arguments: Mapping[str, Any] | None = None, *, tries: int = 1, pause: float = 1.0
) -> CallResult:
    """Call a tool, and again `pause` seconds after it failed, up to `tries` times in all.

    Raises:
        Exception: What the last try raised.
    """
    for _ in range(tries - 1):
        try:
            return await hub.call_tool(tool, arguments, timeout=PATIENCE)
        except Exception:
            await asyncio.sleep(pause)
    return await hub.call_tool(tool, arguments, timeout=PATIENCE)


async def works(
    hub: Hub, tool: str, arguments: Mapping[str, Any] | None = None, *, tries: int = 1, pause: float = 1.0
) -> bool:
    """The same, and whether there was an answer."""
    try:
        await ask(hub, tool, arguments, tries=tries, pause=pause)
    except Exception:
        return False
    return True
