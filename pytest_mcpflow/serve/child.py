"""A child process that speaks over its standard streams, and that does not outlive whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pytest_mcpflow.clock import transit
from pytest_mcpflow.serve.lines import LINE_LIMIT

__all__ = ["Child", "child_process"]

EXIT_LIMIT, LAST_MOMENT = 5.0, 2.0
"""Real seconds that a child may take to leave after its standard input was closed, and after it was told to by
SIGTERM; then it is killed."""


@dataclass(frozen=True)
class Child:
    """A child process that is running, or was until it was killed."""

    output: asyncio.StreamReader
    input: asyncio.StreamWriter
    _process: Process

    def kill(self) -> None:
        """End it and all it has started, at once; its streams end soon after."""
        self._signal(signal.SIGKILL)

    def stop_listening(self) -> None:
        """Take its output for ended, though it lives; what it says from here on, nobody hears."""

        def nobody_hears(data: object) -> None:
            pass

        self.output.feed_data = nobody_hears  # type: ignore[method-assign]  # it admits no data behind an end
        self.output.feed_eof()

    def terminate(self) -> None:
        """Tell it and all it has started to end."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended already
            os.killpg(self._process.pid, number)


@asynccontextmanager
async def child_process(
    command: Sequence[str],
    *,
    name: str,
    errors: IO[Any],
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> AsyncGenerator[Child]:
    """Start a child, yield it, and end it and all it has started.

    Args:
        command: Program and arguments.
        name: What it is, for messages while virtual time stands still for it.
        errors: The file that gets its standard error.
        env: Its environment; by default this process's.
        cwd: Its folder; by default this process's.
    """
    with transit().hold(f"starting {name}"):
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            env=env,
            cwd=cwd,
            limit=LINE_LIMIT,
            start_new_session=True,  # Ctrl-C is for the test, which then stops the child itself
        )
    assert process.stdin is not None
    assert process.stdout is not None
    child = Child(process.stdout, process.stdin, process)
    try:
        yield child
    finally:
        await _stop(child, process, name)


async def _stop(child: Child, process: Process, name: str) -> None:
    child.input.close()
    # Threads' timers, since neither the virtual clock nor a cancelled task may keep the child alive.
    guards = (
        threading.Timer(EXIT_LIMIT, child.terminate),
        threading.Timer(EXIT_LIMIT + LAST_MOMENT, child.kill),
    )
    for guard in guards:
        guard.daemon = True
        guard.start()
    try:
        with transit().hold(f"stopping {name}"):
            await process.wait()
    finally:
        for guard in guards:
            guard.cancel()
        child.kill()
