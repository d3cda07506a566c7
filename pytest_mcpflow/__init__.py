"""Run MCP workflows against servers that behave, were recorded, or fail, in virtual time.

Names are imported on first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.modes import RecordMode
    from pytest_mcpflow.cassette.playback import Playback
    from pytest_mcpflow.cassette.recording import Recording
    from pytest_mcpflow.cassette.replay import ReplayTransport
    from pytest_mcpflow.clock import Clock, ManualClock
    from pytest_mcpflow.context import Context, HubTool
    from pytest_mcpflow.errors import (
        ArgumentError,
        CannotVerifyError,
        CassetteError,
        DeadlockError,
        DifferentArgumentsError,
        ExhaustedError,
        ExplorationError,
        FakeDefinitionError,
        FaultPlanError,
        FuzzError,
        HubError,
        LawBrokenError,
        LeakedError,
        MCPFlowError,
        NeverRecordedError,
        OutOfOrderError,
        ScenarioError,
        SchemaError,
        ServerStartError,
        StateError,
        ToolError,
        UnansweredQuestionError,
        UnknownNameError,
        UnusedRecordingError,
        VacuousTestError,
        VirtualTimeError,
    )
    from pytest_mcpflow.fake import (
        Call,
        Change,
        Declined,
        ErrorStyle,
        Fake,
        FakeError,
        Omittable,
        prompt,
        resource,
        tool,
    )
    from pytest_mcpflow.faults import Effect, Fault, FaultedCall, FaultKind, FaultPlan
    from pytest_mcpflow.fuzz import FuzzReport, Law, ToolReport, mcpflow_fuzz
    from pytest_mcpflow.hub import Hub
    from pytest_mcpflow.matchers import answered, refused, sent
    from pytest_mcpflow.outcome import Answered, Cancelled, Failed, Injected, Outcome, Pending, Refused
    from pytest_mcpflow.own_marks import parameter_of
    from pytest_mcpflow.question import Answer, Elicitation, Question, Sampling
    from pytest_mcpflow.result import CallResult
    from pytest_mcpflow.running import run
    from pytest_mcpflow.scenario import Run, Scenario, Workflow, invariant
    from pytest_mcpflow.state import load_state, save_state
    from pytest_mcpflow.survival import assert_survives
    from pytest_mcpflow.transcript import Interaction, Latency, Order, Transcript
    from pytest_mcpflow.ways import Era, Way

_HOMES = {
    "cassette.modes": ("RecordMode",),
    "cassette.playback": ("Playback",),
    "cassette.recording": ("Recording",),
    "cassette.replay": ("ReplayTransport",),
    "clock": ("Clock", "ManualClock"),
    "errors": (
        "ArgumentError",
        "CannotVerifyError",
        "CassetteError",
        "DeadlockError",
        "DifferentArgumentsError",
        "ExhaustedError",
        "ExplorationError",
        "FakeDefinitionError",
        "FaultPlanError",
        "FuzzError",
        "HubError",
        "LawBrokenError",
        "LeakedError",
        "MCPFlowError",
        "NeverRecordedError",
        "OutOfOrderError",
        "ScenarioError",
        "SchemaError",
        "ServerStartError",
        "StateError",
        "ToolError",
        "UnansweredQuestionError",
        "UnknownNameError",
        "UnusedRecordingError",
        "VacuousTestError",
        "VirtualTimeError",
    ),
    "fake": (
        "Call",
        "Change",
        "Declined",
        "ErrorStyle",
        "Fake",
        "FakeError",
        "Omittable",
        "prompt",
        "resource",
        "tool",
    ),
    "faults": ("Effect", "Fault", "FaultKind", "FaultPlan", "FaultedCall"),
    "context": ("Context", "HubTool"),
    "fuzz": ("FuzzReport", "Law", "ToolReport", "mcpflow_fuzz"),
    "hub": ("Hub",),
    "matchers": ("answered", "refused", "sent"),
    "outcome": ("Answered", "Cancelled", "Failed", "Injected", "Outcome", "Pending", "Refused"),
    "own_marks": ("parameter_of",),
    "question": ("Answer", "Elicitation", "Question", "Sampling"),
    "result": ("CallResult",),
    "running": ("run",),
    "scenario": ("Run", "Scenario", "Workflow", "invariant"),
    "state": ("load_state", "save_state"),
    "survival": ("assert_survives",),
    "transcript": ("Interaction", "Latency", "Order", "Transcript"),
    "ways": ("Era", "Way"),
}
"""In which module each public name is defined."""

__all__ = [
    "Answer",
    "Answered",
    "ArgumentError",
    "Call",
    "CallResult",
    "Cancelled",
    "CannotVerifyError",
    "CassetteError",
    "Change",
    "Clock",
    "Context",
    "DeadlockError",
    "Declined",
    "DifferentArgumentsError",
    "Effect",
    "Elicitation",
    "Era",
    "ErrorStyle",
    "ExhaustedError",
    "ExplorationError",
    "Failed",
    "Fake",
    "FakeDefinitionError",
    "FakeError",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "FaultPlanError",
    "FaultedCall",
    "FuzzError",
    "FuzzReport",
    "Hub",
    "HubError",
    "HubTool",
    "Injected",
    "Interaction",
    "Latency",
    "Law",
    "LawBrokenError",
    "LeakedError",
    "MCPFlowError",
    "ManualClock",
    "NeverRecordedError",
    "Omittable",
    "Order",
    "OutOfOrderError",
    "Outcome",
    "Pending",
    "Playback",
    "Question",
    "RecordMode",
    "Recording",
    "Refused",
    "ReplayTransport",
    "Run",
    "Sampling",
    "Scenario",
    "ScenarioError",
    "SchemaError",
    "ServerStartError",
    "StateError",
    "ToolError",
    "ToolReport",
    "Transcript",
    "UnansweredQuestionError",
    "UnknownNameError",
    "UnusedRecordingError",
    "VacuousTestError",
    "VirtualTimeError",
    "Way",
    "Workflow",
    "answered",
    "assert_survives",
    "invariant",
    "load_state",
    "mcpflow_fuzz",
    "parameter_of",
    "prompt",
    "refused",
    "resource",
    "run",
    "save_state",
    "sent",
    "tool",
]


def __getattr__(name: str) -> object:
    import importlib

    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
