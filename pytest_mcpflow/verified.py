"""`--mcp-verify`: whether the servers behind a test's cassettes still do what is on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from pytest_mcpflow.cassette.verify import verify
from pytest_mcpflow.errors import CannotVerifyError, CassetteError
from pytest_mcpflow.running import run
from pytest_mcpflow.stash import VERIFIED, hub_of

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.live import Target
    from pytest_mcpflow.cassette.player import Player

__all__ = ["verify_cassettes"]

CURE = (
    "If the server is right, record it again: pytest --mcp-record=rewrite. "
    "If it may differ there, say so: mcp_verify_ignore in the ini file."
)

Outcomes = dict[tuple[Path, str], tuple[str, str]]
OUTCOMES = pytest.StashKey[Outcomes]()
"""What came of each cassette and server, in one line and, where it is drift or trouble, at length."""


def verify_cassettes(item: pytest.Item) -> None:
    """Compare the cassettes of a test with their servers, in real time; with commands and addresses once in a run.

    Raises:
        pytest.fail.Exception: A server does something else, or it could not be found out.
    """
    hub = hub_of(item)
    outcomes = item.config.stash.setdefault(OUTCOMES, {})
    wrong: list[str] = []
    for player, target in hub.recorded if hub is not None else ():
        key = (player.tape.cassette.path.absolute(), repr(target))
        outcome = outcomes.get(key) if _is_told_by_its_text(target) else None
        outcome = outcomes[key] = outcome or _compared(player, target, item.config)
        summary, at_length = outcome
        item.user_properties.append((VERIFIED, summary))
        if at_length:
            wrong.append(at_length)
    if wrong:
        raise pytest.fail.Exception("\n\n".join(wrong), pytrace=False)


def _is_told_by_its_text(target: Target) -> bool:
    """Whether two targets of one text are the same server: not so objects, which each test may make for itself."""
    from mcp import StdioServerParameters

    return isinstance(target, str | StdioServerParameters)


def _compared(player: Player, target: Target, config: pytest.Config) -> tuple[str, str]:
    cassette = player.tape.cassette
    allow = cast("list[str]", config.getini("mcp_verify_allow"))
    ignore = cast("list[str]", config.getini("mcp_verify_ignore"))
    try:
        drift = run(
            verify(cassette, target, allow=allow, ignore=ignore, redactor=player.redactor), virtual_time=False
        )
    except (CannotVerifyError, CassetteError, ValueError) as error:
        text = f"{cassette.path.name} could not be compared with {player.server}: {error}"
        return text, text
    summary = f"{drift}".splitlines()
    short = f"{summary[0]}; {summary[-1]}"
    if drift.verified_nothing:
        return short, (
            f"{drift}\n{cassette.path.name}: nothing but the handshake was compared, so that no drift was found means "
            "nothing; name the tools that may be called: mcp_verify_allow in the ini file"
        )
    return short, f"{drift}\n{CURE}" if drift else ""
