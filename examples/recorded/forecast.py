"""A server that takes a while and needs a network, as far as its tests are concerned."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("forecast", log_level="WARNING")


@server.tool()
def forecast(city: str, days: int = 1) -> list[str]:
    """Tell the weather of the next days."""
    return ["rain", "sun", "snow"][:days]


if __name__ == "__main__":
    server.run("stdio")
