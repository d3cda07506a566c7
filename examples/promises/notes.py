"""A server of yours, written with the SDK."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp.types import ToolAnnotations


def make_server() -> MCPServer:
    """A new server with no notes."""
    server = MCPServer("notes", log_level="CRITICAL")
    notes: dict[str, str] = {}

    @server.tool(annotations=ToolAnnotations(idempotent_hint=True))
    def write(title: str, text: str) -> str:
        """Write a note, in place of the one of that title."""
        notes[title] = text
        return title

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def read(title: str) -> str:
        """Read a note."""
        return notes.get(title, "there is no such note")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def titles() -> list[str]:
        """List the titles."""
        return sorted(notes)

    return server


if __name__ == "__main__":
    make_server().run()
