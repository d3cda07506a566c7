"""The client of all recorders that are compared: it knows no SDK, sends lines or posts them, and waits for answers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = [
    "FIRST",
    "INITIALIZE",
    "INITIALIZED",
    "SECOND",
    "HttpSession",
    "Session",
    "StdioSession",
    "Unable",
    "await_port",
    "free_port",
    "line",
    "request",
    "said",
]

LIMIT = 60.0
"""Seconds that a program may run."""

FIRST_ANSWER = 10.0
"""Seconds until the first answer."""

FIRST, SECOND = 1_000_000, 7_000_000
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


class Unable(Exception):
    """Why a recorder has no figure, in two or three words."""


def line(method: str, number: int | None, params: object) -> bytes:
    numbered = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **numbered, "method": method, "params": params}).encode() + b"\n"


def request(number: int) -> bytes:
    """A call; those of all numbers are equally long, and so are the answers."""
    arguments = {"a": FIRST + number, "b": SECOND}
    return line("tools/call", FIRST + number, {"name": "get-sum", "arguments": arguments})


def said(number: int) -> bytes:
    """What is in the answer to that call, and in no other line."""
    return str(FIRST + SECOND + number).encode()


CLIENT = {"name": "benchmark", "version": "1"}
INITIALIZE = line(
    "initialize", 0, {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
)
INITIALIZED = line("notifications/initialized", None, {})


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program listens.

    Raises:
        Unable: It does not, or has ended.
    """
    until = time.perf_counter() + FIRST_ANSWER
    while process.poll() is None and time.perf_counter() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise Unable("does not listen")


class Session(ABC):
    """A program that is spoken to. It is ended after `LIMIT`, so that one that hangs stops nothing."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], *, piped: bool) -> None:
        pipe = subprocess.PIPE if piped else subprocess.DEVNULL
        self.beside: subprocess.Popen[bytes] | None = None
        """The server that is recorded, where it is no child of the recorder."""
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
        )
        self.watch = threading.Timer(FIRST_ANSWER, self.process.kill)
        self.watch.start()

    @abstractmethod
    def ask(self, asked: bytes) -> bytes:
        """The answer to a request; nothing if there will be none."""

    @abstractmethod
    def tell(self, told: bytes) -> None:
        """Send what is not answered."""

    def start(self) -> float:
        """Milliseconds from the start to the first answer."""
        answer = self.ask(INITIALIZE)
        taken = (time.perf_counter() - self.began) * 1000
        self.watch.cancel()
        self.watch = threading.Timer(LIMIT, self.process.kill)
        self.watch.start()
        if b'"result"' not in answer:
            self.end()
            raise Unable("no handshake" if answer else f"no answer in {FIRST_ANSWER:.0f} s")
        self.tell(INITIALIZED)
        return taken

    def calls(self, numbers: Sequence[int], *, at_most: float = LIMIT) -> list[float]:
        """Seconds of each call, as many as there is time for."""
        taken: list[float] = []
        until = time.perf_counter() + at_most
        for number in numbers:
            began = time.perf_counter()
            answer = self.ask(request(number))
            ended = time.perf_counter()
            taken.append(ended - began)
            if said(number) not in answer:
                self.end()
                raise Unable("wrong answer" if answer else "stops answering")
            if ended > until:
                break
        return taken

    def processor(self) -> float:
        """Seconds of processor time that the program has taken."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def resident(self) -> float:
        """Memory of the program in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    @abstractmethod
    def end(self) -> None:
        """As a user would: no more input, or Ctrl+C."""

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def _ended(self) -> None:
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.watch.cancel()
        if self.beside is not None:
            self.beside.kill()
            self.beside.wait()


class StdioSession(Session):
    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        super().__init__(command, environment, piped=True)

    def ask(self, asked: bytes) -> bytes:
        self.tell(asked)
        return self.hear()

    def hear(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def tell(self, told: bytes) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(told)
            self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.stdout.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        reading = threading.Thread(target=self.process.stdout.read)
        reading.start()
        self._ended()
        reading.join()
        self.process.stdout.close()


class HttpSession(Session):
    """Posts to a program that listens; nothing is asked before somebody does."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], port: int) -> None:
        super().__init__(command, environment, piped=False)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.headers = dict(HEADERS)
        await_port(port, self.process)

    def ask(self, asked: bytes) -> bytes:
        try:
            self.connection.request("POST", "/mcp", asked.strip(), self.headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return b""
        session = response.headers.get("mcp-session-id")
        if session:
            self.headers["mcp-session-id"] = session
        return body

    def tell(self, told: bytes) -> None:
        self.ask(told)

    def end(self) -> None:
        self.connection.close()
        self.process.send_signal(signal.SIGINT)
        self._ended()
