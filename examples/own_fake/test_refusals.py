from __future__ import annotations

import pytest
from shop import Shop

from pytest_mcpflow import ErrorStyle, Hub


async def buy(hub: Hub, item: str) -> str:
    """A workflow that uses what an answer must contain, and so takes no refusal for an order."""
    answer = await hub.call_tool("shop.order", {"item": item})
    if "id" not in answer:
        raise RuntimeError(f"nothing was ordered: {answer.text}")
    return str(answer["id"])


@pytest.mark.parametrize("style", ErrorStyle)
async def test_a_refusal_is_never_taken_for_an_order(mcpflow: Hub, style: ErrorStyle) -> None:
    mcpflow.serve(Shop(error_style=style))

    with pytest.raises(Exception, match="only 0 of tea in stock"):
        await buy(mcpflow, "tea")

    assert not mcpflow.transcript[0].ok
