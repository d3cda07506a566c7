"""A cassette as a file that several recorders write to, each line whole.

Only the standard library is imported, since the recorder runs between a client and its server.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType

from pytest_mcpflow.cassette.header import begins_cassette, goes_on
from pytest_mcpflow.cassette.unusable import check_is_file, unwritable
from pytest_mcpflow.cassette.values import dump
from pytest_mcpflow.errors import CassetteError

__all__ = ["SharedFile"]

MOVED = dump({"kind": "moved"})
"""The last line of a file in whose place a recorder put another; nobody reads it but recorders who have it open."""


class SharedFile:
    """A file to append to, locked in a `with` block: all else is done in one.

    A recorder may put another file at the path, with the same lines and more. Recorders that wait for the lock then go
    on in that one, and whoever reads finds the old file or the new one. What a recorder that was killed left of a line
    is cut off.

    Args:
        path: The file, made with mode 0600 if it is not there.

    Raises:
        CassetteError: It is no file, or cannot be opened; in a `with` block, it is no cassette, or somebody took away
            what was written.
    """

    def __init__(self, path: Path) -> None:
        self.size = 0
        """How many bytes of whole lines there are, as of when the lock was taken."""
        self.looked_to = 0
        """How many bytes of them were looked at; see `unseen`."""
        self._path, self._place = path, path.absolute()  # a later change of the folder leads nowhere else
        try:
            if self._place.exists():
                check_is_file(self._place)
            self._file = self._opened(os.O_CREAT)
        except OSError as error:
            raise unwritable(path, error) from error

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            state = os.fstat(self._file)
            if state.st_size != self.size or not state.st_nlink:
                self._catch_up(state)
        except BaseException:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def append(self, *lines: bytes) -> None:
        """Write lines, in one piece; they are in the file when the call returns."""
        data = rest = b"".join(lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise unwritable(self._path, error) from error
        self.size += len(data)

    def unseen(self) -> list[bytes]:
        """The lines that came since the last call, whoever wrote them; all of them, if the file is another one."""
        lines = os.pread(self._file, self.size - self.looked_to, self.looked_to).splitlines()
        self.looked_to = self.size
        return lines

    def lines(self) -> list[bytes]:
        """All lines, each with its line feed."""
        return [line + b"\n" for line in _content(self._file).split(b"\n")[:-1]]

    def replace(self, *lines: bytes) -> bool:
        """Put a file of these lines in place of the present one, in one step; whether that could be done.

        It is not where this would be no longer the same file to somebody: under another name, or to another owner.
        """
        from pytest_mcpflow.cassette.files import write_lines

        state = os.fstat(self._file)
        if state.st_nlink != 1 or state.st_uid != os.geteuid():
            return False
        try:
            write_lines(self._place, lines)
        except CassetteError:
            # A folder that takes no new file, or a file that is mounted by itself: what there is can be added to.
            return False
        # Without this line, on a disk that is full just now, other recorders take the tape for deleted, and say so.
        with contextlib.suppress(OSError):
            os.write(self._file, MOVED)
        self._follow(_content(self._file))
        return True

    def close(self) -> None:
        os.close(self._file)

    def _opened(self, flags: int = 0) -> int:
        return os.open(self._place, os.O_RDWR | os.O_APPEND | flags, 0o600)

    def _catch_up(self, state: os.stat_result) -> None:
        """Take note of what others did to the file."""
        if self._is_in_place(state):
            self._measure(state.st_size)
            return
        before = _content(self._file)
        if before and not before.endswith(MOVED):
            raise self._taken_away()
        self._follow(before)

    def _measure(self, size: int) -> None:
        """Take note of what other recorders wrote, and cut off the line that one was writing when it was killed."""
        if size < self.size:
            raise self._taken_away()
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            since = os.pread(self._file, size - self.looked_to, self.looked_to)
            if not self.looked_to and not begins_cassette(since):
                raise CassetteError(f"{self._path} is not a cassette; choose another file to record to")
            size = self.looked_to + since.rfind(b"\n") + 1
            os.ftruncate(self._file, size)
        self.size = size

    def _is_in_place(self, state: os.stat_result) -> bool:
        try:
            return os.path.samestat(state, os.stat(self._place))
        except OSError:  # nothing is there, or nothing that can be looked at: opening it says which
            return False

    def _follow(self, before: bytes) -> None:
        """Go on in the file that is at the path now, and hold its lock; it has to have all that there was before."""
        while True:
            try:
                file = self._opened(0 if before else os.O_CREAT)
            except OSError as error:
                raise self._taken_away() from error
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._is_in_place(os.fstat(file)):
                break
            os.close(file)
        if before and not goes_on(before.removesuffix(MOVED), _content(file)):
            os.close(file)
            raise self._taken_away()
        os.close(self._file)
        self._file, self.size, self.looked_to = file, 0, 0
        self._measure(os.fstat(file).st_size)

    def _taken_away(self) -> CassetteError:
        return CassetteError(
            f"cassette {self._path} was deleted, cut or replaced while it was being recorded; "
            "record it again, and let nothing else change it meanwhile"
        )


def _content(file: int) -> bytes:
    with open(file, "rb", closefd=False) as whole:
        whole.seek(0)
        return whole.read()
