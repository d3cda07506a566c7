"""What the filesystem server prints, and how it reads patterns."""

from __future__ import annotations

import fnmatch

__all__ = ["kind_of", "listed", "matches", "sized"]

UNITS = ("B", "KB", "MB", "GB")


def kind_of(name: str) -> str:
    """How listings mark a file or a folder, whose name ends in a slash."""
    return "[DIR]" if name.endswith("/") else "[FILE]"


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a glob, or has a part that is the pattern; `**/` stands for any folders, or none."""
    if "*" not in pattern:
        return pattern in path.split("/") or path == pattern
    if pattern.startswith("**/") and fnmatch.fnmatchcase(path, pattern[3:]):
        return True
    same_depth = "**" in pattern or pattern.count("/") == path.count("/")
    return same_depth and fnmatch.fnmatchcase(path, pattern)


def sized(size: float) -> str:
    """How the server writes a size: 512 B, 1.50 KB."""
    unit = 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:g} B" if unit == 0 else f"{size:.2f} {UNITS[unit]}"


def listed(name: str, size: int) -> str:
    """A line of a listing with sizes."""
    shown = "" if name.endswith("/") else f"{sized(size):>10}"
    return f"{kind_of(name)} {name.removesuffix('/'):<30} {shown}"
