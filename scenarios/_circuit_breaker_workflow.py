"""The reference answer to `circuit-breaker`: a board that watches a cluster through one breaker for each tool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_mcpflow import Hub, UnknownNameError
from pytest_mcpflow.scenarios._breaker import Breaker, CircuitOpenError, Rules, State
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._plain_answers import plain_answer

__all__ = ["LOOKS", "Board", "Sight", "watch"]

TICK_SECONDS, TICKS, ANSWER_SECONDS = 20, 22, 5.0
LOOKS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("kubernetes.kubectl_get", {"resource_type": "pods", "namespace": "production"}),
    ("kubernetes.kubectl_get", {"resource_type": "deployments", "namespace": "production"}),
    ("kubernetes.kubectl_get", {"resource_type": "pods", "namespace": "staging"}),
    ("kubernetes.kubectl_rollout_status", {"name": "app", "namespace": "production", "timeout": 1}),
)
ONCE_A_MINUTE: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("kubernetes.kubectl_top", {"resource_type": "pods"}),
    ("grafana.get_dashboard", {"uid": "production"}),
)
"""What other clusters have, and this one may get."""


@dataclass(frozen=True)
class Sight:
    """What the board shows of one tool at an instant: an answer, the last one there was, or nothing."""

    at: float
    look: int
    state: Literal["fresh", "fallback", "failed"]
    answer: Mapping[str, Any] | None


@dataclass(frozen=True)
class Board:
    """What was seen, when circuits opened and closed, and what this cluster does not have.

    `success` says that every circuit is closed in the end, and that people know of each that was not.
    """

    success: bool
    sights: tuple[Sight, ...]
    changes: tuple[tuple[float, str, str], ...]
    missing: tuple[str, ...]
    untold: tuple[str, ...] = ()


@dataclass
class _Watch:
    hub: Hub
    context_id: str
    rules: Rules
    telling: asyncio.TaskGroup
    desk: Desk
    breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])
    sights: list[Sight] = field(default_factory=list[Sight])
    changes: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    missing: dict[str, None] = field(default_factory=dict[str, None])

    async def look(self, number: int) -> None:
        """Look at one thing; where nothing answers, the last answer is shown as what it is."""
        tool, arguments = LOOKS[number]
        at = asyncio.get_running_loop().time()
        earlier = [each.answer for each in self.sights if each.look == number and each.state == "fresh"]
        try:
            self.sights.append(Sight(at, number, "fresh", dict(await self._call(tool, arguments))))
        except CircuitOpenError:
            self.sights.append(Sight(at, number, "fallback", earlier[-1] if earlier else None))
        except Exception:
            self.sights.append(Sight(at, number, "failed", None))

    async def look_for(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """See whether the cluster has got a tool by now."""
        with contextlib.suppress(Exception):  # nothing is known of it now, and its breaker counts that
            try:
                await self._call(tool, arguments)
            except UnknownNameError:
                self.missing[tool] = None

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if tool not in self.breakers:
            self.breakers[tool] = Breaker(f"mcp_{tool.replace('.', '_')}", self.rules, self._changed)
        return await self.breakers[tool].call(
            lambda: plain_answer(self.hub, tool, arguments, self.context_id, timeout=ANSWER_SECONDS)
        )

    def _changed(self, name: str, state: State) -> None:
        at = asyncio.get_running_loop().time()
        self.changes.append((at, name, state))
        text = f"Circuit {name} is {state} since t={at:g}"
        # Beside the watch, which goes on however long it takes to tell people.
        told = (
            self.desk.alert(text, severity="high") if state == "open" else self.desk.notify(text, "dashboard")
        )
        self.telling.create_task(_ended(told))


async def _ended(step: Awaitable[object]) -> None:
    await step


async def watch(hub: Hub, context_id: str, rules: Rules | None = None) -> Board:
    """Look at the cluster every 20 seconds for seven minutes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    desk = Desk(hub, context_id=context_id)
    async with asyncio.TaskGroup() as telling:
        board = _Watch(hub, context_id, rules or Rules(), telling, desk)
        for tick in range(TICKS):
            await asyncio.sleep(began + tick * TICK_SECONDS - loop.time())
            also = ONCE_A_MINUTE if tick % 3 == 0 else ()
            await asyncio.gather(
                *(board.look(number) for number in range(len(LOOKS))),
                *(board.look_for(*each) for each in also),
            )
    is_closed = all(each.state == "closed" for each in board.breakers.values())
    return Board(
        success=is_closed and not desk.untold,
        sights=tuple(board.sights),
        changes=tuple(board.changes),
        missing=tuple(board.missing),
        untold=tuple(desk.untold),
    )
