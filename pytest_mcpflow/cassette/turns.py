"""Tests of one run that record into the same cassette take turns, in whichever process they run.

Each line of a cassette is whole by its own lock (`shared`). Whether a test records or replays is decided by what others
of the run recorded, so that it has to wait until they have.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import CassetteError

__all__ = ["Turn", "Turns"]


class Turn:
    """A test's turn with a cassette: until it is released no test of another process has one.

    Args:
        note: The file that tells who had a turn, open.
        test: Whose turn it is.
        is_locked: Whether the file is locked here; not so where this process has the turn already.
    """

    def __init__(self, note: int, test: str, *, is_locked: bool) -> None:
        self._note, self._test, self._is_locked = note, test, is_locked
        said = _read(note).get("recorded_by")
        self.recorded_by: str | None = said if said != test else None
        """The other test of this run that recorded into the cassette before."""
        if is_locked:
            self._write(said)

    def recorded(self) -> None:
        """Take note that the test has begun to record."""
        if self._note >= 0:
            self._write(self._test)

    def release(self) -> None:
        """Let others have their turns."""
        if self._note >= 0:
            os.close(self._note)
            self._note = -1

    def _write(self, recorded_by: str | None) -> None:
        said = {"pid": os.getpid(), "recorded_by": recorded_by, "test": self._test}
        os.ftruncate(self._note, 0)
        os.pwrite(self._note, json.dumps(said).encode(), 0)


class Turns:
    """The turns of one test.

    Args:
        folder: A folder of this run and of no other one, the same in all of its processes; made if it is not there.
        test: The test, as messages call it.
    """

    def __init__(self, folder: Path, test: str) -> None:
        self.test = test
        self._folder = folder
        self._taken: dict[Path, Turn] = {}

    def take(self, cassette: Path) -> Turn:
        """Wait until no other test records into a cassette.

        Raises:
            CassetteError: This test records into another cassette meanwhile, so that it might wait for ever.
        """
        place = cassette.resolve()
        if place in self._taken:
            return self._taken[place]
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:32]
        note = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            turn = Turn(note, self.test, is_locked=self._lock(note, cassette))
        except BaseException:
            os.close(note)
            raise
        self._taken[place] = turn
        return turn

    def release(self, cassette: Path) -> None:
        """Let others have their turns with a cassette."""
        self._taken.pop(cassette.resolve()).release()

    def release_all(self) -> None:
        """Let others have their turns with all cassettes."""
        while self._taken:
            self._taken.popitem()[1].release()

    def _lock(self, note: int, cassette: Path) -> bool:
        """Lock a note; whether that was to be done."""
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(note)
            if holder.get("pid") == os.getpid():
                return False  # another hub of this test, or one that was never closed: nobody would end the waiting
            if self._taken:
                raise CassetteError(
                    f"{self.test} records {', '.join(path.name for path in self._taken)} and now asks for "
                    f"{cassette.name}, which {holder.get('test', 'another test')} is recording, and one would wait for "
                    "the other; give each test cassettes of its own"
                ) from None
            with _patiently():
                fcntl.flock(note, fcntl.LOCK_EX)
        return True


@contextlib.contextmanager
def _patiently() -> Generator[None]:
    """Let a virtual loop not take what is waited for here for a step that never ends: the other test has its own."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if not isinstance(loop, VirtualTimeLoop):
        yield
        return
    loop.is_patient = True
    try:
        yield
    finally:
        loop.is_patient = False


def _read(note: int) -> Mapping[str, Any]:
    """What a note says; nothing while it is being written."""
    with contextlib.suppress(ValueError):
        said: object = json.loads(os.pread(note, 1 << 16, 0))
        if isinstance(said, dict):
            return said  # pyright: ignore[reportUnknownVariableType]
    return {}
