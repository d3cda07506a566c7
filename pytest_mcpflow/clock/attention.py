"""How much time a thread has had: what it waited for a processor on a busy machine is not its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pytest_mcpflow.clock.proc import state_of

__all__ = ["Attention"]


class Attention:
    """The current thread's time, as another thread sees it.

    A second counts if the thread ran in it, or waited for something else than a processor. Where the system does not
    tell, every second counts.
    """

    def __init__(self) -> None:
        try:
            self._clock: int | None = time.pthread_getcpuclockid(threading.get_ident())
        except (AttributeError, OSError):  # macOS has none, Windows neither
            self._clock = None
        self._task = Path(f"/proc/self/task/{threading.get_native_id()}")
        self._had = self._processor_time()

    def since_last(self, passed: float) -> float:
        """How many of the `passed` seconds since it was asked for the last time count."""
        before, self._had = self._had, self._processor_time()
        if self._clock is None or state_of(self._task) in ("S", ""):
            return passed
        return min(passed, self._had - before)

    def _processor_time(self) -> float:
        return 0.0 if self._clock is None else time.clock_gettime(self._clock)
