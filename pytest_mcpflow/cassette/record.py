"""A recorder between a client and a server that speaks stdio: bytes pass through, a copy goes to the cassette.

Only the standard library is imported, so that the server starts as fast as without it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

from pytest_mcpflow.cassette.format import CassetteWriter, Side
from pytest_mcpflow.errors import CassetteError

__all__ = ["record"]

CHUNK = 1 << 16
NOT_FOUND, NOT_WRITABLE = 127, 2


def record(cassette: Path, command: Sequence[str]) -> int:
    """Run a server for the client on standard input and output, and record what passes.

    Returns:
        The server's exit code, 128 + n for signal n; 127 if it cannot be started, 2 if nothing can be recorded.
    """
    try:
        writer = CassetteWriter(cassette)
    except CassetteError as error:
        print(f"mcpflow record: {error}", file=sys.stderr)
        return NOT_WRITABLE
    with writer:
        try:
            # The command is the user's, typed after `--`.
            server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603
        except OSError as error:
            print(f"mcpflow record: cannot start {command[0]!r}: {error.strerror or error}", file=sys.stderr)
            return NOT_FOUND
        with _signals_go_to(server):
            _pump(server, writer)
            code = server.wait()
        writer.end(code)
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _signals_go_to(server: subprocess.Popen[bytes]) -> Generator[None]:
    """Forward what asks for an end; the recorder itself ends when the server has."""

    def forward(number: int, _: object) -> None:
        server.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if server.poll() is None:
            server.kill()
            server.wait()


def _pump(server: subprocess.Popen[bytes], writer: CassetteWriter) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    to_server = _Lines("client", writer, server.stdin.fileno())
    to_client = _Lines("server", writer, sys.stdout.fileno())
    with selectors.DefaultSelector() as ready:
        ready.register(sys.stdin.fileno(), selectors.EVENT_READ, to_server)
        ready.register(server.stdout.fileno(), selectors.EVENT_READ, to_client)
        while True:
            for key, _ in ready.select():
                data = os.read(key.fd, CHUNK)
                lines: _Lines = key.data
                if data:
                    lines.pass_on(data)
                elif lines is to_client:
                    lines.finish()
                    return  # the server has said all it had to say
                else:
                    lines.finish()
                    ready.unregister(key.fd)
                    server.stdin.close()


class _Lines:
    """Bytes that go one way; whole lines are on the tape before their bytes are handed on."""

    def __init__(self, sender: Side, writer: CassetteWriter, target: int) -> None:
        self._sender: Side = sender
        self._writer, self._target = writer, target
        self._rest: list[bytes] = []

    def pass_on(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._writer.message(self._sender, b"".join([*self._rest, line]))
            self._rest = []
        if rest:
            self._rest.append(rest)
        with contextlib.suppress(BrokenPipeError):  # who reads no more does not stop the other direction
            while data:
                data = data[os.write(self._target, data) :]

    def finish(self) -> None:
        """Write down a last line that had no end."""
        if self._rest:
            self._writer.message(self._sender, b"".join(self._rest))
            self._rest = []
