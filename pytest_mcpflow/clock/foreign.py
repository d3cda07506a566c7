"""What virtual time cannot control is refused, unless both of its ends are ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVarTuple

from pytest_mcpflow.clock.scopes import is_ours
from pytest_mcpflow.errors import VirtualTimeError

__all__ = ["RefusesForeign", "refuse_foreign_executor"]

Ts = TypeVarTuple("Ts")
CARRYING_OFF = frozenset({"concurrent.futures.process", "concurrent.futures.interpreter"})
"""Modules of executors whose functions run in another process or interpreter."""


class RefusesForeign(asyncio.SelectorEventLoop):
    """An event loop that opens sockets, pipes and subprocesses only inside `ours()`."""

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        where = args[1:3] or (options.get("host"), options.get("port"))
        _refuse_foreign(f"connect to {':'.join(map(str, where))}")
        return await super().create_connection(*args, **options)

    async def create_unix_connection(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"connect to the socket {options.get('path', *args[1:2])}")
        return await super().create_unix_connection(*args, **options)

    async def create_server(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("serve on a socket")
        return await super().create_server(*args, **options)

    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("serve on a socket")
        return await super().create_unix_server(*args, **options)

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("open a datagram socket")
        return await super().create_datagram_endpoint(*args, **options)

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"start the process {' '.join(map(str, args[1:]))}")
        return await super().subprocess_exec(*args, **options)

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"start the process {args[1]}")
        return await super().subprocess_shell(*args, **options)

    async def connect_read_pipe(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("read from a pipe")
        return await super().connect_read_pipe(*args, **options)

    async def connect_write_pipe(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("write to a pipe")
        return await super().connect_write_pipe(*args, **options)

    async def sock_connect(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"connect a socket to {args[1] if len(args) > 1 else options.get('address')}")
        return await super().sock_connect(*args, **options)

    async def sock_accept(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("accept a connection")
        return await super().sock_accept(*args, **options)

    async def sock_recv(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("read from a socket")
        return await super().sock_recv(*args, **options)

    async def sock_recv_into(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("read from a socket")
        return await super().sock_recv_into(*args, **options)

    async def sock_recvfrom(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("read from a socket")
        return await super().sock_recvfrom(*args, **options)

    async def sock_recvfrom_into(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("read from a socket")
        return await super().sock_recvfrom_into(*args, **options)

    async def sock_sendall(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("write to a socket")
        return await super().sock_sendall(*args, **options)

    async def sock_sendto(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("write to a socket")
        return await super().sock_sendto(*args, **options)

    async def sock_sendfile(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign("write to a socket")
        return await super().sock_sendfile(*args, **options)

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"look up {args[0]}")
        return await super().getaddrinfo(*args, **options)

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        _refuse_foreign("watch a descriptor")
        super().add_reader(fd, callback, *args)

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        _refuse_foreign("watch a descriptor")
        super().add_writer(fd, callback, *args)


def refuse_foreign_executor(executor: object) -> None:
    """Refuse one that carries functions off to where time is real.

    Raises:
        VirtualTimeError: It is one.
    """
    if any(each.__module__ in CARRYING_OFF for each in type(executor).__mro__):
        _refuse_foreign(f"call a function in a {type(executor).__name__}")


def _refuse_foreign(what: str) -> None:
    if not is_ours():
        raise VirtualTimeError(
            f"asked to {what} in virtual time, which cannot make what is outside of this process wait for its clock; "
            "run this test in real time: @pytest.mark.mcpflow(virtual_time=False)"
        )
