"""What a run leaves running outside of its loop: threads, and child processes, which are ended.

Nobody asks for it but a stage, before and after each run, so that the common answer has to cost next to nothing.
"""

from __future__ import annotations

import inspect
import os
import re
import signal
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pytest_mcpflow.clock.proc import state_of
from pytest_mcpflow.clock.threads import Worker

__all__ = ["Remains"]

GRACE = 0.2
"""Real seconds in which what has just been told to end does."""
_LIBRARIES = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_ENGINE = str(Path(__file__).parent.parent)
_UNNAMED = re.compile(r"Thread-\d+")


class Remains:
    """Looks at the threads of this process, and at the processes that the current thread and its workers started.

    Processes are known where the system lists them by the thread that started them, which is Linux.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._processes: set[int] = set()
        self._listed: int | None = None

    def begin(self) -> None:
        """Remember what runs."""
        if self._listed is None:
            with suppress(OSError):
                self._listed = os.open(_list_of(threading.get_native_id()), os.O_RDONLY | os.O_CLOEXEC)
        self._threads = threading.enumerate()
        self._processes = self._children(self._threads)

    def end(self) -> tuple[str, ...]:
        """Say what runs that did not then, and end what can be ended."""
        running = threading.enumerate()
        threads = self._left_threads(running) if len(running) > 1 else []
        children = self._children(running)
        processes = [*self._left_processes(children)] if children - self._processes else []
        self._threads = []
        return (*map(_thread_named, threads), *processes)

    def close(self) -> None:
        if self._listed is not None:
            os.close(self._listed)
            self._listed = None

    def _left_threads(self, running: Iterable[threading.Thread]) -> list[threading.Thread]:
        before = set(self._threads)
        left = [each for each in running if each not in before and _is_somebodys(each)]
        for number, thread in enumerate(left):
            thread.join(GRACE if number == 0 else 0.0)
        return [each for each in left if each.is_alive()]

    def _left_processes(self, children: Iterable[int]) -> Iterator[str]:
        helpers = set(_helpers())
        left = sorted(each for each in {*children} - self._processes if each not in helpers)
        _wait(left)
        for process in filter(_runs, left):
            command = _command(process)
            _end(process)
            yield f"process {process} ({command}) still ran, and was ended"

    def _children(self, running: Iterable[threading.Thread]) -> set[int]:
        if self._listed is None:
            return set()
        found = set(map(int, os.pread(self._listed, 65_536, 0).split()))
        for thread in running:
            if isinstance(thread, Worker):
                found.update(_started_by(thread.native_id))
        return found


def _is_somebodys(thread: threading.Thread) -> bool:
    """Whether the code under test started it: not the house, not a library for itself, and no worker that is idle."""
    if isinstance(thread, Worker):
        return False
    work = _work_of(thread)
    code = getattr(work, "__code__", None)
    if code is None and type(thread) not in (threading.Thread, threading.Timer):
        code = type(thread).run.__code__
    file: str = getattr(code, "co_filename", "")
    if getattr(work, "__module__", "") == "concurrent.futures.thread":
        return _works(sys._current_frames().get(thread.ident or 0))  # pyright: ignore[reportPrivateUsage]
    is_ours = file.startswith(_ENGINE) and not file.startswith(str(Path(_ENGINE, "scenarios")))
    return not is_ours and not file.startswith(_LIBRARIES)


def _works(frame: FrameType | None) -> bool:
    """Whether a worker of an executor is in the middle of something, and has not just told how that ended."""
    while frame is not None and frame.f_code.co_qualname != "_WorkItem.run":
        frame = frame.f_back
    if frame is None:
        return False
    item: Any = frame.f_locals.get("self")  # which it gives up once it has told an error
    return item is not None and not item.future.done()


def _work_of(thread: threading.Thread) -> Any:
    """What a thread calls; `threading` keeps it to itself."""
    work: Any = getattr(thread, "function", None) or getattr(thread, "_target", None)
    return inspect.unwrap(getattr(work, "__func__", work))


def _thread_named(thread: threading.Thread) -> str:
    work = _work_of(thread)
    name = getattr(work, "__qualname__", "") or type(thread).__qualname__
    called = "" if _UNNAMED.match(thread.name) else f" {thread.name!r}"
    return f"the thread{called} of {name} still runs; wait for it, or tell it to end, in a finally"


def _helpers() -> Iterator[int | None]:
    """Processes that `multiprocessing` starts once and for all."""
    for module, keeper, name in (
        ("multiprocessing.resource_tracker", "_resource_tracker", "_pid"),
        ("multiprocessing.forkserver", "_forkserver", "_forkserver_pid"),
    ):
        yield getattr(getattr(sys.modules.get(module), keeper, None), name, None)


def _list_of(thread: int | None) -> str:
    return f"/proc/self/task/{thread}/children"


def _started_by(thread: int | None) -> set[int]:
    try:
        return set(map(int, Path(_list_of(thread)).read_text(encoding="ascii").split()))
    except OSError:  # it has ended, and another thread has its children now
        return set()


def _runs(process: int) -> bool:
    """Whether a process still runs, and is not just waiting to be asked how it ended."""
    return state_of(Path(f"/proc/{process}")) not in ("", "Z", "X")


def _command(process: int) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode(errors="replace").strip()[:80]
    return "?"


def _wait(processes: list[int]) -> None:
    pause = threading.Event()  # sleeping is virtual here
    for _ in range(20):
        if not any(map(_runs, processes)):
            return
        pause.wait(GRACE / 20)


def _end(process: int) -> None:
    """End a process and what it started; who started it may ask afterwards how it ended."""
    family = [process]
    for member in family:
        with suppress(OSError):
            for thread in Path(f"/proc/{member}/task").iterdir():
                family += map(int, (thread / "children").read_text(encoding="ascii").split())
    for number in (signal.SIGTERM, signal.SIGKILL):
        for member in filter(_runs, family):
            with suppress(OSError):
                os.kill(member, number)
        _wait(family)
