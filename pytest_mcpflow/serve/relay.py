"""The child process of the stdio way: copies bytes between its standard streams and a socket of the test.

Started as `python -I -S relay.py SOCKET`. It knows nothing of MCP and imports next to nothing, so it starts
in a few milliseconds; the fake and its state stay in the test's process.
"""

import os
import select
import socket
import sys
import time

CHUNK = 1 << 16
ATTENTIVE = 400e-6
"""Seconds for which it keeps asking for what comes next: most answers are there by then, and being woken takes long."""
HELD_UP = 100e-6
"""Seconds between two questions, which take some two microseconds, after which others need the processor."""
SHORTEST_REST, LONGEST_REST = 32, 4096
"""How often it then waits without asking; longer and longer where it is soon held up again."""


class AttentivePoll:
    """Waits for what can be read next, and asks for it again and again as long as nobody else needs the processor."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._since_rest = 0
        self._rest = SHORTEST_REST
        self._rest_left = 0

    def wait(self) -> list[tuple[int, int]]:
        """Pairs of a descriptor and what can be done with it."""
        if self._rest_left:
            self._rest_left -= 1
            return self._poll.poll()
        self._since_rest += 1
        asked = time.monotonic()
        until = asked + ATTENTIVE
        while asked < until:
            if ready := self._poll.poll(0):
                return ready
            os.sched_yield()
            before, asked = asked, time.monotonic()
            if asked - before > HELD_UP:
                self._begin_rest()
                break
        return self._poll.poll()

    def _begin_rest(self) -> None:
        is_busy = self._since_rest <= SHORTEST_REST
        self._rest = min(2 * self._rest, LONGEST_REST) if is_busy else SHORTEST_REST
        self._rest_left, self._since_rest = self._rest, 0


def relay(path: str) -> None:
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(path)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(upstream, select.POLLIN)
    attentive = AttentivePoll(poll)
    while True:
        for descriptor, _ in attentive.wait():
            data = os.read(descriptor, CHUNK)
            if descriptor != 0:
                if not data:
                    return  # the test is done with this server
                while data:
                    data = data[os.write(1, data) :]
            elif data:
                upstream.sendall(data)
            else:
                poll.unregister(0)
                upstream.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    relay(sys.argv[1])
