"""Posts each line to a server and prints what is answered, under vcrpy: `python vcrpy_client.py TAPE MODE URL`.

vcrpy patches the HTTP of the process that it is in, so that it cannot be a program between a client and a server as
the others. This is the client that it is in.
"""

from __future__ import annotations

import http.client
import importlib
import sys
from typing import Any
from urllib.parse import urlsplit

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def main(tape: str, mode: str, url: str) -> None:
    vcr: Any = importlib.import_module("vcr")
    address = urlsplit(url)
    # By default bodies are not compared, and calls in another order get each other's answers.
    matched = ("method", "path", "body")
    with vcr.use_cassette(tape, serializer="json", record_mode=mode, match_on=matched):
        connection = http.client.HTTPConnection("127.0.0.1", address.port)
        for line in sys.stdin.buffer:
            connection.request("POST", address.path, line.strip(), HEADERS)
            body = connection.getresponse().read()
            if body:
                sys.stdout.buffer.write(body + b"\n")
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
