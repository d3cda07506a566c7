"""What is said of a cassette that cannot be opened, by whoever wanted to."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from pytest_mcpflow.errors import CassetteError

__all__ = ["check_is_file", "unreadable", "unwritable"]

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_is_file(path: Path) -> None:
    """Look what is there before it is opened: a pipe waits for somebody, and a device may never end.

    Raises:
        OSError: There is nothing, or something else than a file.
    """
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {KINDS.get(kind, 'something else')} and no file")


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
