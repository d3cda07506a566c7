"""Releases that do not keep to their contexts, and the check of the scenario that must say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mcpflow import Context, Hub, Workflow
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._managed_context_workflow import (
    ManagedRelease,
    Outcome,
    ReleasesReport,
    release_all,
)
from pytest_mcpflow.scenarios.managed_context import SERVICES

__all__ = ["MUTANTS"]


class Sharing(ManagedRelease):
    """Works in whatever context is open."""

    def desk(self, context: Context) -> Desk:
        return Desk(self._hub, timeout=60.0, context_id=next(iter(self._hub.contexts)))


class Nosy(ManagedRelease):
    """Keeps a record of everything that happens."""

    def record(self, context: Context) -> list[Mapping[str, Any]]:
        everything = [call for each in self._hub.contexts.values() for call in each.tool_calls]
        return [{"call": each.site, "arguments": dict(each.arguments)} for each in everything]


class CleanedUpOnSuccess(ManagedRelease):
    """Forgets its context where it failed."""

    async def run(self) -> Outcome:
        outcome = await super().run()
        if not outcome.success:
            self._hub.create_context(f"release-{self._service}")
        return outcome


class Untidy(ManagedRelease):
    """Leaves the workspace for whoever looks into the failure, and tells nobody."""

    async def _clean_up(self, desk: Desk, context: Context) -> int:
        if self._errors:
            return 0
        return await super()._clean_up(desk, context)


class ClosedEarly(ManagedRelease):
    """Closes the context before it cleans up."""

    async def _clean_up(self, desk: Desk, context: Context) -> int:
        del self._hub.contexts[context.id]
        try:
            return await super()._clean_up(desk, context)
        finally:
            self._hub.contexts[context.id] = context


async def share_a_context(hub: Hub) -> ReleasesReport:
    return await release_all(hub, SERVICES, Sharing)


async def record_everything(hub: Hub) -> ReleasesReport:
    return await release_all(hub, SERVICES, Nosy)


async def leave_the_context_open(hub: Hub) -> ReleasesReport:
    return await release_all(hub, SERVICES, CleanedUpOnSuccess)


async def leave_the_workspace(hub: Hub) -> ReleasesReport:
    return await release_all(hub, SERVICES, Untidy)


async def close_early(hub: Hub) -> ReleasesReport:
    return await release_all(hub, SERVICES, ClosedEarly)


MUTANTS: dict[str, tuple[Workflow, str]] = {
    "share a context": (share_a_context, "each_release_has_its_context"),
    "record what others do": (record_everything, "no_run_sees_another_s_context"),
    "leave the context of a failure open": (leave_the_context_open, "contexts_are_cleaned_up"),
    "leave the workspace of a failure": (leave_the_workspace, "workspaces_are_removed"),
    "close the context before cleaning up": (close_early, "no_call_outside_of_an_open_context"),
}
"""Workflow and the check that catches it, by what is wrong with it."""
