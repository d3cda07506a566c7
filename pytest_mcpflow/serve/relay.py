"""The child process of the stdio way: copies bytes between its standard streams and a socket of the test.

Started as `python -I -S relay.py SOCKET`. It knows nothing of MCP and imports next to nothing, so it starts
in a few milliseconds; the fake and its state stay in the test's process.
"""

import os
import select
import socket
import sys

CHUNK = 1 << 16


def relay(path: str) -> None:
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(path)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(upstream, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
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
