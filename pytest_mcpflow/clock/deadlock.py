"""Saying what everybody waits for, where nothing ever comes of it."""

from __future__ import annotations

import asyncio
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from pytest_mcpflow.errors import DeadlockError

__all__ = ["deadlock", "endless", "is_loop", "livelock", "never_returned", "place_of", "spinning", "waiting"]

SHOWN = 8
_LIBRARIES = tuple(
    str(Path(folder))
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
)
_LOOP = asyncio.base_events.__file__
_ENGINE = str(Path(__file__).parent.parent)
_SCENARIOS = str(Path(_ENGINE, "scenarios"))


def deadlock(tasks: set[asyncio.Task[Any]], *, at: float, threads: Sequence[str] = ()) -> DeadlockError:
    """The error for a loop in which nothing can happen any more, unless one of `threads` makes it happen."""
    if not threads:
        return _stuck(
            tasks, f"at t={at:g} nothing can run and no timer is armed; what is waited for never happens:"
        )
    named = ", ".join(threads[:SHOWN]) + (f" and {len(threads) - SHOWN} more" if threads[SHOWN:] else "")
    return _stuck(
        tasks,
        f"at t={at:g} nothing can run and no timer is armed, and virtual time does not wait for threads of one's own; "
        f"alive: {named}. If one of them brings what is waited for, start it with asyncio.to_thread() or "
        "loop.run_in_executor(), or take real time: @pytest.mark.mcpflow(virtual_time=False):",
    )


def never_returned(tasks: set[asyncio.Task[Any]], *, at: float, threads: str, limit: float) -> DeadlockError:
    """The error for a loop that waited for a thread in vain."""
    return _stuck(
        tasks,
        f"at t={at:g} nothing came of {threads} in {limit:g} real seconds, and it was given up; let it end after a "
        "time of its own, or take real time where it needs longer: @pytest.mark.mcpflow(virtual_time=False):",
    )


def spinning(where: str, *, at: float, limit: float) -> DeadlockError:
    """The error for a loop in which one step lasts and lasts; `where` says which."""
    return DeadlockError(
        f"at t={at:g} {where} went on for {limit:g} real seconds without awaiting anything, so that nothing else could "
        "run, and it was broken off; let it end, or await something in each turn, such as asyncio.sleep(); what has to "
        "block for longer takes real time: @pytest.mark.mcpflow(virtual_time=False)"
    )


def is_loop(frame: FrameType) -> bool:
    """Whether a frame is that of an event loop, inside of which are those of a step."""
    return frame.f_code.co_filename == _LOOP


def place_of(frame: FrameType) -> str:
    """Where the step of a loop is: the innermost line of the user's."""
    inside, users = frame, None
    outer: FrameType | None = frame
    while outer is not None and not is_loop(outer):
        if _is_users(outer.f_code.co_filename):
            users = outer
            break
        outer = outer.f_back
    found = users or inside
    return f"{found.f_code.co_qualname}, {_shown(found.f_code.co_filename)}:{found.f_lineno},"


def livelock(tasks: set[asyncio.Task[Any]], *, at: float) -> DeadlockError:
    """The error for a loop that goes round and round while no time passes."""
    return _stuck(
        tasks, f"at t={at:g} something runs for ever and waits for nothing, so that no time passes:"
    )


def endless(tasks: set[asyncio.Task[Any]], *, at: float, why: str) -> DeadlockError:
    """The error for what goes on and on."""
    return _stuck(tasks, f"at t={at:g} it was broken off; {why}:")


def _stuck(tasks: set[asyncio.Task[Any]], what: str) -> DeadlockError:
    mine = [task for task in tasks if not getattr(task, "is_background", False)]
    alive = sorted(mine or tasks, key=hash)
    told = [task for task in alive if _is_in_users_code(task)] or alive
    lines = [f"  {task.get_name()} {waiting(task)}" for task in told[: SHOWN - 1]]
    if len(lines) < len(alive):
        lines.append(f"  and {len(alive) - len(lines)} more")
    return DeadlockError("\n".join([what, *lines]))


def _is_in_users_code(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits below the user's code; servers and clients of the SDK always wait for something."""
    return any(_is_users(frame.f_code.co_filename) for frame in _frames(task.get_coro()))


def waiting(task: asyncio.Task[Any]) -> str:
    """Where a task is: the coroutine of a task, and the innermost line of the user's in which it waits."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    frames = [
        (frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno) for frame in _frames(coroutine)
    ]
    if not frames:
        return f"in {name}"
    users = [frame for frame in frames if _is_users(frame[1])]
    function, file, line = (users or frames)[-1]
    return f"in {function}, {_shown(file)}:{line}"


def _frames(awaited: Any) -> Iterator[FrameType]:
    """The suspended frames of a coroutine and of what it awaits, outermost first."""
    while awaited is not None:
        frame = (
            getattr(awaited, "cr_frame", None)
            or getattr(awaited, "gi_frame", None)
            or getattr(awaited, "ag_frame", None)
        )
        if frame is not None:
            yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _is_users(file: str) -> bool:
    """Whether a file is the user's: no library, and of ours only the scenarios."""
    if file.startswith(_ENGINE):
        return file.startswith(_SCENARIOS)
    return not file.startswith(_LIBRARIES)


def _shown(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
