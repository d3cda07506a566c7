"""An MCP server that speaks stdio, as a team would have one."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("greeter", log_level="WARNING")


@server.tool()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}"


if __name__ == "__main__":
    server.run("stdio")
