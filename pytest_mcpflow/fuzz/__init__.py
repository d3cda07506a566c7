"""Find out whether a server keeps the promises that every server makes.

    def test_the_shop_keeps_its_promises() -> None:
        mcpflow_fuzz(Shop(stock={"tea": 3}))

Needs `pip install 'pytest-mcpflow[hypothesis]'`.
"""

from __future__ import annotations

from pytest_mcpflow.fuzz.front import mcpflow_fuzz
from pytest_mcpflow.fuzz.laws import Law
from pytest_mcpflow.fuzz.report import FuzzReport, ToolReport

__all__ = ["FuzzReport", "Law", "ToolReport", "mcpflow_fuzz"]
