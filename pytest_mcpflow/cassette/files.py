"""Cassettes made of cassettes: whole lines, written in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pytest_mcpflow.cassette.format import Frame
from pytest_mcpflow.cassette.unusable import check_is_file, unwritable
from pytest_mcpflow.cassette.values import dump
from pytest_mcpflow.errors import CassetteError

__all__ = ["renumbered", "write_lines", "write_new"]


def renumbered(frame: Frame, session: int) -> bytes:
    """The line of a frame under another number of its session; to the byte as it was if that is its number."""
    return frame.raw + b"\n" if frame.session == session else dump({**frame.data, "session": session})


def write_new(path: Path, lines: Iterable[bytes], *, force: bool = False) -> None:
    """Write a cassette that was not there before, readable by its owner only.

    Raises:
        CassetteError: There is such a file and it was not said that it may be replaced, or it cannot be written.
    """
    if path.exists() and not force:
        raise CassetteError(f"{path} exists; choose another name, or say --force to replace it")
    write_lines(path, lines)


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write a file in one step: others see the old one or the new one, also after a crash.

    Raises:
        CassetteError: The folder cannot be written to, or there is something else than a file.
    """
    place = path.resolve()  # a link goes on leading to the file
    try:
        if place.exists():
            check_is_file(place)
        number, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(number)
            if place.exists():
                shutil.copymode(place, name)
            os.replace(name, place)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise unwritable(path, error) from error
