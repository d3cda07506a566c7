"""Contexts that are kept for an hour, 200 at most, and the ones used longest ago given up first."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.scenarios._context_cache_workflow import (
    CacheReport,
    CacheStats,
    SessionContexts,
    serve_sessions,
)
from pytest_mcpflow.scenarios._cross_server import CrossServer

__all__ = ["REQUESTS", "CacheReport", "CacheStats", "ContextCache"]

SIZE, HOUR = 200, 3600.0
REQUESTS = [
    # One after the other, since who came first is who was used longest ago.
    *(f"{number / 100:g} session-{number:03}" for number in range(SIZE)),
    "10 session-000 git status",
    # One more than there is room for: session-001 is the one used longest ago.
    "20 session-200 git log",
    "30 session-001 git branch",
    "100 session-201 ls",
    "3599 session-000 git status",
    # An hour after it was opened, between the clean-up and the next.
    "3650 session-000 git log",
    "3701 session-201 git branch",
    # After the clean-up at 3900.
    "3901 session-201 ls",
]


@dataclass
class ContextCache(CrossServer):
    """Serve 202 sessions with 200 contexts of an hour each."""

    tags = ("performance",)

    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander(
            {"requests.txt": "\n".join(REQUESTS), "README.md": "# Shop\n"}
        )
    )
    most_open: list[int] = field(default_factory=list[int], init=False, repr=False)
    not_open: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def look(call: Interaction) -> None:
            sessions = [name for name in hub.contexts if name.startswith("session-")]
            self.most_open.append(len(sessions))
            is_prompt = call.at == hub.clock.now()  # a context may well be closed while a call is on its way
            if (
                is_prompt
                and (call.context_id or "").startswith("session-")
                and call.context_id not in sessions
            ):
                self.not_open.append(call.call)

        hub.on_effect("*", look)

    async def workflow(self, hub: Hub) -> CacheReport:
        return await serve_sessions(hub, SessionContexts(hub, size=SIZE, ttl=HOUR))

    def expect(self, run: Run) -> None:
        ran = {(each.context_id or "").partition("/")[0] for each in run.calls("execute_command")}
        assert ran == {"session-000", "session-001", "session-200", "session-201"}
        wanted = sorted(line.split(maxsplit=2)[2] for line in REQUESTS if line.count(" ") > 1)
        assert {each.command for each in self.desktop.history} == {*wanted}
        assert len(self.desktop.history) >= len(wanted)
        assert max(self.most_open) == SIZE
        # Nobody asks any more for what was opened in the first minute: that was closed by the clean-up.
        assert self.most_open[-1] <= 2
        stats = run.result.stats
        assert run.result == CacheReport(True, stats, ())
        assert stats.cache_type == "TTL with LRU eviction"
        assert stats.active_contexts <= 2
        assert (stats.evictions, stats.expirations) == (3, SIZE)
        assert stats.misses == stats.evictions + stats.expirations + stats.active_contexts
        assert 3 <= stats.tool_calls <= len(run.calls("execute_command"))
        [notice] = self.people.notifications
        assert notice.message == (
            f"Contexts: {stats.active_contexts} contexts, {stats.hits} hits, {stats.misses} misses"
        )
        assert (notice.channels, notice.priority) == (["dashboard"], "low")
        assert self.people.alerts == []

    @invariant
    def no_expired_context_is_read(self, run: Run) -> None:
        """No call is made in a context that was opened an hour ago or longer."""
        for context_id in {each.context_id for each in run.calls("execute_command")}:
            at = [each.at for each in run.transcript.in_context(str(context_id))]
            assert max(at) - min(at) < HOUR, context_id

    @invariant
    def no_closed_context_is_used(self, run: Run) -> None:
        """No call is made in a context that was given up."""
        assert self.not_open == []

    @invariant
    def never_more_than_there_is_room_for(self, run: Run) -> None:
        """At most 200 contexts of sessions are open at a time."""
        assert all(count <= SIZE for count in self.most_open)
