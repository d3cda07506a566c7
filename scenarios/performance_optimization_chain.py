"""Memory is profiled, drawn and analysed; what leaks is fixed, and only that."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._optimization_workflow import (
    ANALYSE,
    APPLIED,
    DRAW,
    FIX,
    PROFILE,
    Optimization,
    leaks_in,
    optimize,
)

__all__ = ["Optimization", "PerformanceOptimizationChain"]

CODE, TAPE, PICTURE = "src/cache.py", ".memray/tests.bin", "memory_profile.html"
LEAKING = "_seen = {}\n\ndef remember(key, value):\n    _seen[key] = value\n"
FIXED = "_seen = LRUCache(maxsize=1024)\n\ndef remember(key, value):\n    _seen[key] = value\n"
LEAKS = {"memory_leaks_detected": True, "leaks": [{"file": CODE, "line": 4, "bytes_per_call": 4096}]}
CLEAN: dict[str, object] = {"memory_leaks_detected": False, "leaks": []}
SECONDS = 20.0


def _desktop() -> DesktopCommander:
    return DesktopCommander(
        files={CODE: LEAKING},
        scripts=[
            Script(PROFILE, stdout="12 passed", writes={TAPE: "allocations"}),
            Script(DRAW, stdout=f"Wrote {PICTURE}", requires={TAPE: "alloc"}, writes={PICTURE: "<html>"}),
            Script(ANALYSE, stdout=json.dumps(LEAKS), requires={TAPE: "alloc"}),
            Script(FIX, stdout=f"1 file changed: {CODE}", writes={CODE: FIXED}),
        ],
        takes={"execute_command": SECONDS},
    )


@dataclass
class PerformanceOptimizationChain(CrossServer):
    """Profile the memory of the tests, draw a flamegraph, analyse; fix leaks and alert if there are any.

    The commands are those of the document: pytest with memray, `memray flamegraph`, the scripts that analyse and fix.
    """

    tags = ("performance", "chain")

    desktop: DesktopCommander = field(default_factory=_desktop)

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def analyse(_: Interaction) -> None:
            """What the next analysis finds depends on the code."""
            found = CLEAN if "maxsize" in self.desktop.files[CODE] else LEAKS
            self._analysis.stdout = json.dumps(found)

        if self._analysis.stdout == json.dumps(LEAKS):
            hub.on_effect("desktop-commander.execute_command", analyse)

    @property
    def _analysis(self) -> Script:
        return self.desktop.scripts[2]

    async def workflow(self, hub: Hub) -> Optimization:
        with context_of(hub, self.name) as context_id:
            return await optimize(Desk(hub, timeout=3 * SECONDS, context_id=context_id))

    def expect(self, run: Run) -> None:
        assert self.desktop.files[CODE] == FIXED
        assert self.desktop.files[PICTURE] == "<html>"
        assert FIX in [each.command for each in self.desktop.history]
        assert {each.exit_code for each in self.desktop.history} == {0}
        first = [self._first(command) for command in (PROFILE, DRAW, ANALYSE, FIX)]
        assert first == sorted(first)
        assert run.transcript.before("execute_command", "send_alert")
        [alert] = self.people.alerts
        assert (alert.message, alert.severity) == (APPLIED, "medium")
        assert alert.metadata == {"analysis": LEAKS}
        assert self.people.notifications == []
        assert run.result == Optimization(success=True, leaks=(f"{CODE}:4",), fixed=True)

    def _first(self, command: str) -> float:
        return next(each.at for each in self.desktop.history if each.command == command)

    @invariant
    def nothing_is_fixed_without_a_sound_analysis(self, run: Run) -> None:
        """The fix runs only after an analysis that names leaks; one that is missing or malformed names none."""
        analysis: Interaction | None = None
        for call in run.calls("execute_command"):
            if call.arguments["command"] == ANALYSE:
                analysis = call
            elif call.arguments["command"] == FIX:
                assert analysis is not None
                assert leaks_in(said(analysis))

    @invariant
    def the_fix_runs_once(self, run: Run) -> None:
        """However answers are lost, the code is changed by one call."""
        changed = [each for each in run.effects("execute_command") if each.arguments["command"] == FIX]
        assert len(changed) <= 1

    @invariant
    def a_fix_is_only_told_of_when_it_was_made(self, run: Run) -> None:
        """People hear of a remedy only when the code is another one."""
        assert self.desktop.files[CODE] != LEAKING or APPLIED not in [
            each.message for each in self.people.alerts
        ]

    @invariant
    def a_leak_is_heard_of(self, run: Run) -> None:
        """When an analysis named leaks, an alert has told people, unless alerts do not get through."""
        analyses = [each for each in run.calls("execute_command") if each.arguments["command"] == ANALYSE]
        if any('"memory_leaks_detected": true' in str(said(each).get("stdout")) for each in analyses):
            tried = run.calls("send_alert")
            assert self.people.alerts or (tried and not tried[-1].ok)
