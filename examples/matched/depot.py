"""A depot that wants to know on whose behalf it is called."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("depot", log_level="WARNING")


@server.tool()
def book(parcel: str, run_id: str) -> str:
    """Put a parcel on tonight's lorry."""
    return f"{parcel} is booked"


@server.tool()
def label(parcel: str, run_id: str) -> str:
    """Tell what to write on a parcel."""
    return f"{parcel} to Oslo"


if __name__ == "__main__":
    server.run("stdio")
