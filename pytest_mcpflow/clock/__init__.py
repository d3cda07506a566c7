"""Time as a value: for fakes, for hubs, and the event loop in which waiting costs nothing."""

from pytest_mcpflow.clock.instant import EPOCH, Clock, ManualClock, RealClock, VirtualClock
from pytest_mcpflow.clock.loop import VirtualTimeLoop, break_off, is_virtual
from pytest_mcpflow.clock.scopes import background, foreground, is_ours, ours
from pytest_mcpflow.clock.transit import Flow, Transit, transit

__all__ = [
    "EPOCH",
    "Clock",
    "Flow",
    "ManualClock",
    "RealClock",
    "Transit",
    "VirtualClock",
    "VirtualTimeLoop",
    "background",
    "break_off",
    "foreground",
    "is_ours",
    "is_virtual",
    "ours",
    "transit",
]
