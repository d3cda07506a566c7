"""Plans for the calls of a run that went well."""

from __future__ import annotations

from collections import Counter

from pytest_mcpflow import Scenario, Transcript, Way
from pytest_mcpflow.verdict import judge

__all__ = ["SINGLE_FAULTS", "bad_ends", "call_sites"]

SINGLE_FAULTS = ("refuse", "lose_request", "lose_reply", "late")
"""What any call of a workflow that changes production must survive: the four ways of effect and answer."""


def call_sites(transcript: Transcript) -> list[str]:
    """Each call as a plan names it: `server.tool#2`."""
    seen = Counter[str]()
    sites: list[str] = []
    for call in transcript:
        seen[call.site] += 1
        sites.append(f"{call.site}#{seen[call.site]}")
    return sites


def bad_ends(scenario: type[Scenario], kind: str) -> list[str]:
    """How the runs end, with what is broken, that do not end well when one call goes wrong; each call in turn."""
    ends: list[str] = []
    for site in call_sites(judge(scenario(), way=Way.DIRECT).transcript):
        judgement = judge(scenario(), way=Way.DIRECT, plan=f"{site}={kind}")
        if not judgement.verdict.is_good:
            ends.append(f"{site}={kind} {judgement.verdict}: {'; '.join(map(str, judgement.broken))}")
    return ends
