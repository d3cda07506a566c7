"""Plans for the calls of a run that went well, and workflows that bring their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pytest_mcpflow import Hub, Scenario, Transcript, Way, Workflow
from pytest_mcpflow.verdict import judge

__all__ = ["SINGLE_FAULTS", "Fault", "bad_ends", "call_sites", "plan_text", "under"]


class Fault(StrEnum):
    """The four ways of effect and answer, as a plan says them."""

    REFUSE = "refuse"
    LOSE_REQUEST = "lose_request"
    LOSE_REPLY = "lose_reply"
    LATE = "late"


SINGLE_FAULTS = tuple(map(str, Fault))
"""What any call of a workflow that changes production must survive: the four ways of effect and answer."""


def call_sites(transcript: Transcript) -> list[str]:
    """Each call as a plan names it: `server.tool#2`."""
    seen = Counter[str]()
    sites: list[str] = []
    for call in transcript:
        seen[call.site] += 1
        sites.append(f"{call.site}#{seen[call.site]}")
    return sites


def plan_text(faults: Mapping[str, Fault]) -> str:
    """A plan in which the calls of some sites go wrong: `send_alert` all of them, `send_alert#2` the second."""
    return ", ".join(f"{site}={fault}" for site, fault in faults.items())


def under(workflow: Workflow, faults: Mapping[str, Fault]) -> Workflow:
    """The same workflow, with calls that go wrong wherever it is run."""

    async def run(hub: Hub) -> Any:
        hub.fail(plan_text(faults))
        return await workflow(hub)

    return run


def bad_ends(scenario: type[Scenario], kind: str) -> list[str]:
    """How the runs end, with what is broken, that do not end well when one call goes wrong; each call in turn."""
    ends: list[str] = []
    for site in call_sites(judge(scenario(), way=Way.DIRECT).transcript):
        judgement = judge(scenario(), way=Way.DIRECT, plan=f"{site}={kind}")
        if not judgement.verdict.is_good:
            ends.append(f"{site}={kind} {judgement.verdict}: {'; '.join(map(str, judgement.broken))}")
    return ends
