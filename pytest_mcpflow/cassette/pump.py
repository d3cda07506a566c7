"""Bytes between a client and a server that speaks stdio, both ways at once: neither way waits for the other.

Only the standard library is imported, so that the server starts as fast as without a recorder.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys

from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.writer import SessionWriter

__all__ = ["pump"]

CHUNK = 1 << 16
HELD = 1 << 20  # bytes that one way holds before it reads no more
LOOK_AGAIN = 0.1  # seconds, after which is looked whether the server has ended, once the client has left


def pump(server: subprocess.Popen[bytes], session: SessionWriter) -> Side:
    """Copy both directions until the server has said all it had to say and the client has it.

    A program that the server has started and left behind may hold its output open; once the client has left and the
    server has ended, nobody waits for that.

    Args:
        server: A process whose standard input and output are pipes without buffers.
        session: Where a copy is written.

    Returns:
        Who ended the session.

    Raises:
        CassetteError: Something cannot be written down; it is not handed on.
    """
    assert server.stdin is not None
    assert server.stdout is not None
    os.set_blocking(server.stdin.fileno(), False)
    to_server = _Way("client", session, sys.stdin.fileno(), server.stdin.fileno(), is_shared=False)
    to_client = _Way("server", session, server.stdout.fileno(), sys.stdout.fileno(), is_shared=True)
    ways = (to_server, to_client)
    ended_by: Side = "server"
    while to_client.is_open or to_client.held:
        # Asked before it is looked for output: whatever the server itself had to say is there then.
        is_left_behind = not to_server.is_open and server.poll() is not None
        # Of all that waits, `select` is the only one that takes files and devices, too.
        readable, writable, _ = select.select(
            [way.source for way in ways if way.is_open and len(way.held) < HELD],
            [way.target for way in ways if way.held],
            (),
            None if to_server.is_open or to_client.held else LOOK_AGAIN,
        )
        if is_left_behind and not (readable or writable):
            to_client.end()
        for way in ways:
            if way.target in writable:
                way.hand_on_held()
            if way.source in readable:
                way.read()
        if not (to_server.is_open or to_server.held or server.stdin.closed):
            server.stdin.close()
        if to_client.is_open and not to_server.is_open:
            ended_by = "client"
    return ended_by


class _Way:
    """Bytes that go one way, and their copy.

    The server's lines are on the tape before they are handed on, so that whatever a client has got can be replayed.
    The client's are handed on first: the tape is written while the server works.

    Args:
        sender: Whose bytes these are.
        session: Where their copy is written.
        source: The file descriptor to read.
        target: The file descriptor to write.
        is_shared: Whether other processes have the target, too, so that it has to stay blocking.
    """

    def __init__(
        self, sender: Side, session: SessionWriter, source: int, target: int, *, is_shared: bool
    ) -> None:
        self.source, self.target = source, target
        self.is_open = True
        self.held = bytearray()
        self._sender: Side = sender
        self._session, self._is_shared = session, is_shared
        self._rest: list[bytes] = []

    def read(self) -> None:
        """Pass on what there is to read."""
        data = os.read(self.source, CHUNK)
        if not data:
            self.end()
            return
        if self._sender == "client":
            self._hand_on(data)
            self._write_down(data)
        else:
            self._write_down(data)
            self._hand_on(data)

    def end(self) -> None:
        """Take note that nothing comes any more."""
        self.is_open = False
        self._write_down(b"\n")

    def hand_on_held(self) -> None:
        """Hand on as much of what is held as the target takes now."""
        del self.held[: self._taken(self.held)]

    def _hand_on(self, data: bytes) -> None:
        taken = 0 if self.held else self._taken(data)
        if taken < len(data):
            self.held += data[taken:]

    def _taken(self, data: bytes | bytearray) -> int:
        """How much of it the target has taken, without waiting."""
        taken = 0
        try:
            if not self._is_shared:
                return os.write(self.target, data)
            # So much goes into a pipe that is ready, however full it is, so that a blocking one does not block.
            while taken < len(data) and select.select((), (self.target,), (), 0)[1]:
                taken += os.write(self.target, data[taken : taken + select.PIPE_BUF])
        except BlockingIOError:
            return taken
        except BrokenPipeError:  # who reads no more does not stop the other direction
            return len(data)
        return taken

    def _write_down(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            if line or self._rest:
                self._session.line(self._sender, b"".join([*self._rest, line]))
            self._rest = []
        if rest:
            self._rest.append(rest)
