"""What a search looks at of a run: each call, the world before it, and how it all ended; small, and able to travel."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from pytest_mcpflow.clock import break_off
from pytest_mcpflow.explore.instants import NotedClock, timeless
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.lost import Hang
from pytest_mcpflow.faults.plan import Fault, FaultPlan
from pytest_mcpflow.journal import Entry
from pytest_mcpflow.performance import Performance, Verdict
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.state import state_adapter
from pytest_mcpflow.transcript import Interaction
from pytest_mcpflow.verdict import Judgement

__all__ = [
    "CALLS",
    "Callers",
    "Context",
    "Observation",
    "Seen",
    "Watch",
    "digest",
    "first_difference",
    "observation_of",
]

CALLS = 10_000
"""The calls of a run after which it is broken off, as one that hangs: it would go on for ever."""

_ADDRESS = re.compile(rb" at 0x[0-9a-f]+")


Digests = tuple[bytes, ...]
"""Of the fakes of a world, one each."""

Context = tuple[bytes, Digests]
"""The arguments of a call and the world before it, whatever the time was."""


class Seen(NamedTuple):
    """One call of a tool.

    Args:
        site: `server.tool`.
        number: It was the n-th call of that tool in the run.
        attempt: It was the n-th call of that tool with these arguments.
        at, until: When it began and when its outcome was there, in seconds since the run began.
        effect: Whether it changed the world, `None` if nobody knows.
        faulted: Whether it was made to go wrong.
        task: The task that made it, by its rank.
        world: Digests of the world before it, whatever the time was.
        asked: Its arguments as JSON, whatever the time was.
        exact: The same as they are.
        given_up: Whether its caller stopped waiting; known of calls that were made to go wrong.
    """

    site: str
    number: int
    attempt: int
    at: float
    until: float | None
    effect: bool | None
    faulted: bool
    task: int
    world: Digests
    asked: bytes
    exact: bytes
    given_up: bool = False

    @property
    def context(self) -> Context:
        """What it was asked, and of which world."""
        return self.asked, self.world

    @property
    def takes(self) -> float:
        """Seconds until its outcome was there; none where it never came."""
        return 0.0 if self.until is None else self.until - self.at


@dataclass(frozen=True)
class Observation:
    """A run, as far as a search looks at it.

    Args:
        plan: What went wrong; what was drawn by chance included.
        verdict: Of the run.
        checks: The names of what does not hold.
        calls: In order.
        end: A digest of the outcome and of the world at the end, whatever the time was.
        exact: The same as it is.
        seconds: How long it took in virtual time.
        trespass: What was found changed in the world though no tool had changed it.
    """

    plan: FaultPlan
    verdict: Verdict
    checks: tuple[str, ...]
    calls: tuple[Seen, ...]
    end: bytes
    exact: bytes
    seconds: float
    trespass: str = ""

    @property
    def failure(self) -> tuple[Verdict, frozenset[str]]:
        """What a finding is told from others by."""
        return self.verdict, frozenset(self.checks) - {"workflow"}


class Watch:
    """Sees each call of a run; see `pytest_mcpflow.faults.injector.Onlooker`.

    Args:
        world: The fakes by name.
        choose: Lets calls go wrong by chance, if given.
        remembers: Whether what it chooses needs earlier states of the fakes.
        thorough: Whether to look at the world at each call, not only after tools that change it.
        begins: The first calls of a run that goes the same way up to the last of them: as long as the calls are these,
            so is the world before them, which is not looked at. Most runs of a search are others with one fault more.
    """

    def __init__(
        self,
        world: Mapping[str, Fake],
        *,
        choose: Callable[[str, int, bytes], Fault | None] | None = None,
        remembers: bool = False,
        thorough: bool = False,
        begins: Sequence[Seen] = (),
    ) -> None:
        self.chosen: list[Fault] = []
        self.trespass = ""
        self.remembers = remembers
        self._choose, self._thorough = choose, thorough
        self._offered = {name: contract_of(fake).tools for name, fake in world.items()}
        self._states = [(fake, state_adapter(type(fake)).serializer.to_json) for fake in world.values()]
        self._begins = begins
        self._known: list[tuple[Entry, Seen]] = []
        self._calls: list[tuple[Entry, int, int, Digests]] = []
        self._clocks: list[NotedClock] = []
        self._texts = [b""] * len(self._states)
        self._digests = [b""] * len(self._states)
        self._world: Digests | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def called(self, entry: Entry, number: int) -> Fault | None:
        if entry.name not in self._offered.get(entry.server, (entry.name,)):
            return None  # there is no such tool, which is wrong enough
        if not self._clocks:
            self._clocks = [NotedClock.of(fake) for fake, _ in self._states]
        if self._begins and self._is_known(entry, number):
            return None
        if self._thorough and self._world is not None and self._nobody_else_calls():
            self._look_for_trespass(f"before {entry.server}.{entry.name}#{number}, at t={entry.at:g}")
        world = self._look()
        # Asked without a loop, asyncio asks the system for the process each time, up to Python 3.11.
        self._loop = self._loop or asyncio.get_running_loop()
        self._calls.append((entry, number, hash(asyncio.current_task(self._loop)), world))
        if len(self._known) + len(self._calls) > CALLS:
            break_off(f"after {CALLS} calls no end is in sight")
            return Fault(f"{entry.server}.{entry.name}", Hang(), number, number)
        if self._choose is None:
            return None
        fault = self._choose(f"{entry.server}.{entry.name}", number, timeless(entry.arguments, self._clocks))
        if fault is not None:
            self.chosen.append(fault)
        return fault

    def _is_known(self, entry: Entry, number: int) -> bool:
        """Whether a call is the next one of the run that goes the same way until then."""
        seen = self._begins[len(self._known)]
        request = f"{entry.server}.{entry.name}", number, entry.at, entry.arguments
        if request != (seen.site, seen.number, seen.at, seen.exact):
            self._begins = ()  # it goes another way already
            return False
        if len(self._known) < len(self._begins) - 1:
            self._known.append((entry, seen))
            return True
        self._begins = ()
        # Digests as they were made then: which numbers in a text are instants depends on what was read until then.
        self._world, self._digests = seen.world, [*seen.world]
        self._texts = [state(fake) for fake, state in self._states]
        return False

    def changed(self, entry: Entry) -> None:
        self._world = None

    def settled(self, _: Interaction) -> None:
        """All that hangs on an effect has happened: what changes from here on is nobody's effect."""
        self._look()

    def _nobody_else_calls(self) -> bool:
        """Whether no tool may be in the middle of changing something."""
        return all(entry.until is not None for entry, *_ in self._calls)

    def observation(self, performance: Performance) -> Observation:
        """What was seen, when the run is over."""
        # After a tool that changes the world nobody knows what else did, unless it was looked at once more.
        if self._world is not None:
            self._look_for_trespass(f"at the end, at t={performance.run.seconds:g}")
        world = self._look()
        run = performance.run
        outcome = (
            _told(run.result) if run.error is None else f"{type(run.error).__name__}: {run.error}".encode()
        )
        verdict, checks = performance.verdict, tuple(each.check for each in performance.broken)
        told = b"\0".join([verdict.encode(), *(check.encode() for check in checks)])
        known = [_as_ended(*call) for call in self._known]
        attempts = {(call.site, call.exact): call.attempt for call in known}
        return Observation(
            plan=performance.plan,
            verdict=verdict,
            checks=checks,
            calls=(*known, *(self._seen(attempts, *call) for call in self._calls)),
            end=digest(timeless(outcome, self._clocks), *world, told),
            exact=digest(outcome, *self._texts, told),
            seconds=run.seconds,
            trespass=self.trespass,
        )

    def _seen(
        self, attempts: dict[tuple[str, bytes], int], entry: Entry, number: int, task: int, world: Digests
    ) -> Seen:
        site, arguments = f"{entry.server}.{entry.name}", entry.arguments
        attempt = attempts[site, arguments] = attempts.get((site, arguments), 0) + 1
        return Seen(
            site,
            number,
            attempt,
            entry.at,
            entry.until,
            entry.effect,
            entry.fault is not None,
            task,
            world,
            timeless(arguments, self._clocks),
            arguments,
            entry.abandoned,
        )

    def _look_for_trespass(self, when: str) -> None:
        """See whether the world is another one than at the last look, though no tool changed it since."""
        before, self._world = [*self._texts], None
        self._look()
        if before != self._texts and not self.trespass and self._shows(before):
            entry, number, *_ = self._calls[-1]  # at which it was looked
            self.trespass = f"after {entry.server}.{entry.name}#{number} and {when}"

    def _shows(self, before: Sequence[bytes]) -> bool:
        """Whether what changed since is more than what fakes keep for themselves, in fields that are not compared."""
        return any(
            _compared(fake, was) != _compared(fake, text)
            for (fake, _), was, text in zip(self._states, before, self._texts, strict=True)
            if was != text
        )

    def _look(self) -> Digests:
        """The world as it is."""
        if self._world is None:
            for index, (fake, state) in enumerate(self._states):
                text = state(fake)
                if text != self._texts[index]:
                    self._texts[index] = text
                    self._digests[index] = digest(timeless(text, self._clocks[index : index + 1]))
            self._world = tuple(self._digests)
        return self._world


def _as_ended(entry: Entry, seen: Seen) -> Seen:
    """A call of another run with what became of it in this one: what begins the same may end in another way."""
    faulted = entry.fault is not None
    if (entry.until, entry.effect, entry.abandoned, faulted) == (
        seen.until,
        seen.effect,
        seen.given_up,
        seen.faulted,
    ):
        return seen
    return seen._replace(until=entry.until, effect=entry.effect, given_up=entry.abandoned, faulted=faulted)


def _compared(fake: Fake, text: bytes) -> dict[str, Any]:
    """The fields of a fake's state in which two of its kind can differ."""
    state = from_json(text)
    return {each.name: state[each.name] for each in fields(fake) if each.compare}


class Callers:
    """Sees of each call of a run which task made it and whether that gave up, and lets none go wrong."""

    remembers = False
    chosen: Sequence[Fault] = ()

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], tuple[int, Entry]] = {}

    def called(self, entry: Entry, number: int) -> None:
        self._calls[f"{entry.server}.{entry.name}", number] = hash(asyncio.current_task()), entry

    def changed(self, entry: Entry) -> None:
        pass

    def of(self, site: str, number: int) -> tuple[int, bool]:
        """The task, by its rank, and whether it gave up."""
        task, entry = self._calls.get((site, number), (0, None))
        return task, entry is not None and entry.abandoned


def observation_of(judgement: Judgement, callers: Callers | None = None) -> Observation:
    """The same of a run whose world nobody watched: what changed it before a call stands for the world."""
    seen, calls, world = Counter[str](), list[Seen](), tuple[bytes, ...]()
    callers = callers or Callers()
    attempts = Counter[tuple[str, bytes]]()
    for call in judgement.transcript:
        if call.method != "tools/call":
            continue
        seen[call.site] += 1
        arguments = to_json(call.arguments)
        faulted, attempt = call.fault is not None, (call.site, arguments)
        attempts[attempt] += 1
        task, given_up = callers.of(call.site, seen[call.site])
        calls.append(
            Seen(
                call.site,
                seen[call.site],
                attempts[attempt],
                call.at,
                call.until,
                call.effect,
                faulted,
                task,
                world,
                arguments,
                arguments,
                given_up,
            )
        )
        if call.effect is not False:
            world = (digest(*world, call.site.encode(), arguments),)
    checks = tuple(each.check for each in judgement.broken)
    end = digest(*world, *(each.encode() for each in checks))
    return Observation(judgement.plan, judgement.verdict, checks, tuple(calls), end, end, judgement.seconds)


def digest(*parts: bytes) -> bytes:
    """Eight bytes that are equal for equal parts, in every process."""
    return blake2b(b"\0".join(parts), digest_size=8).digest()


def _told(result: Any) -> bytes:
    try:
        text = to_json(result, serialize_unknown=True, inf_nan_mode="constants")
    except Exception:  # what a workflow returns may be anything
        text = repr(result).encode()
    return _ADDRESS.sub(b"", text)


def first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    """Where two lists of lines part, for an error."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"call {index + 1} of the first run:  {left}\ncall {index + 1} of the second run: {right}"
    longer, which = (one, "first") if len(one) > len(other) else (other, "second")
    at = min(len(one), len(other))
    return f"only the {which} run has call {at + 1}: {longer[at]}" if len(one) != len(other) else ""
