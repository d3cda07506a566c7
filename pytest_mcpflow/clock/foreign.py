"""What virtual time cannot control is refused, unless both of its ends are ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVarTuple

from pytest_mcpflow.clock.scopes import is_ours
from pytest_mcpflow.errors import VirtualTimeError

__all__ = ["RefusesForeign"]

Ts = TypeVarTuple("Ts")


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

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        _refuse_foreign(f"look up {args[0]}")
        return await super().getaddrinfo(*args, **options)

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        _refuse_foreign("watch a descriptor")
        super().add_reader(fd, callback, *args)

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        _refuse_foreign("watch a descriptor")
        super().add_writer(fd, callback, *args)


def _refuse_foreign(what: str) -> None:
    if not is_ours():
        raise VirtualTimeError(
            f"asked to {what} in virtual time, which cannot make what is outside of this process wait for its clock; "
            "run this test in real time: @pytest.mark.mcpflow(virtual_time=False)"
        )
