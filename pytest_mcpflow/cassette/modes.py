"""When a server is recorded, and when its cassette answers in its place."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from pytest_mcpflow.errors import CassetteError

__all__ = ["CI_VARIABLE", "RecordMode", "is_ci"]

CI_VARIABLE = "CI"
NOT_CI = ("", "0", "false", "no")


def is_ci() -> bool:
    """Whether this is a run that nobody watches, as the variable says that all hosts of CI set."""
    return os.environ.get(CI_VARIABLE, "").lower() not in NOT_CI


class RecordMode(StrEnum):
    """What `hub.use(..., cassette=...)` does; the value is what `--mcp-record` takes."""

    NONE = "none"
    """Replay. No server is started or reached, and what was not recorded is an error."""

    ONCE = "once"
    """Record if there is no cassette yet, otherwise replay."""

    NEW = "new"
    """Replay what was recorded, and record what was not."""

    ALL = "all"
    """Record another session into the cassette, whatever it has."""

    REWRITE = "rewrite"
    """Record in place of what the cassette has."""

    def replays(self, cassette: Path) -> bool:
        """Whether the cassette is asked at all."""
        return self is RecordMode.NONE or (self in (RecordMode.ONCE, RecordMode.NEW) and cassette.exists())

    @property
    def takes_turns(self) -> bool:
        """Whether what other tests of the run recorded decides about what a test does."""
        return self in (RecordMode.ONCE, RecordMode.NEW, RecordMode.REWRITE)

    def refuse_in_ci(self) -> None:
        """What runs in CI only replays: a recording made there is reviewed by nobody, and hides what has changed.

        Raises:
            CassetteError: It may record, and this is CI.
        """
        if self is not RecordMode.NONE and is_ci():
            raise CassetteError(
                f"Hub(record=RecordMode.{self.name}) asks to record, and {CI_VARIABLE}={os.environ[CI_VARIABLE]} says "
                "that this is CI, where cassettes are only replayed; record on your own machine, commit the "
                "cassettes, and ask for RecordMode.NONE here"
            )
