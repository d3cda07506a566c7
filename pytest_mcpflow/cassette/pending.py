"""Recording in tests: a session is written down once the server has answered; one that is away changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.unusable import unwritable
from pytest_mcpflow.cassette.writer import CassetteWriter, Redacting, SessionWriter

__all__ = ["PendingSession", "Recorder"]


class PendingSession:
    """Keeps what passes until the server has answered, and writes it down then, and all that follows at once.

    A result is an answer, and so is an error once the client is connected. Before that an error may come from the
    client's own side of the connection, which says that way that nobody is there.

    Args:
        begin: Makes the session on the cassette.
    """

    def __init__(self, begin: Callable[[], SessionWriter]) -> None:
        self._begin = begin
        self._session: SessionWriter | None = None
        self._kept: list[tuple[Side, Mapping[str, Any]]] = []
        self._is_connected = False

    def connected(self) -> None:
        """Take note that the client is connected."""
        self._is_connected = True

    def message(self, sender: Side, body: Mapping[str, Any]) -> None:
        """Write a message, or keep it."""
        if self._session is not None:
            self._session.message(sender, body)
            return
        self._kept.append((sender, body))
        if sender == "server" and ("result" in body or ("error" in body and self._is_connected)):
            self._session = self._begin()
            for each in self._kept:
                self._session.message(*each)
            self._kept.clear()

    def end(self, *, by: Side) -> None:
        """Write who ended the connection, if the server ever answered."""
        if self._session is not None:
            self._session.end(by=by)


class Recorder:
    """Records the sessions of one server in a test.

    Args:
        path: The cassette to append to, made at the first answer if it is not there.
        redactor: Takes out secrets before anything is written.
        transport: What carries the messages: stdio, http or memory.
        command: How the server is started or reached.
        rewrites: Whether the first session that has an answer takes the place of what the cassette has.
        begun: Is told when a session begins on the cassette.
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
    ) -> None:
        self._path, self._redactor, self._rewrites = path, redactor, rewrites
        self._transport, self._command = transport, command
        self._begun = begun

    @contextmanager
    def session(self) -> Generator[PendingSession]:
        """A context in which a session can be recorded.

        Raises:
            CassetteError: The cassette cannot be added to; where there is one already, before anything has passed.
        """
        with ExitStack() as stack:
            opened = None if self._rewrites or not self._path.exists() else self._writer(stack)

            def begin() -> SessionWriter:
                writer = opened or self._writer(stack)
                if self._begun is not None:
                    self._begun()
                return writer.session(transport=self._transport, command=self._command)

            yield PendingSession(begin)

    def _writer(self, stack: ExitStack) -> CassetteWriter:
        try:
            # The first recording of a project has no folder yet.
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._rewrites:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._rewrites = False
        return stack.enter_context(CassetteWriter(self._path, redactor=self._redactor))
