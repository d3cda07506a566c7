"""Running a coroutine with a hub: on a loop made for it, and closing the hub on that loop whatever happens."""

from __future__ import annotations

import asyncio
import sysconfig
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_mcpflow.clock import VirtualTimeLoop
from pytest_mcpflow.errors import HubError

if TYPE_CHECKING:
    from pytest_mcpflow.hub import Hub

__all__ = ["end_at_users_code", "loop_factory", "run", "run_with", "where_raised", "with_hub"]

T = TypeVar("T")
_MACHINERY = frozenset({"anyio", "asyncio", "mcp", "pytest_mcpflow"})
_USERS = ("pytest_mcpflow.fakes", "pytest_mcpflow.scenarios")
"""Of ours, what stands for the user's."""
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def loop_factory(virtual_time: bool) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the event loop of a test."""
    return VirtualTimeLoop if virtual_time else asyncio.new_event_loop


def run(coroutine: Coroutine[Any, Any, T], *, virtual_time: bool = True) -> T:
    """Run a coroutine to its end in virtual time: sleeping costs nothing, and two runs are alike.

        >>> run(asyncio.sleep(86_400))

    Raises:
        DeadlockError: Nothing could run and no timer was armed.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory(virtual_time)) as runner:
            return runner.run(coroutine)
    finally:
        coroutine.close()  # where no loop could be made; otherwise it has ended


def run_with(hub: Hub, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that uses `hub`, and leave the hub's clients on the same loop."""
    try:
        return run(with_hub(hub, lambda: coroutine), virtual_time=hub.clock.virtual_time is not False)
    finally:
        coroutine.close()  # where the hub could not be used; otherwise it has ended


async def with_hub(hub: Hub, body: Callable[[], Awaitable[T]]) -> T:
    """Start the hub's clock, await `body()`, and close the hub; an error of the body wins over one of closing.

    Raises:
        HubError: The hub has a schedule, and something else than a virtual loop decides the order of tasks.
    """
    hub.clock.start()
    if hub.schedule is None:
        return await _closing(hub, body)
    with _in_order_of(hub, hub.schedule):
        return await _closing(hub, body)


async def _closing(hub: Hub, body: Callable[[], Awaitable[T]]) -> T:
    try:
        result = await body()
    except BaseException as error:
        try:
            await hub.aclose()
        except Exception as closing:
            error.add_note(f"closing the hub failed, too: {closing!r}")
        raise
    await hub.aclose()
    return result


@contextmanager
def _in_order_of(hub: Hub, schedule: int) -> Generator[None]:
    """Let ready tasks take their turns in the order of the hub's schedule."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop) or not hub.way.is_in_process:
        where = f"on {hub.way}" if isinstance(loop, VirtualTimeLoop) else "in real time"
        raise HubError(
            f"schedule {schedule} is an order of tasks, and {where} it is not the loop alone that decides which "
            "task is ready first, so that no order could be repeated; take virtual time, and direct or memory"
        )
    loop.permute(schedule)
    try:
        yield
    finally:
        loop.permute(None)


def end_at_users_code(error: BaseException) -> None:
    """Take from a traceback how a call found its way below the user's code, where the words of the error say it all."""
    step, last = error.__traceback__, None
    while step is not None:
        if not _is_machinery(step.tb_frame):
            last = step
        step = step.tb_next
    if last is not None:
        last.tb_next = None


def where_raised(error: BaseException) -> str:
    """The last line of the user's code before an error was raised, `deploy.py:12 in roll_out`, or nothing."""
    called = [each for each in traceback.walk_tb(error.__traceback__) if not _is_machinery(each[0])]
    written = [each for each in called if not each[0].f_code.co_filename.startswith(_LIBRARIES)]
    if not called:
        return ""
    frame, line = (written or called)[-1]
    return f"{Path(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name}"


def _is_machinery(frame: FrameType) -> bool:
    module: str = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in _MACHINERY and not module.startswith(_USERS)
