"""What Linux tells of threads and processes, under /proc."""

from __future__ import annotations

from pathlib import Path

__all__ = ["state_of"]


def state_of(task: Path) -> str:
    """What a thread or process does, by its folder: `R` runs, `S` sleeps, `Z` has ended (proc(5)); empty if gone."""
    try:
        told = (task / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return told.rpartition(")")[2].split()[0]
