"""The paths of a fake machine: all of them are below the folder in which its shell works."""

from __future__ import annotations

import posixpath

__all__ = ["lies_at", "workspace_path"]


def workspace_path(path: str) -> str:
    """A path below the folder in which the shell works."""
    return posixpath.normpath("." if path == "/workspace" else path.removeprefix("/workspace/"))


def lies_at(name: str, path: str) -> bool:
    """Whether a file is that of a path, or below it; both are below that folder, which is `.` itself."""
    return path in (".", name) or name.startswith(f"{path}/")
