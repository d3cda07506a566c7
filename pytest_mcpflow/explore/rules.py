"""Rules that hold for most workflows, to pass as `invariants`; each is a value that says its claim and can be called.

    explore(deploy, world, invariants=[AtMostOneEffect("kubernetes.*"), BoundedRetries(5)])

Several are conditional on what went wrong: nobody can send an alert while the alerts themselves are out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic_core import to_json

from pytest_mcpflow.admission import result_admits_failure
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.errors import LeakedError
from pytest_mcpflow.explore.named import refuse_letters, refuse_unknown
from pytest_mcpflow.explore.subject import Check, claim_of, name_of
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.faults.kind import check_seconds
from pytest_mcpflow.scenario import Run
from pytest_mcpflow.transcript import Interaction, matches

__all__ = [
    "AtMostOneEffect",
    "BoundedRetries",
    "Compensated",
    "FailuresAlerted",
    "NoCallAfter",
    "NoSecrets",
    "OnceHealed",
    "OnlyTools",
    "Released",
    "Rule",
    "UnlessFaulted",
]


@dataclass(frozen=True)
class Rule(ABC):
    """What must hold of a run and of the world after it.

    A run that breaks it is `failed silently`, or `leaked` if nothing worse is broken and its class says that it
    `leaks`.
    """

    leaks: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What reports call it."""
        return type(self).__name__

    @property
    @abstractmethod
    def claim(self) -> str:
        """The rule in a sentence."""

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        """The tools that it names, each with the argument of theirs that it looks at, if there is one.

        One that is misspelt is an error, since the rule would hold of everything.
        """
        return ()

    @abstractmethod
    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        """What breaks it."""

    def __call__(self, run: Run, world: Mapping[str, Fake]) -> None:
        for pattern, argument in self.named:
            refuse_unknown(run, world, pattern, argument)
        found = [*self.wrong(run, world)]
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise (LeakedError if self.leaks else AssertionError)(f"{'; '.join(found[:3])}{more}")


@dataclass(frozen=True)
class AtMostOneEffect(Rule):
    """No intent is carried out twice.

    Args:
        pattern: The tools that count.
        by: The argument that names the intent, such as an idempotency key; by default all arguments together.
    """

    pattern: str = "*"
    by: str | None = None

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        return ((self.pattern, self.by),)

    @property
    def claim(self) -> str:
        return f"No intent of {self.pattern} is carried out twice."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        effects = Counter[str]()
        for call in run.effects(self.pattern):
            intent = call.arguments.get(self.by) if self.by is not None else dict(call.arguments)
            twice = call.fault is not None and call.fault.effect == "effect applied twice"
            effects[f"{call.site} {to_json(intent).decode()}"] += 2 if twice else 1
        return (
            f"{intent}: {count} effects, at most 1 allowed" for intent, count in effects.items() if count > 1
        )


@dataclass(frozen=True)
class BoundedRetries(Rule):
    """No call is made more than `most` times with the same arguments."""

    most: int
    pattern: str = "*"

    def __post_init__(self) -> None:
        if not self.most >= 1:
            raise ValueError(f"most is a number of calls from 1 on, got {self.most}")

    @property
    def claim(self) -> str:
        return f"No call of {self.pattern} is made more than {self.most} times."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        calls = Counter(f"{call.site} {to_json(call.arguments).decode()}" for call in run.calls(self.pattern))
        return (
            f"{call}: {count} times, at most {self.most} allowed"
            for call, count in calls.items()
            if count > self.most
        )


@dataclass(frozen=True)
class NoCallAfter(Rule):
    """No call begins later than `seconds` after the run began."""

    seconds: float
    pattern: str = "*"

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def claim(self) -> str:
        return f"Nothing of {self.pattern} is begun after {self.seconds:g} s."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        return (
            f"{call.call} began at t={call.at:g}, after the deadline at t={self.seconds:g}"
            for call in run.calls(self.pattern)
            if call.at > self.seconds
        )


@dataclass(frozen=True)
class OnlyTools(Rule):
    """Only declared tools are called, `server.tool` or with `*`."""

    declared: tuple[str, ...]

    def __post_init__(self) -> None:
        refuse_letters("declared", self.declared)

    @property
    def claim(self) -> str:
        return f"Only {', '.join(self.declared)} are called."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        return (
            f"{call.call} is not among {', '.join(self.declared)}"
            for call in run.transcript
            if not any(matches(each, call.site) for each in self.declared)
        )


@dataclass(frozen=True)
class NoSecrets(Rule):
    """No argument of a call holds a secret: none of these texts, and nothing that a recording would redact."""

    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_letters("texts", self.texts)

    @property
    def claim(self) -> str:
        return "No secret is sent to a tool."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        redactor = Redactor(entropy=False)
        for number, call in enumerate(run.transcript, 1):
            params = {"name": call.name, "arguments": dict(call.arguments)}
            message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            sent = to_json(params).decode()
            if any(text in sent for text in self.texts) or redactor.message(message) != message:
                yield f"call {number}, {call.site}, was sent a secret"


@dataclass(frozen=True)
class FailuresAlerted(Rule):
    """Somebody is alerted of each run that raises, or whose result says that it failed.

    Not where every attempt to send the alert was made to go wrong, since then nobody could.
    """

    alert: str

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        return ((self.alert, None),)

    @property
    def claim(self) -> str:
        return f"Of a failure somebody is told by {self.alert}."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        attempts = run.calls(self.alert)
        hindered = bool(attempts) and all(call.fault is not None for call in attempts)
        if _failed(run) and not hindered and not run.effects(self.alert):
            yield f"it failed, and nobody was told by {self.alert}"


@dataclass(frozen=True)
class Compensated(Rule):
    """In a run that fails, what was done is undone.

    Not where undoing it was made to go wrong; that somebody should hear of then.

    Args:
        done: The tool that does it.
        undone: The tool that takes it back.
        by: The argument of both that says what it is.
    """

    done: str
    undone: str
    by: str

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        return ((self.done, self.by), (self.undone, self.by))

    @property
    def claim(self) -> str:
        return f"What {self.done} did is undone by {self.undone} when the run fails."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        if not _failed(run):
            return ()
        left = _left(run, self.done, self.undone, self.by)
        return (f"{each!r} was done by {self.done} and not undone by {self.undone}" for each in left)


@dataclass(frozen=True)
class Released(Rule):
    """Slots, locks and connections that were taken are given back, whatever becomes of the run.

    Args:
        taken, given_back: The tools.
        by: The argument of both that says which one.
    """

    leaks: ClassVar[bool] = True

    taken: str
    given_back: str
    by: str

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        return ((self.taken, self.by), (self.given_back, self.by))

    @property
    def claim(self) -> str:
        return f"What {self.taken} takes is given back by {self.given_back}."

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        left = _left(run, self.taken, self.given_back, self.by)
        return (
            f"{each!r} was taken by {self.taken} and not given back by {self.given_back}" for each in left
        )


@dataclass(frozen=True)
class UnlessFaulted(Rule):
    """A rule for runs in which no call of some tools was made to go wrong."""

    check: Check
    patterns: tuple[str, ...]

    def __post_init__(self) -> None:
        refuse_letters("patterns", self.patterns)

    @property
    def named(self) -> Iterable[tuple[str, str | None]]:
        return ((pattern, None) for pattern in self.patterns)

    @property
    def name(self) -> str:
        return name_of(self.check)

    @property
    def claim(self) -> str:
        return f"{claim_of(self.check)} (unless {', '.join(self.patterns)} went wrong)"

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        faulted = [call.site for call in run.transcript if call.fault is not None]
        if not any(matches(pattern, site) for pattern in self.patterns for site in faulted):
            self.check(run, world)
        return ()


@dataclass(frozen=True)
class OnceHealed(Rule):
    """A rule for runs in which all that went wrong worked again: the last call of each such tool was answered."""

    check: Check

    @property
    def name(self) -> str:
        return name_of(self.check)

    @property
    def claim(self) -> str:
        return f"{claim_of(self.check)} (once all works again)"

    def wrong(self, run: Run, world: Mapping[str, Fake], /) -> Iterable[str]:
        last = {call.site: call for call in run.transcript}
        faulted = {call.site for call in run.transcript if call.fault is not None}
        if all(last[site].ok and last[site].fault is None for site in faulted):
            self.check(run, world)
        return ()


def _failed(run: Run) -> bool:
    return run.error is not None or result_admits_failure(run.result)


def _left(run: Run, done: str, undone: str, by: str) -> list[object]:
    """What was done more often than undone, where nothing hindered that."""
    balance = Counter(_key(call, by) for call in run.effects(done))
    balance.subtract(Counter(_key(call, by) for call in run.effects(undone)))
    hindered = {_key(call, by) for call in run.calls(undone) if call.fault is not None}
    return [each for each, count in balance.items() if count > 0 and each not in hindered]


def _key(call: Interaction, by: str) -> str:
    value = call.arguments.get(by)
    return value if isinstance(value, str) else to_json(value).decode()
