"""An asyncio event loop whose clock jumps to the next timer when nothing else can happen."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeVar, TypeVarTuple, cast

from pytest_mcpflow.clock.deadlock import deadlock, endless, livelock, never_returned
from pytest_mcpflow.clock.foreign import RefusesForeign, refuse_foreign_executor
from pytest_mcpflow.clock.instant import EPOCH, VirtualClock
from pytest_mcpflow.clock.order import RankedTask, Ranks
from pytest_mcpflow.clock.patches import virtual_surroundings
from pytest_mcpflow.clock.permuted import Permuted
from pytest_mcpflow.clock.scopes import in_background
from pytest_mcpflow.clock.seams import check_seams
from pytest_mcpflow.clock.threads import Threads
from pytest_mcpflow.clock.timers import Timers
from pytest_mcpflow.clock.transit import Transit
from pytest_mcpflow.clock.watch import BrokenOff
from pytest_mcpflow.errors import DeadlockError, VirtualTimeError

__all__ = ["VirtualTimeLoop", "break_off", "is_virtual"]

T = TypeVar("T")
Instant = TypeVar("Instant", int, float)
Ts = TypeVarTuple("Ts")
ROUNDS = 100_000
"""How often a loop may go round at one instant; a run of a thousand calls over a protocol takes some ten thousand."""
STEP_LIMIT = 30.0
"""Real seconds for one step, where nobody says otherwise."""
LOOK = 0.1
"""Real seconds in which a thread that has asked something of the loop usually waits for the answer."""
LAST_WAITS = 100
"""How often what was broken off may wait before it is left where it is."""
ASKED = 1_000_000
"""How often code may ask for the time before it lets anything else happen."""
Ready = list[tuple[selectors.SelectorKey, int]]


class VirtualTimeLoop(RefusesForeign, Permuted):
    """See the module's docstring.

    Args:
        starts_at: The calendar time at zero.
        stall_limit: Real seconds to wait for a thread or for what is in transit, before giving up.
        step_limit: Real seconds for one step of a task or callback, after which it is broken off; by default 30.
    """

    def __new__(
        cls,
        *,
        starts_at: datetime = EPOCH,  # noqa: ARG004 - as __init__
        stall_limit: float = 30.0,  # noqa: ARG004
        step_limit: float | None = None,  # noqa: ARG004
    ) -> Self:
        check_seams()  # before there is a loop, which would have to be closed again
        return super().__new__(cls)

    def __init__(
        self, *, starts_at: datetime = EPOCH, stall_limit: float = 30.0, step_limit: float | None = None
    ) -> None:
        self.clock = VirtualClock(starts_at)
        self.transit = Transit()
        self.threads = Threads(self)
        self._timers = Timers()
        self._stall_limit = stall_limit
        self._main: asyncio.Future[Any] | None = None
        self._blamed: asyncio.Task[Any] | None = None
        self._deadlock: DeadlockError | None = None
        self.ranks = Ranks()
        self._is_surrounded = self._is_called = self._hears_signals = False
        self._executor: Any = None
        self.step_limit = STEP_LIMIT if step_limit is None else step_limit
        self.thread: int | None = None
        """The one that it runs in, while it does."""
        self.is_patient = False
        """Whether it waits for what has a limit of its own."""
        self.rounds = self._asked = 0
        """How often it went round; who looks on from outside sees by it that steps end."""
        self._last_round = ROUNDS
        self._waits: int | None = None
        super().__init__(_PatientSelector(self))
        self.set_task_factory(RankedTask.made_by(self.ranks))

    def time(self) -> float:
        """Virtual seconds."""
        return self.clock.seconds

    def asked(self, instant: Instant) -> Instant:
        """The answer to code that asks what time it is, unless it does nothing else.

        Raises:
            VirtualTimeError: It waits for time to pass, which it does only while everybody awaits something.
        """
        self._asked += 1
        if self._asked > ASKED:
            self._asked = 0
            raise VirtualTimeError(
                f"asked for the time {ASKED} times in a row at t={self.time():g}, and virtual time passes only while "
                "everything waits; wait with asyncio.sleep() or time.sleep(), and not in a loop that looks at the clock"
            )
        return instant

    def rebase(self, starts_at: datetime) -> None:
        """Let the calendar time be `starts_at` now."""
        self.clock.rebase(starts_at)

    def begin_again(self) -> None:
        """Be like a new loop: time zero, no timers. Everything that ran on it has ended."""
        self._timers.forget()
        self.ranks.begin_again()
        self.clock.begin_again()
        self.permute(None)
        self._deadlock = self._waits = None
        self._last_round = self.rounds + ROUNDS

    @contextmanager
    def surroundings(self) -> Generator[None]:
        """Let clocks, sleep and threads follow this loop in here, also between runs; entering is most of what a short
        run costs."""
        with virtual_surroundings(self):
            self._is_surrounded = True
            try:
                yield
            finally:
                self._is_surrounded = False

    @contextmanager
    def blame(self, task: asyncio.Task[Any]) -> Generator[None]:
        """Cancel `task` on a deadlock, in place of what `run_until_complete` was given."""
        before, self._blamed = self._blamed, task
        try:
            yield
        finally:
            self._blamed = before

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        deadline = self._timers.deadline(when)
        handle = super().call_at(deadline, callback, *args, context=context)
        self._timers.add(deadline, handle, awaited=not in_background())
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = context or copy_context()
        if self.threads.keeps(partial(self.call_soon, callback, *args, context=context)):
            return asyncio.Handle(callback, args, self, context)
        self._is_called = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        self._hears_signals = True
        super().add_signal_handler(sig, callback, *args)

    def may_be_woken(self) -> bool:
        """Whether a thread or a signal may have written to the loop's pipe since this was asked last."""
        woken, self._is_called = self._is_called, False
        return woken or self._hears_signals

    def run_in_executor(  # type: ignore[override]  # typeshed has an overload for Python 3.12 only
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        refuse_foreign_executor(executor)
        executor = self._executor if executor is None else executor
        turn = self.threads.ask(func, executor)
        if executor is None:
            future = asyncio.wrap_future(self.threads.by_ours(turn, func, *args), loop=self)
        else:
            future = super().run_in_executor(executor, self.threads.in_turn(turn, func), *args)
        future.add_done_callback(lambda _: self.threads.returned(turn))
        return future  # type: ignore[return-value]

    def set_default_executor(self, executor: Any) -> None:
        super().set_default_executor(executor)
        self._executor = executor

    async def shutdown_default_executor(self, *limit: Any) -> None:
        with self.transit.hold("the end of the worker threads"):
            await self.threads.at_rest()
            await super().shutdown_default_executor(*limit)

    def close(self) -> None:
        super().close()
        self._timers.forget()  # whoever keeps the loop, or a clock of it, keeps nothing of what ran on it
        self.threads.end()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until `future` is done.

        Raises:
            DeadlockError: It never would be.
        """
        main = cast("asyncio.Future[T]", asyncio.ensure_future(cast("Awaitable[T]", future), loop=self))
        before, self._main, self._deadlock = self._main, main, None
        try:
            result: T = super().run_until_complete(main)
        except BaseException:
            if self._deadlock is not None:
                raise self._deadlock from None
            raise
        finally:
            self._main = before
        if self._deadlock is not None:
            raise self._deadlock  # somebody swallowed the cancellation
        return result

    def run_forever(self) -> None:
        before, self.thread = self.thread, threading.get_ident()
        try:
            if self._is_surrounded:
                super().run_forever()
                return
            with virtual_surroundings(self):
                super().run_forever()
        finally:
            self.thread = before

    def idle(self, real: selectors.BaseSelector) -> Ready:
        """Nothing is ready: wait for what cannot be hurried, or let time pass."""
        self.rounds += 1
        self._last_round, self._asked = self.rounds + ROUNDS, 0
        if self.threads.busy() or self.transit:
            self.is_patient = True
            try:
                ready, is_over = self._wait_for_others(real)
            finally:
                self.is_patient = False
            if is_over:
                in_vain = self.threads.give_up()
                if not in_vain:
                    raise VirtualTimeError(
                        f"nothing came of {self.transit} in {self._stall_limit:g} real seconds"
                    )
                self._break(partial(never_returned, threads=in_vain, limit=self._stall_limit))
            return ready
        deadline = self._timers.next(self.time())
        if deadline is None:
            self._break(partial(deadlock, threads=self.threads.others()))
        else:
            if self._timers.is_awaited(deadline):  # servers of ours look at the clock by themselves
                self._wait()
            self.clock.move_to(deadline)
            # asyncio fires what is due within its resolution, which far ahead is finer than a float can tell.
            self._clock_resolution = max(1e-9, math.ulp(deadline))
        return []

    def _wait_for_others(self, real: selectors.BaseSelector) -> tuple[Ready, bool]:
        """Wait for a thread or what is in transit; whether nothing came of it."""
        left = self._stall_limit
        while left > 0:
            ready = real.select(min(left, LOOK))
            if ready or self.threads.hear():
                return ready, False
            left -= LOOK
        return [], True

    def busy(self) -> None:
        """Something is ready; if that is so for ever, no time passes, and no deadline either."""
        self.rounds += 1
        self._asked = 0
        if self.rounds > self._last_round:
            self._last_round = self.rounds + ROUNDS
            self._break(livelock)

    def allow_waits(self, count: int | None) -> None:
        """From here on break off what waits for a time more often than that; `None` for no limit."""
        self._waits = count

    def _wait(self) -> None:
        if self._waits is not None:
            self._waits -= 1
            if self._waits == 0:
                self._waits = LAST_WAITS
                self.break_off("it waited again and again, and no end is in sight")

    def break_off(self, why: str) -> None:
        """End what would not end by itself: cancel it, and if it goes on all the same, leave it where it is."""
        if self._deadlock is None:
            self._break(partial(endless, why=why))
        else:
            self.stop()

    def break_step(self, why: DeadlockError) -> None:
        """A step does not end, and is broken off from outside, in another thread: let the run end with it, too."""
        is_first, self._deadlock = self._deadlock is None, self._deadlock or why
        victim = self._victim()
        with suppress(RuntimeError):  # it was closed meanwhile
            if not is_first:
                self.call_soon_threadsafe(self.stop)
            elif victim is not None and victim is not asyncio.current_task(self):  # which has heard of it
                self.call_soon_threadsafe(victim.cancel)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        # The run ends with these, and is told by that.
        if not isinstance(context.get("exception"), BrokenOff | KeyboardInterrupt | SystemExit):
            super().call_exception_handler(context)

    def _victim(self) -> asyncio.Future[Any] | None:
        return self._blamed if self._blamed is not None and not self._blamed.done() else self._main

    def _break(self, telling: Callable[..., DeadlockError]) -> None:
        """Nothing will ever come of it: cancel whoever is to blame, and the second time give up."""
        victim = self._victim()
        if self._deadlock is not None or victim is None or victim.done():
            raise self._deadlock or telling(asyncio.all_tasks(self), at=self.time())
        self._deadlock = telling(asyncio.all_tasks(self), at=self.time())
        victim.cancel()


class _PatientSelector(selectors.BaseSelector):
    """Asks the loop what to do when no descriptor is ready."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop, self._real = loop, selectors.DefaultSelector()
        self._registered = 0

    def select(self, timeout: float | None = None) -> Ready:
        is_busy = timeout is not None and timeout <= 0
        # The pipe by which a loop is woken up has nothing to say to one that is awake, nor before somebody wrote to it;
        # and to ask the system takes as long as ten calls of a function.
        may_be_ready = self._registered > 1 or (not is_busy and self._loop.may_be_woken())
        ready = self._real.select(0) if may_be_ready else []
        if ready or is_busy:
            self._loop.busy()
            return ready
        return self._loop.idle(self._real)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._real.register(fileobj, events, data)
        self._registered += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._registered -= 1
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def is_virtual() -> bool:
    """Whether the running loop's time is virtual."""
    return isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


def break_off(why: str) -> None:
    """End what runs on the running loop, if its time is virtual; it would not end by itself."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualTimeLoop):
        loop.break_off(why)
