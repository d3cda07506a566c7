"""A recorded server as a program that speaks stdio, for clients in any language.

Only the standard library is imported, so that it answers a few milliseconds after it was started.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import os
import select
import stat
import time
from collections.abc import Mapping
from typing import Any, cast

from pytest_mcpflow.cassette.kinds import is_rpc
from pytest_mcpflow.cassette.player import Player
from pytest_mcpflow.cassette.speaker import Out, Speaker

__all__ = ["serve_stdio"]

CHUNK = 1 << 16
PARSE_ERROR, INVALID_REQUEST = -32700, -32600
READ_LIMIT, LOOK_AGAIN = 0.05, 0.0002
"""Seconds for which the client is given time to read, and after which is looked whether it has."""


def serve_stdio(player: Player, *, stdin: int = 0, stdout: int = 1) -> None:
    """Answer the client on standard input and output until it leaves.

    Args:
        player: What was recorded.
        stdin: The descriptor to read from.
        stdout: The descriptor to write to.
    """
    _Conversation(player, stdin, stdout).run()


class _Conversation:
    def __init__(self, player: Player, stdin: int, stdout: int) -> None:
        self._speaker = Speaker(player)
        self._timing = player.tape.playback.timing
        self._stdin, self._stdout = stdin, stdout
        self._later: list[tuple[float, int, Out]] = []
        self._ranks = itertools.count()
        self._is_on_the_way = False
        """Whether what was written last came before an answer."""

    def run(self) -> None:
        begun: list[bytes] = []
        while self._wait():
            data = os.read(self._stdin, CHUNK)
            *lines, rest = data.split(b"\n") if data else (b"", b"")  # the last line may be without an end
            if lines:
                lines[0] = b"".join([*begun, lines[0]])
                begun.clear()
            begun.append(rest)
            for line in lines:
                if line.strip() and not self._send(self._answers(line)):
                    return
            if not data:
                return

    def _wait(self) -> bool:
        """Wait for input, and send meanwhile what is due; whether the server is still there."""
        while self._later:
            due = self._later[0][0] - time.monotonic()
            if due <= 0:
                if not self._write([heapq.heappop(self._later)[2]]):
                    return False
            elif select.select([self._stdin], [], [], due)[0]:
                return True
        return True

    def _answers(self, line: bytes) -> list[Out]:
        try:
            body: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            return [_error(PARSE_ERROR, f"not JSON: {error}")]
        batch = cast("list[object]", body) if isinstance(body, list) else [body]
        if not batch or not all(map(is_rpc, batch)):
            return [_error(INVALID_REQUEST, "not a message of JSON-RPC 2.0")]
        return [out for message in batch for out in self._speaker.receive(cast("dict[str, Any]", message))]

    def _send(self, outs: list[Out]) -> bool:
        if not self._timing:
            return self._write(outs)
        now = time.monotonic()
        for out in outs:
            heapq.heappush(self._later, (now + out.after, next(self._ranks), out))
        return True

    def _write(self, outs: list[Out]) -> bool:
        data = b""
        for out in outs:
            if out.message is None:
                continue
            if out.is_last and self._is_on_the_way:
                self._write_all(data)
                data = b""
                _wait_until_read(self._stdout)
            self._is_on_the_way = not out.is_last
            data += _line(out.message)
        self._write_all(data)
        return not any(out.hangs_up for out in outs)

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._stdout, data) :]


def _wait_until_read(descriptor: int) -> None:
    """Let the client read what it was told on the way before the answer is written behind it.

    What it finds in one piece, the client of the TypeScript SDK (1.x) does not take one by one: the answer ends the
    call at once, and progress that stands before it is looked at later, and dropped.
    """
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return
    unread = FIONREAD if stat.S_ISFIFO(mode) else TIOCOUTQ
    until = time.monotonic() + READ_LIMIT
    with contextlib.suppress(OSError):  # not every system says it of a socket
        while any(ioctl(descriptor, unread, bytes(4))) and time.monotonic() < until:
            time.sleep(LOOK_AGAIN)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _error(code: int, text: str) -> Out:
    return Out({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": text}})
