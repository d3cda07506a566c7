"""Collect operations, and do them together: when enough are there, or when the first has waited long enough."""

from __future__ import annotations

import asyncio

from pytest_mcpflow import Hub
from pytest_mcpflow.fakes.communication_hub import CommunicationHub


# region: pattern
class Batch:
    def __init__(self, hub: Hub, *, size: int = 10, seconds: float = 5) -> None:
        self._hub, self._size, self._seconds = hub, size, seconds
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running = set[asyncio.Task[None]]()
        self.failed: list[str] = []

    def add(self, message: str) -> None:
        self._waiting.append(message)
        if len(self._waiting) == self._size:
            self._flush()
        elif self._timer is None:
            # A timer, not a task that sleeps: what is cancelled when the batch is full is never the batch itself.
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._flush)

    async def done(self) -> None:
        """Do what is left, and wait for all."""
        self._flush()
        await asyncio.gather(*self._running)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken, self._waiting = self._waiting, []  # taken at once, so that nobody takes it twice
        for message in taken:
            task = asyncio.create_task(self._send(message))
            self._running.add(task)

    async def _send(self, message: str) -> None:
        notice = {"message": message, "channels": ["dashboard"], "deduplication_key": message}
        try:
            await self._hub.call_tool("communication-hub.send_notification", notice, timeout=30)
        except Exception:
            self.failed.append(message)

    # endregion


# region: test
async def test_one_that_fails_takes_nothing_with_it(mcpflow: Hub) -> None:
    people = mcpflow.serve(CommunicationHub())
    mcpflow.fail("communication-hub.send_notification#2=refuse")
    batch = Batch(mcpflow, size=3)

    for message in ("a", "b", "c", "d"):
        batch.add(message)
    await asyncio.sleep(10)
    await batch.done()

    assert people.texts() == ["a", "c", "d"]
    assert batch.failed == ["b"]
    assert [call.at for call in mcpflow.transcript] == [0, 0, 0, 5]


async def test_timer_and_size_at_the_same_instant_send_nothing_twice(mcpflow: Hub) -> None:
    people = mcpflow.serve(CommunicationHub())
    batch = Batch(mcpflow, size=2)

    batch.add("a")
    await asyncio.sleep(5)
    batch.add("b")
    await batch.done()

    assert sorted(people.texts()) == ["a", "b"]
    # endregion
