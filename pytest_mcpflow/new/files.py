"""Writing new files: all of them or none, and never over one that is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pytest_mcpflow.new.names import NewFileError

__all__ = ["write_new"]


def write_new(texts: Mapping[Path, str]) -> None:
    """Write files that do not exist yet.

    Raises:
        NewFileError: One exists, or cannot be written; then none is written.
    """
    there = [str(path) for path in texts if os.path.lexists(path)]
    if there:
        what = "exists; move it" if len(there) == 1 else "exist; move them"
        raise NewFileError(f"{', '.join(there)} {what} away, or take another name or --folder")
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink()
        raise NewFileError(
            f"{error.filename or 'a file'} cannot be written: {error.strerror or error}; see to the folder"
        ) from error
