"""When a server is recorded, and when its cassette answers in its place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

__all__ = ["RecordMode"]


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
