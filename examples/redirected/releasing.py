"""Code as it runs in production: it connects to its servers by itself."""

from __future__ import annotations

from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

CLUSTER = "https://clusters.example.com/mcp"
PEOPLE = StdioServerParameters(command="npx", args=["-y", "our-communication-server"])


async def release() -> None:
    """Apply the manifests, and say so."""
    async with Client(CLUSTER) as cluster:
        await cluster.call_tool("kubectl_apply", {"manifest_path": "k8s/", "namespace": "production"})
    async with stdio_client(PEOPLE) as streams, ClientSession(*streams) as people:
        await people.initialize()
        await people.call_tool("send_alert", {"severity": "low", "message": "version 2 is out"})
