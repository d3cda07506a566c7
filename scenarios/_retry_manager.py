"""Retries with back-off, by tenacity, and metrics of every attempt: by tool and status, as Prometheus counts them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt

from pytest_mcpflow import ToolError
from pytest_mcpflow.scenarios._coordinator import is_servers_fault

__all__ = ["RETRY_AFTER", "Metrics", "RetryManager"]

P = ParamSpec("P")
T = TypeVar("T")
RETRY_AFTER = re.compile(r"^429 .*retry after (\d+) seconds")


class RetryManager:
    """Repeats what failed for a reason that may pass. Only for what may be repeated.

    Args:
        max_retries: Attempts after the first one.
        backoff_factor: The n-th pause, from 0, is its n-th power in seconds.
        max_backoff: Seconds that no pause exceeds; a server that asks for more is given up.
    """

    def __init__(
        self, *, max_retries: int = 3, backoff_factor: float = 2.0, max_backoff: float = 60.0
    ) -> None:
        self._factor, self._max_backoff = backoff_factor, max_backoff
        self._retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + max_retries),
            retry=lambda state: self._pause(state) is not None,
            wait=lambda state: self._pause(state) or 0.0,
            sleep=asyncio.sleep,
            reraise=True,
        )

    async def execute_with_retry(
        self, tool_function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function until it answers.

        Raises:
            Exception: What the last attempt raised, or the first one that no repetition can help.
        """
        # A copy for each, since several may be under way at the same time.
        return await self._retrying.copy()(tool_function, *args, **kwargs)

    def _pause(self, state: RetryCallState) -> float | None:
        error = None if state.outcome is None else state.outcome.exception()
        return self.pause_after(error, state.attempt_number - 1) if isinstance(error, Exception) else None

    def pause_after(self, error: Exception, attempt: int) -> float | None:
        """Seconds to wait after the failure of an attempt (counted from 0), or `None` to give up."""
        backoff = min(self._factor**attempt, self._max_backoff)
        asked = RETRY_AFTER.match(error.message) if isinstance(error, ToolError) else None
        if asked is not None:
            wait = float(asked[1])
            return max(backoff, wait) if wait <= self._max_backoff else None
        return backoff if is_servers_fault(error) else None


class Metrics:
    """`mcp_requests_total`, `mcp_request_duration_seconds` and `mcp_active_connections`."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """By tool and status: `success`, `error` (the server refused) or `timeout` (there was no answer)."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.active = 0

    @contextmanager
    def measure(self, tool_name: str) -> Generator[None]:
        """Count what happens within, once."""
        clock = asyncio.get_running_loop()
        began, status = clock.time(), "timeout"
        self.active += 1
        try:
            yield
            status = "success"
        except ToolError:
            status = "error"
            raise
        finally:
            self.active -= 1
            self.requests[tool_name, status] += 1
            self.seconds[tool_name] += clock.time() - began

    def exposition(self) -> str:
        """The metrics as Prometheus reads them."""
        lines = [
            f'mcp_requests_total{{tool_name="{tool}",status="{status}"}} {count}'
            for (tool, status), count in sorted(self.requests.items())
        ]
        for tool in sorted(self.seconds):
            count = sum(number for (name, _), number in self.requests.items() if name == tool)
            lines.append(f'mcp_request_duration_seconds_count{{tool_name="{tool}"}} {count}')
            lines.append(f'mcp_request_duration_seconds_sum{{tool_name="{tool}"}} {self.seconds[tool]:g}')
        return "\n".join([*lines, f"mcp_active_connections {self.active}", ""])
