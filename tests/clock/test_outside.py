"""What is outside of the process is refused in virtual time, unless both ends are ours and counted."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import cast

import pytest

from pytest_mcpflow import VirtualTimeError, run
from pytest_mcpflow.clock import VirtualTimeLoop, ours, transit


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


SOCKET = cast("socket.socket", None)
"""Nobody gets as far as looking at it."""
POOL = ProcessPoolExecutor(1)
"""It starts its process when it is used first."""

FOREIGN: dict[str, Callable[[], Awaitable[object]]] = {
    "connection": lambda: asyncio.open_connection("127.0.0.1", 9),
    "server": lambda: asyncio.start_server(lambda _, __: None, "127.0.0.1", 0),
    "unix connection": lambda: asyncio.open_unix_connection("/nowhere"),
    "process": lambda: asyncio.create_subprocess_exec(sys.executable, "-c", ""),
    "shell": lambda: asyncio.create_subprocess_shell("true"),
    "datagrams": lambda: _loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0)),
    "name": lambda: _loop().getaddrinfo("localhost", 80),
    "accepting": lambda: _loop().sock_accept(SOCKET),
    "reading": lambda: _loop().sock_recv(SOCKET, 1),
    "reading into": lambda: _loop().sock_recv_into(SOCKET, bytearray(1)),
    "reading from": lambda: _loop().sock_recvfrom(SOCKET, 1),
    "reading from into": lambda: _loop().sock_recvfrom_into(SOCKET, bytearray(1)),
    "writing": lambda: _loop().sock_sendall(SOCKET, b""),
    "writing to": lambda: _loop().sock_sendto(SOCKET, b"", ("127.0.0.1", 9)),
    "writing a file": lambda: _loop().sock_sendfile(SOCKET, io.BytesIO()),
    "process pool": lambda: _loop().run_in_executor(POOL, print),
    "unix server": lambda: asyncio.start_unix_server(lambda _, __: None, "/nowhere"),
    "reading a pipe": lambda: _loop().connect_read_pipe(asyncio.Protocol, io.BytesIO()),
    "writing a pipe": lambda: _loop().connect_write_pipe(asyncio.BaseProtocol, io.BytesIO()),
    "connecting": lambda: _loop().sock_connect(SOCKET, ("127.0.0.1", 9)),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_resources_are_refused_with_the_cure(kind: str) -> None:
    async def open_it() -> None:
        await FOREIGN[kind]()

    with pytest.raises(VirtualTimeError, match="virtual_time=False"):
        run(open_it())


class OwnPool(ProcessPoolExecutor):
    """Of somebody's own."""


OWN_POOL = OwnPool(1)


@pytest.mark.parametrize(
    ("opens", "what"),
    [
        (FOREIGN["connection"], "connect to 127.0.0.1:9"),
        (lambda: _loop().create_connection(asyncio.Protocol, host="here", port=9), "connect to here:9"),
        (FOREIGN["unix connection"], "connect to the socket /nowhere"),
        (
            lambda: _loop().create_unix_connection(asyncio.Protocol, path="/by/name"),
            "connect to the socket /by/name",
        ),
        (FOREIGN["connecting"], r"connect a socket to \('127.0.0.1', 9\)"),
        (lambda: _loop().sock_connect(SOCKET, address="there"), "connect a socket to there"),
        (FOREIGN["process"], f"start the process {re.escape(sys.executable)} -c "),
        (FOREIGN["shell"], "start the process true"),
        (lambda: _loop().run_in_executor(OWN_POOL, print), "call a function in a OwnPool"),
    ],
)
def test_what_is_refused_is_named(opens: Callable[[], Awaitable[object]], what: str) -> None:
    async def open_it() -> None:
        await opens()

    with pytest.raises(VirtualTimeError, match=f"asked to {what} in virtual time"):
        run(open_it())


def test_what_does_not_go_through_the_loop_blocks_and_takes_no_time() -> None:
    async def connect() -> float:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return _loop().time()

    assert run(connect()) == 0


def test_our_own_sockets_work_and_time_stands_still_meanwhile() -> None:
    async def echo() -> float:
        flow = transit().flow("echo")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = await reader.read(5)
            flow.received()
            flow.sent()
            writer.write(data)
            writer.close()
            await writer.wait_closed()

        with ours():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        flow.sent()
        writer.write(b"hello")
        async with asyncio.timeout(0.001):
            assert await reader.read(5) == b"hello"
        flow.received()
        writer.close()
        server.close()
        await server.wait_closed()
        return _loop().time()

    assert run(echo()) == 0


def test_our_own_subprocess_works_and_time_stands_still_meanwhile() -> None:
    async def start() -> tuple[int, float]:
        with ours(), transit().hold("a process"):
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
            code = await process.wait()
        return code, _loop().time()

    assert run(start()) == (0, 0)


def test_what_never_arrives_is_named() -> None:
    async def lose() -> None:
        transit().flow("a letter").sent()
        await asyncio.sleep(1)

    with (
        pytest.raises(VirtualTimeError, match=r"nothing came of a letter in 0\.05 real seconds"),
        asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(stall_limit=0.05)) as runner,
    ):
        runner.run(lose())


def test_more_cannot_arrive_than_was_sent() -> None:
    async def count() -> int:
        flow = transit().flow("letters")
        flow.sent(2)
        flow.received(5)
        flow.sent()
        return flow.pending

    assert run(count()) == 1


def test_a_closed_loop_leaves_no_descriptor() -> None:
    async def nothing() -> None:
        await asyncio.sleep(1)

    run(nothing())
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    run(nothing())
    assert (len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0) == before


ORDER = """
import anyio, asyncio
from pytest_mcpflow import run

async def main():
    order = []
    async def wait(number):
        try:
            await anyio.sleep_forever()
        finally:
            order.append(number)
    async with anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(wait, number)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(wait(number))
            await asyncio.sleep(1)
            raise ValueError
    except* ValueError:
        pass
    return order

print([run(main()) for _ in range(3)])
"""


def test_cancellation_comes_in_the_same_order_in_every_process() -> None:
    orders = {
        subprocess.run(
            [sys.executable, "-c", ORDER],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }

    assert len(orders) == 1
    first, second, third = eval(orders.pop())  # noqa: S307 - our own list of numbers
    assert first == second == third
    assert sorted(first) == sorted([*range(30), *range(30)])


def test_moved_seams_fail_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("anyio._backends._asyncio.CancelScope")

    with pytest.raises(VirtualTimeError, match=r"CancelScope.__init__, which anyio \d"):
        run(asyncio.sleep(1))


@pytest.mark.parametrize("watches", ["add_reader", "add_writer"])
def test_sockets_are_not_watched_behind_the_back_of_the_clock(watches: str) -> None:
    async def watch() -> None:
        ours_, theirs = socket.socketpair()
        with ours_, theirs:
            getattr(_loop(), watches)(theirs, print)

    with pytest.raises(VirtualTimeError):
        run(watch())


def test_a_signal_is_heard_before_time_passes() -> None:
    async def waits() -> float:
        loop = asyncio.get_running_loop()
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        try:
            await asyncio.sleep(10)
            os.kill(os.getpid(), signal.SIGUSR1)
            async with asyncio.timeout(3600):
                await heard.wait()
            return loop.time()
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    assert run(waits()) == 10.0
