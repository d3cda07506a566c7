"""Time as a value: for fakes, for hubs, and the event loop in which waiting costs nothing."""

from pytest_mcpflow.clock.instant import EPOCH, Clock, ManualClock, RealClock, RunClock
from pytest_mcpflow.clock.loop import VirtualClock, VirtualTimeLoop, is_virtual
from pytest_mcpflow.clock.permuted import pause
from pytest_mcpflow.clock.scopes import background, foreground, ours
from pytest_mcpflow.clock.transit import Flow, Transit, transit

__all__ = [
    "EPOCH",
    "Clock",
    "Flow",
    "ManualClock",
    "RealClock",
    "RunClock",
    "Transit",
    "VirtualClock",
    "VirtualTimeLoop",
    "background",
    "foreground",
    "is_virtual",
    "ours",
    "pause",
    "transit",
]
