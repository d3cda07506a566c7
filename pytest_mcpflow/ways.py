"""The ways a call can go, and the protocol eras it can be spoken in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Era", "Way"]


class Way(StrEnum):
    """How a hub reaches the servers it serves itself; the value is what `--mcp-transport` takes."""

    DIRECT = "direct"
    """No protocol: the fake's method is called. The fastest; for exploration."""

    MEMORY = "memory"
    """JSON-RPC messages between a real client and a real server in one process."""

    STDIO = "stdio"
    """A real subprocess speaks stdio and relays to the fake, whose state stays in the test."""

    HTTP = "http"
    """Streamable HTTP over a socket of 127.0.0.1."""

    @property
    def is_in_process(self) -> bool:
        """Whether no byte leaves the process, so that nothing but the event loop decides which task goes first."""
        return self in (Way.DIRECT, Way.MEMORY)


class Era(StrEnum):
    """The protocol era spoken with servers that speak both; the value is what `--mcp-protocol` takes."""

    STATELESS = "2026-07-28"
    HANDSHAKE = "2025-11-25"

    @property
    def client_mode(self) -> str:
        """What `mcp.Client(mode=...)` calls it."""
        return "legacy" if self is Era.HANDSHAKE else self.value
