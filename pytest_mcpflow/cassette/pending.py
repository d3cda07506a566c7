"""Recording in tests: a session is written down once the server has answered; one that is away changes nothing.

Nor does a test that is broken off: half a session in place of a whole one would fail every test from then on.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.files import write_lines
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.reading import read_cassette
from pytest_mcpflow.cassette.unusable import unwritable
from pytest_mcpflow.cassette.writer import CassetteWriter, Redacting, SessionWriter

__all__ = ["PendingSession", "Recorder"]


class _Clock:
    """A clock that can be stopped, for what is written later than it came."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.stopped_at: float | None = None

    def __call__(self) -> float:
        return self._now() if self.stopped_at is None else self.stopped_at


class PendingSession:
    """Keeps what passes until the server has answered, and writes it down then, and all that follows at once.

    A result is an answer, and so is an error once the client is connected. Before that an error may come from the
    client's own side of the connection, which says that way that nobody is there.

    Args:
        begin: Makes the session on the cassette.
        clock: The writer's, if it notes when messages came.
    """

    def __init__(self, begin: Callable[[], SessionWriter], clock: _Clock | None = None) -> None:
        self._begin, self._clock = begin, clock
        self._session: SessionWriter | None = None
        self._kept: list[tuple[Side, Mapping[str, Any], float]] = []
        self._is_connected = False

    def connected(self) -> None:
        """Take note that the client is connected."""
        self._is_connected = True

    def message(self, sender: Side, body: Mapping[str, Any]) -> None:
        """Write a message, or keep it."""
        if self._session is not None:
            self._session.message(sender, body)
            return
        self._kept.append((sender, body, 0.0 if self._clock is None else self._clock()))
        if sender == "server" and ("result" in body or ("error" in body and self._is_connected)):
            with self._as_of(self._kept[0][2]):
                self._session = self._begin()
            for kept_sender, kept, at in self._kept:
                with self._as_of(at):
                    self._session.message(kept_sender, kept)
            self._kept.clear()

    @contextmanager
    def _as_of(self, at: float) -> Generator[None]:
        """Write as if it were then."""
        if self._clock is None:
            yield
            return
        self._clock.stopped_at = at
        try:
            yield
        finally:
            self._clock.stopped_at = None

    def end(self, *, by: Side) -> None:
        """Write who ended the connection, if the server ever answered."""
        if self._session is not None:
            self._session.end(by=by)


@dataclass(frozen=True)
class _Before:
    """What was there before a cassette was begun anew.

    Args:
        path: The cassette.
        content: What it held; `None` if there was no file.
        mode: Who may read it.
    """

    path: Path
    content: bytes | None = None
    mode: int = 0o600

    @classmethod
    def of(cls, path: Path) -> _Before:
        return cls(path, path.read_bytes(), path.stat().st_mode) if path.exists() else cls(path)

    def put_back(self) -> None:
        """Undo the recording, unless others have recorded into the same file since."""
        if len(read_cassette(self.path).sessions) > 1:
            return
        if self.content is None:
            self.path.unlink()
        else:
            write_lines(self.path, [self.content])
            self.path.chmod(self.mode)


class Recorder:
    """Records the sessions of one server in a test.

    Args:
        path: The cassette to append to, made at the first answer if it is not there.
        redactor: Takes out secrets before anything is written.
        transport: What carries the messages: stdio, http or memory.
        command: How the server is started or reached.
        rewrites: Whether the first session that has an answer takes the place of what the cassette has.
        begun: Is told when a session begins on the cassette.
        clock: Seconds, by which is noted when each message came; `None` notes nothing.
    """

    def __init__(
        self,
        path: Path,
        *,
        redactor: Redacting,
        transport: str,
        command: Sequence[str],
        rewrites: bool,
        begun: Callable[[], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._path, self._redactor, self._rewrites = path, redactor, rewrites
        self._transport, self._command = transport, command
        self._begun, self._clock = begun, clock
        self._before: _Before | None = None

    @contextmanager
    def session(self) -> Generator[PendingSession]:
        """A context in which a session can be recorded. Where it is broken off, a cassette that was begun in it is as
        it was before.

        Raises:
            CassetteError: The cassette cannot be added to, or begun; if it or its folder is there already, before
                anything has passed.
        """
        clock = None if self._clock is None else _Clock(self._clock)
        self._before = None
        try:
            with self._recording(clock) as session:
                yield session
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self._before is not None:
                self._before.put_back()
            raise

    @contextmanager
    def _recording(self, clock: _Clock | None) -> Generator[PendingSession]:
        with ExitStack() as stack:
            is_new = self._rewrites or not self._path.exists()
            if is_new:
                self._check_folder()
            opened = None if is_new else self._writer(stack, clock)

            def begin() -> SessionWriter:
                writer = opened or self._writer(stack, clock)
                if self._begun is not None:
                    self._begun()
                return writer.session(transport=self._transport, command=self._command)

            yield PendingSession(begin, clock)

    def _check_folder(self) -> None:
        folder = self._path.parent
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise unwritable(self._path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))

    def _writer(self, stack: ExitStack, clock: _Clock | None) -> CassetteWriter:
        try:
            # The first recording of a project has no folder yet.
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._rewrites or not self._path.exists():
                self._before = _Before.of(self._path)
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._rewrites = False
        return stack.enter_context(
            CassetteWriter(
                self._path, redactor=self._redactor, timing=clock is not None, clock=clock or time.monotonic
            )
        )
