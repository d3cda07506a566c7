"""Plans for the calls of a run that went well."""

from __future__ import annotations

from collections import Counter

from pytest_mcpflow import Transcript

__all__ = ["SINGLE_FAULTS", "call_sites"]

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
