"""What is on its way where the event loop cannot see it. While anything is, virtual time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["Flow", "Transit", "transit"]


class Flow:
    """What goes one way between two ends that are both ours: sent here, received there."""

    def __init__(self, transit: Transit, label: str) -> None:
        self.label, self.pending = label, 0
        self._transit = transit

    def sent(self, count: int = 1) -> None:
        """`count` more are on their way."""
        self._move(count)

    def received(self, count: int = 1) -> None:
        """`count` have arrived."""
        self._move(-min(count, self.pending))

    def close(self) -> None:
        """Whatever was still on its way will not arrive."""
        self._move(-self.pending)

    def _move(self, count: int) -> None:
        self.pending += count
        if self.pending:
            self._transit.moving[id(self)] = self
        else:
            self._transit.moving.pop(id(self), None)


class Transit:
    """All flows of one event loop."""

    def __init__(self) -> None:
        self.moving: dict[int, Flow] = {}

    def flow(self, label: str) -> Flow:
        """A new flow; the label says in messages what it is."""
        return Flow(self, label)

    @contextmanager
    def hold(self, label: str) -> Generator[None]:
        """Let the clock stand still for the length of a `with` block."""
        flow = self.flow(label)
        flow.sent()
        try:
            yield
        finally:
            flow.close()

    def __bool__(self) -> bool:
        return bool(self.moving)

    def __str__(self) -> str:
        return ", ".join(flow.label for flow in self.moving.values()) or "nothing"


def transit() -> Transit:
    """The running loop's; one that holds nothing back where time is real."""
    found = getattr(asyncio.get_running_loop(), "transit", None)
    return found if isinstance(found, Transit) else Transit()
