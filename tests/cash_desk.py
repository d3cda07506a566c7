"""A server that others made: it keeps what was sold in a file, line by line."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

__all__ = ["till"]


def till(sold: Path) -> MCPServer:
    """A server that writes into `sold`."""
    server = MCPServer("till", log_level="ERROR")

    @server.tool()
    def sell(item: str, context: Context) -> int:
        """Sell one, and say how many that makes; nothing is sold to whoever sends what is none of its business."""
        if "mcpflow" in str(context.request_context.meta):
            raise ValueError(f"a strange request: {context.request_context.meta}")
        with sold.open("a", encoding="utf-8") as file:
            file.write(f"{item}\n")
        return len(sold.read_text(encoding="utf-8").splitlines())

    @server.tool()
    async def brew(seconds: float) -> str:
        """Take some seconds."""
        await asyncio.sleep(seconds)
        return "hot"

    return server


if __name__ == "__main__":
    till(Path(sys.argv[1])).run("stdio")
