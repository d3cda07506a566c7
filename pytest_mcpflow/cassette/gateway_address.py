"""The address of the server that is recorded, and what the gateway makes of addresses in its answers."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from pytest_mcpflow.errors import CassetteError

__all__ = ["Upstream"]

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a server is reached.

    Args:
        scheme: http or https.
        host: Its name or address, in lower case; an IPv6 address without brackets.
        port: Its port.
        path: The path that a client is given, at least a slash.
        query: What the URL says after the question mark: it may be a key, so the client is not told it.
        authorization: What user and password of the URL come to; empty without them.
        url: The address as it was given.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str
    authorization: str
    url: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take an address apart.

        Raises:
            CassetteError: It is not the address of an HTTP server.
        """
        try:
            parts = urlsplit(url)
            place = _place(parts)
        except ValueError:
            parts, place = urlsplit(""), None
        if place is None:
            raise CassetteError(
                f"{url!r} is not the address of a server; it should be like https://example.com/mcp"
            )
        authorization = ""
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {base64.b64encode(user.encode()).decode()}"
        return cls(*place, parts.path or "/", parts.query, authorization, url)

    @property
    def host_header(self) -> str:
        """The `Host` that a client would send: with the port, unless it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host_header}"

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        return self.origin + self.path

    def target_of(self, address: str, base: str) -> str | None:
        """Path and query of an address that leads to this server; `None` for one that leads elsewhere.

        Args:
            address: What the server wrote: absolute, or relative to `base`.
            base: Path and query of the request that it answers.
        """
        try:
            parts = urlsplit(urljoin(self.origin + base, address))
            if _place(parts) != (self.scheme, self.host, self.port):
                return None
        except ValueError:  # a server may write anything
            return None
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _place(parts: SplitResult) -> tuple[str, str, int] | None:
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]
