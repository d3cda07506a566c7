"""Hypothesis strategies: arguments that a tool takes and arguments it must refuse, plans of faults, worlds.

    @given(arguments(shop_schema))
    def test_an_order_never_crashes(order: dict[str, Any]) -> None: ...

Needs `pip install 'pytest-mcpflow[hypothesis]'`.
"""

from __future__ import annotations

try:
    import hypothesis as _needed
except ImportError as error:
    raise ImportError(
        "pytest_mcpflow.strategies needs hypothesis; install it with: pip install 'pytest-mcpflow[hypothesis]'"
    ) from error

from pytest_mcpflow.strategies.fake_worlds import worlds
from pytest_mcpflow.strategies.fault_plans import plans
from pytest_mcpflow.strategies.invalid import invalid_arguments
from pytest_mcpflow.strategies.valid import arguments

del _needed

__all__ = ["arguments", "invalid_arguments", "plans", "worlds"]
