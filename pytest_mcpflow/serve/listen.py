"""An ASGI application as a program that listens on 127.0.0.1 until it is interrupted."""

from __future__ import annotations

import contextlib
import socket

from starlette.types import ASGIApp
from uvicorn import Config, Server

from pytest_mcpflow.errors import HubError

__all__ = ["listen"]


def listen(app: ASGIApp, port: int, *, lifespan: bool = False) -> None:
    """Print the address, and serve.

    Args:
        app: The application.
        port: The port; 0 takes a free one.
        lifespan: Whether the application wants to be told of its beginning and its end.

    Raises:
        HubError: The port is somebody else's, or is none.
    """
    try:
        bound = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise HubError(
            f"cannot listen on port {port} of 127.0.0.1: {why}; name another port, or 0 for a free one"
        ) from None
    # asyncio does this only for sockets that name TCP as their protocol; without it an answer in two writes
    # waits 40 ms for an acknowledgement.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"http://127.0.0.1:{bound.getsockname()[1]}/mcp", flush=True)
    config = Config(
        app, lifespan="on" if lifespan else "off", ws="none", log_level="warning", timeout_graceful_shutdown=1
    )
    # uvicorn shuts down on Ctrl-C, and then passes it on.
    with bound, contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[bound])
