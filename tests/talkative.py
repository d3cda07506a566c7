"""A server that others made: it tells a lot before it answers, in the words of answers."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

__all__ = ["herald"]


def herald() -> MCPServer:
    server = MCPServer("herald", log_level="CRITICAL")

    @server.tool()
    async def tell(context: Context[Any, Any]) -> str:
        """Log, tell of progress, and answer."""
        for done, word in enumerate(("result", "error")):
            said: dict[str, Any] = {word: {"content": []}, "id": 1, "text": word}
            log = LoggingMessageNotification(params=LoggingMessageNotificationParams(level="info", data=said))
            await context.session.send_notification(log, related_request_id=context.request_id)
            await context.report_progress(done, message=word)
        return "told"

    return server


if __name__ == "__main__":
    herald().run("stdio")
