"""Virtual time."""

from pytest_mcpflow.clock.instant import EPOCH, Clock, ManualClock

__all__ = ["EPOCH", "Clock", "ManualClock"]
