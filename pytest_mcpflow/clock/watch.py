"""Breaks off a step that does not end. Nothing inside of a loop can, so a thread looks on from outside.

The loop counts its rounds; when the count stands still for too long though the loop runs, an exception is raised in the
thread of the loop, where it is. In the main thread a signal does it, which interrupts what blocks in C, too; in any
other one the interpreter does, at the next line of Python.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from pytest_mcpflow.clock.attention import Attention
from pytest_mcpflow.clock.deadlock import is_loop, place_of, spinning
from pytest_mcpflow.errors import DeadlockError

__all__ = ["BrokenOff", "watched"]

LOOKS = 10
"""How often the loop is looked at in the time that a step has."""
LAST_MOMENT = 0.3
"""Real seconds that a step has to clean up in."""
INSISTING, OFTEN, SELDOM = 1000, 0.001, 0.1
"""How many times, and how fast, the exception is raised again in what swallows it, and how fast after that."""
SIGNAL = signal.SIGURG
"""Ignored where nobody handles it, so that one that comes too late does no harm; Go takes it for the same reason."""
DEBUGGERS = frozenset({"bdb", "pydevd"})


class BrokenOff(BaseException):
    """Raised in a step that does not end; no `Exception`, so that it is not taken for an error of a server."""


class Watched(Protocol):
    """A loop, for those who look on."""

    rounds: int
    step_limit: float
    is_patient: bool

    def is_running(self) -> bool: ...
    def time(self) -> float: ...
    def break_step(self, why: DeadlockError, /) -> None: ...


@contextmanager
def watched(loop: Watched) -> Generator[None]:
    """Break off steps of `loop` that last too long; it runs in the current thread."""
    watch = _Watch(loop)
    watch.begin()
    try:
        yield
    finally:
        watch.end()


class _Watch:
    def __init__(self, loop: Watched) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._attention = Attention()
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._aimed_at: int | None = None
        self._times = 0
        self._is_on_its_way = False
        self._traced_before: Any = None
        self._is_traced = False
        self._handled_before = signal.getsignal(SIGNAL)
        is_free = self._handled_before is signal.SIG_DFL or _is_ours(self._handled_before)
        self._has_signal = is_free and threading.current_thread() is threading.main_thread()

    def begin(self) -> None:
        if self._has_signal:
            signal.signal(SIGNAL, self._raise)
        # None of `threading`, so that whoever counts the threads of a test counts its own.
        _thread.start_new_thread(self._look_on, ())

    def end(self) -> None:
        with self._lock:
            self._is_over.set()
            if self._aimed_at is not None and not self._has_signal:
                _take_back()  # what was meant for a step does not hit what comes after it
        if self._has_signal:
            signal.signal(SIGNAL, self._handled_before)
        if self._is_traced:
            sys.settrace(self._traced_before)

    def _look_on(self) -> None:
        seen, lasted, pause = None, 0.0, self._loop.step_limit / LOOKS
        while not self._is_over.wait(pause):
            before, seen = seen, self._round()
            had = self._attention.since_last(pause)
            is_same = seen is not None and seen == before and not _is_debugged(self._thread)
            lasted = lasted + had if is_same else 0.0
            if seen is not None and lasted >= self._loop.step_limit:
                self._break_off(seen)
                lasted = 0.0

    def _round(self) -> int | None:
        """The round the loop is in, `None` where it runs nothing."""
        return self._loop.rounds if self._loop.is_running() and not self._loop.is_patient else None

    def _break_off(self, seen: int) -> None:
        frame = _frame_of(self._thread)
        where = "a step" if frame is None else place_of(frame)
        del frame
        with self._lock:
            if self._is_over.is_set() or self._round() != seen:
                return
            self._aimed_at, self._times = seen, 0
            self._loop.break_step(spinning(where, at=self._loop.time(), limit=self._loop.step_limit))
        pause = LAST_MOMENT
        while self._shoot(seen) and not self._is_over.wait(pause):
            self._times += 1
            pause = OFTEN if self._times < INSISTING else SELDOM

    def _shoot(self, seen: int) -> bool:
        """Raise in the step, if it still goes on."""
        with self._lock:
            if self._is_over.is_set() or self._round() != seen:
                return False
            if not self._has_signal:
                _raise_in(self._thread, BrokenOff)
            elif not self._is_on_its_way:  # or it would interrupt itself, and again, and again
                self._is_on_its_way = True
                signal.pthread_kill(self._thread, SIGNAL)
            return True

    def _raise(self, _number: int, frame: FrameType | None) -> None:
        is_wanted = self._aimed_at is not None and self._round() == self._aimed_at
        insists = is_wanted and self._times > 0
        if insists:
            self._mark(frame)
        self._is_on_its_way = False
        if insists:
            sys.settrace(self._trace)  # last, since from here on each call of a function would be traced
        if is_wanted:
            raise BrokenOff

    def _mark(self, frame: FrameType | None) -> None:
        """Let the next line of these frames raise, too, which is the one that swallows what is raised now."""
        if not self._is_traced:
            self._is_traced, self._traced_before = True, sys.gettrace()
        while frame is not None and not is_loop(frame):
            frame.f_trace = self._trace
            frame = frame.f_back

    def _trace(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "call" or self._round() != self._aimed_at:
            # It swallows nothing, and Python 3.11 may not get past a traced call.
            sys.settrace(self._traced_before)
            return None
        if event == "line":
            raise BrokenOff  # after which the interpreter traces no longer
        return self._trace


def _is_ours(handler: object) -> bool:
    """Whether a signal is handled by the watch of a loop outside of this one, in which nothing runs meanwhile."""
    return isinstance(getattr(handler, "__self__", None), _Watch)


def _raise_in(thread: int, error: type[BaseException]) -> bool:
    """Let a thread raise when it is in Python next; whether the interpreter can."""
    api = getattr(ctypes, "pythonapi", None)
    return api is not None and bool(
        api.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
    )


def _take_back() -> None:
    """Have the current thread raise here what it is to raise, if anything.

    The interpreter's own way, to have it raise nothing, leaves Python 3.11 looking for an exception at each call from
    then on, and a call that is traced never begins.
    """
    try:
        while _raise_in(threading.get_ident(), BrokenOff):
            pass
    except BrokenOff:
        pass


def _frame_of(thread: int) -> FrameType | None:
    return sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  # documented, for debuggers


def _is_debugged(thread: int) -> bool:
    """Whether somebody looks at that thread with a debugger, who may take all the time in the world."""
    frame = _frame_of(thread)
    while frame is not None:
        if frame.f_globals.get("__name__") in DEBUGGERS:
            return True
        frame = frame.f_back
    return False
