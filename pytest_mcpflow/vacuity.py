"""What a test promised by what it set up, and whether it was kept: no test passes without having checked anything."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from pytest_mcpflow.errors import CassetteError, HubError, UnusedRecordingError, VacuousTestError
from pytest_mcpflow.journal import Entry
from pytest_mcpflow.outcome import shortened

__all__ = ["Promises", "Replay"]

T = TypeVar("T")
PRUNE_EVERY = 512


class Replay(Protocol):
    """A cassette being replayed."""

    @property
    def misses(self) -> Sequence[CassetteError]:
        """Requests for which there was no answer."""
        ...

    def unused(self) -> Sequence[str]:
        """Recorded tool calls that nobody asked for."""
        ...


class Promises:
    """Collects what must be looked at when the test is over; `begun` counts the calls that were awaited."""

    def __init__(self) -> None:
        self.begun = self._tracked = 0
        self._replays: list[tuple[Replay, bool, str]] = []
        self._calls: list[tuple[str, Coroutine[Any, Any, Any]]] = []

    def replay(self, replay: Replay, *, allow_unused: bool, cure: str) -> None:
        """Expect each recorded tool call to be asked for, unless that need not be; `cure` says what to do if not."""
        self._replays.append((replay, allow_unused, cure))

    def track(self, name: str, call: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Remember a call until it was awaited."""
        self._tracked += 1
        if len(self._calls) >= PRUNE_EVERY:
            self._calls = [each for each in self._calls if not _begun(each[1])]
        self._calls.append((name, call))
        return call

    def miss_behind(self, error: Exception) -> CassetteError | None:
        """The missing recording of which a client's error tells."""
        misses = [miss for replay, _, _ in self._replays for miss in replay.misses]
        return next((miss for miss in reversed(misses) if str(miss) == str(error)), None)

    def verify(self, entries: Sequence[Entry], servers: Sequence[str], *, calls_expected: bool) -> None:
        """Raise the first broken promise; see `Hub.verify`."""
        never_awaited = (
            [(name, call) for name, call in self._calls if not _begun(call)]
            if self.begun < self._tracked
            else []
        )
        self.begun = self._tracked = 0
        self._calls.clear()
        for _, call in never_awaited:
            call.close()  # it is reported here; Python would warn of it again
        for entry in entries:
            # What a workflow may catch and survive, but a test must not: the fake itself is broken.
            if entry.crash is not None:
                crash = f"{type(entry.crash).__name__}: {shortened(str(entry.crash))}"
                raise HubError(
                    f"the fake behind {entry.server}.{entry.name} crashed ({crash}); a fake refuses with FakeError, "
                    "anything else is a bug of the fake"
                ) from entry.crash
        for replay, _, _ in self._replays:
            if replay.misses:
                raise replay.misses[0]
        if never_awaited:
            names = ", ".join(sorted({name for name, _ in never_awaited}))
            raise VacuousTestError(f"never awaited, so never sent: {names}; write `await hub.call_tool(...)`")
        if calls_expected and servers and not entries:
            raise VacuousTestError(
                f"no server was called, though the test has {', '.join(servers)}; call the workflow, or say "
                "that no call is expected: @pytest.mark.mcpflow(calls_expected=False)"
            )
        if any(entry.fault is not None for entry in entries):
            return  # what went wrong may have kept the workflow from making the others
        for replay, may_be_unused, cure in self._replays:
            unused = replay.unused()
            if unused and not may_be_unused:
                raise UnusedRecordingError(
                    f"{len(unused)} recorded calls were never made, the first of them {unused[0]}; correct the "
                    f"workflow, {cure}"
                )


def _begun(call: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(call) != inspect.CORO_CREATED
