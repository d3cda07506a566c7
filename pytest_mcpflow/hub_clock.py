"""The time a hub shows: seconds since its first use, on whatever clock its event loop has."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime

from pytest_mcpflow.clock import EPOCH, Clock, RealClock, VirtualClock, VirtualTimeLoop
from pytest_mcpflow.errors import VirtualTimeError

__all__ = ["HubClock"]


class HubClock(Clock):
    """Stands at zero until the hub is used, then follows the running loop.

    Args:
        virtual_time: `True`: the loop must be virtual; `False`: it must not; `None`: either.
        starts_at: The calendar time at zero, where time is virtual.
    """

    def __init__(self, virtual_time: bool | None = None, *, starts_at: datetime = EPOCH) -> None:
        super().__init__(starts_at)
        self.virtual_time = virtual_time
        self._source: VirtualClock | RealClock | None = None
        self._zero = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that it follows."""
        self._stopped_at = 0.0

    def now(self) -> float:
        source = self._source
        return self._stopped_at if source is None else self._stopped_at + source.seconds - self._zero

    def taken(self) -> float:
        """A number of seconds that grows by what something takes, also outside of virtual time, which waits for it."""
        outside = time.clock_gettime(time.CLOCK_MONOTONIC)
        return self.now() + outside if isinstance(self.loop, VirtualTimeLoop) else outside

    def start(self) -> None:
        """Follow the running loop from here on.

        Raises:
            VirtualTimeError: The loop's time is not of the kind that was asked for, or it is another loop.
        """
        if isinstance(self.loop, VirtualTimeLoop) and self.loop.thread == threading.get_ident():
            return  # seen without asyncio, which asks the system for the process each time, up to Python 3.11
        loop = asyncio.get_running_loop()
        if loop is self.loop:
            return
        if self.loop is not None:
            raise VirtualTimeError(
                "a hub belongs to one event loop at a time; leave it there first (await hub.aclose())"
            )
        virtual = isinstance(loop, VirtualTimeLoop)
        if self.virtual_time is not None and self.virtual_time is not virtual:
            raise VirtualTimeError(
                f"this test asks for {'virtual' if self.virtual_time else 'real'} time, but runs on "
                f"{type(loop).__module__}.{type(loop).__qualname__}; let pytest-mcpflow make the loop (no loop "
                "factory of your own for this test, no async fixture of a wider scope, and hub.run(...) where your "
                "code has asyncio.run(...)), or mark it "
                f"@pytest.mark.mcpflow(virtual_time={not self.virtual_time})"
            )
        if isinstance(loop, VirtualTimeLoop):
            loop.rebase(self.wall())
            self._source = loop.clock
        else:
            self._source = RealClock()
            if self._stopped_at == 0.0:
                self.starts_at = self._source.wall()
        self._zero = self._source.now()
        self.loop = loop

    def stop(self) -> None:
        """Stand still until the next start, possibly on another loop."""
        self._stopped_at = self.now()
        self._source = self.loop = None
