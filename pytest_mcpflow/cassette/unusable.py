"""What is said of a cassette that cannot be opened, by whoever wanted to."""

from __future__ import annotations

from pathlib import Path

from pytest_mcpflow.errors import CassetteError

__all__ = ["unreadable", "unwritable"]


def unreadable(path: Path, error: OSError) -> CassetteError:
    """A cassette that is not there, or may not be read."""
    is_missing = isinstance(error, FileNotFoundError)
    cure = (
        f"check the path, or record it: mcpflow record -o {path} -- COMMAND"
        if is_missing
        else "name a file that may be read"
    )
    return CassetteError(f"cassette {path} cannot be read: {error.strerror or error}; {cure}")


def unwritable(path: Path, error: OSError) -> CassetteError:
    """A cassette that cannot be made or changed."""
    cure = "name a file in a folder that is there and may be written to"
    return CassetteError(f"cassette {path} cannot be written: {error.strerror or error}; {cure}")
