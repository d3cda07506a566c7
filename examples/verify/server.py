"""An MCP server that speaks stdio, as it was when the tape was recorded."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("stock", log_level="WARNING")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def count(article: str) -> dict[str, int]:
    """Count what is in stock."""
    return {article: {"nail": 1200, "screw": 300}.get(article, 0)}


@server.tool(annotations=ToolAnnotations(destructive_hint=True))
def clear(article: str) -> str:
    """Throw away all there is."""
    return f"no {article} left"


if __name__ == "__main__":
    server.run("stdio")
