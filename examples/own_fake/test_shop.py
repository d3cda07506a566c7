from __future__ import annotations

import pytest
from shop import Order, Shop

from pytest_mcpflow import Hub, ToolError


async def test_an_order_is_taken_from_the_stock(mcpflow: Hub) -> None:
    shop = mcpflow.serve(Shop(stock={"tea": 3}))

    result = await mcpflow.call_tool("shop.order", {"item": "tea", "quantity": 2})

    assert result["id"] == "order-1"
    assert shop.stock == {"tea": 1}
    assert shop.orders == [Order("order-1", "tea", 2)]


async def test_nothing_is_ordered_when_the_shop_burnt_down(mcpflow: Hub) -> None:
    shop = mcpflow.serve(Shop(stock={"tea": 3}))
    shop.burn_down()

    with pytest.raises(ToolError, match="only 0 of tea in stock"):
        await mcpflow.call_tool("shop.order", {"item": "tea"})

    assert shop.orders == []
