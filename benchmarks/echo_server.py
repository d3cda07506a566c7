"""The least server that can be recorded, over stdio or, given a port, over HTTP; it needs no SDK.

python echo_server.py [--port PORT] [--script FILE]

It adds two numbers. A script is a list: what is said after the first message of the client, after the second, and so
on; each is a list of messages. Over HTTP only the last of them is said, as the answer to the request.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ABOUT = {"name": "e", "version": "1"}
RESULTS: dict[str, object] = {
    "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": ABOUT},
    "tools/list": {"tools": [{"name": "get-sum", "inputSchema": {"type": "object"}}]},
}
Answering = Callable[[bytes], Sequence[object]]


def added(line: bytes) -> Sequence[object]:
    request: dict[str, Any] = json.loads(line)
    if "id" not in request:
        return ()
    result = RESULTS.get(request["method"])
    if result is None:
        numbers = request["params"]["arguments"]
        text = f"The sum is {numbers['a'] + numbers['b']}."
        result = {"content": [{"type": "text", "text": text}]}
    return ({"jsonrpc": "2.0", "id": request["id"], "result": result},)


def scripted(path: Path) -> Answering:
    said: Iterator[Sequence[object]] = iter(json.loads(path.read_text(encoding="utf-8")))
    return lambda _: next(said, ())


def over_stdio(answering: Answering) -> None:
    for line in sys.stdin.buffer:
        for message in answering(line):
            sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
        sys.stdout.buffer.flush()


def over_http(answering: Answering, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            said = answering(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(said[-1]).encode() if said else b""
            self.send_response(200 if body else 202)
            for name, value in (("content-type", "application/json"), ("mcp-session-id", "one")):
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_error(405)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Nothing: who measures does not want to read."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int)
    parser.add_argument("--script", type=Path)
    options = parser.parse_args()
    answering = added if options.script is None else scripted(options.script)
    if options.port is None:
        over_stdio(answering)
    else:
        over_http(answering, options.port)


if __name__ == "__main__":
    main()
