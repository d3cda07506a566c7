"""A workflow that names each of its runs anew."""

from __future__ import annotations

import uuid

from pytest_mcpflow import Hub


async def ship(hub: Hub, parcel: str) -> str:
    """Book a parcel, and return what to write on it."""
    run_id = str(uuid.uuid4())
    await hub.call_tool("depot.book", {"parcel": parcel, "run_id": run_id})
    label = await hub.call_tool("depot.label", {"parcel": parcel, "run_id": run_id})
    return label.text
