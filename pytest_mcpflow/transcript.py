"""What a workflow did: interactions, in the order in which it began them.

    >>> transcript.calls("kubernetes.kubectl_apply")          # a Transcript again
    >>> transcript.before("security-scanner.*", "kubernetes.kubectl_apply")
    >>> transcript.calls("send_alert")[0].arguments["severity"]

A pattern is `server.tool`, a bare tool name, or either with `*`, or with names to choose from: `{github,docker}.*`.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain, product
from math import prod
from typing import Any, Protocol, cast, overload

from pytest_mcpflow.errors import UnknownNameError
from pytest_mcpflow.outcome import Answered, Asked, Injected, Outcome, Pending, shortened, shown_arguments

__all__ = ["Interaction", "Latency", "Order", "Transcript"]

NOISE = frozenset(
    {
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/list",
        "resources/list",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "server/discover",
        "subscriptions/listen",
        "tools/list",
    }
)
"""Requests that a client sends to find out what there is; shown by `Transcript.with_protocol`."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and what became of it.

    Args:
        at: When it began, seconds since the run began.
        until: When its outcome reached the workflow, or `None` while it has none.
        server: The server's name in the hub.
        name: The tool, the resource's URI, or the prompt.
        arguments: What was sent, as JSON values.
        outcome: What the workflow saw.
        effect: Whether the world changed: `True` or `False` where a fake knows, `None` for servers that cannot tell.
        method: The protocol's method, `tools/call` for tools.
        context_id: The context the call was made in.
        asked: What the server asked meanwhile, and the answers.
        fault: What was made to go wrong with it, if anything was.
    """

    at: float
    until: float | None
    server: str
    name: str
    arguments: Mapping[str, Any]
    outcome: Outcome
    effect: bool | None = None
    method: str = "tools/call"
    context_id: str | None = None
    asked: tuple[Asked, ...] = ()
    fault: Injected | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took, or `None` while it has no outcome."""
        return None if self.until is None else self.until - self.at

    @property
    def site(self) -> str:
        """`server.tool`."""
        return f"{self.server}.{self.name or self.method}"

    @property
    def ok(self) -> bool:
        """Whether the workflow got an answer that is not a refusal."""
        return isinstance(self.outcome, Answered) and not self.outcome.says_no

    def __str__(self) -> str:
        return f"t={self.at:7.1f}  {self.call} -> {self.ending}"

    @property
    def ending(self) -> str:
        """How it ended, and what was made to go wrong."""
        if self.fault is None:
            return str(self.outcome)
        return str(self.fault) if isinstance(self.outcome, Pending) else f"{self.fault}; {self.outcome}"

    @property
    def call(self) -> str:
        """The call as it would be written: `server.tool(name='value')`."""
        if self.method == "tools/call":
            return f"{self.site}({shown_arguments(self.arguments)})"
        return " ".join(filter(None, [self.server, self.method, self.name, shown_arguments(self.arguments)]))


@dataclass(frozen=True, slots=True)
class Latency:
    """How long `count` calls took, in seconds: the `median`, the 95th percentile, the `longest`, the `total`."""

    count: int
    median: float
    p95: float
    longest: float
    total: float

    def __str__(self) -> str:
        return f"{self.count} calls, median {self.median:g} s, p95 {self.p95:g} s, longest {self.longest:g} s"


@dataclass(frozen=True)
class Order:
    """Whether one kind of call came before another; false where one of them never happened."""

    first: str
    then: str
    holds: bool
    because: str = field(compare=False)

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return f"{self.first} before {self.then}: {'yes' if self.holds else 'no'}, {self.because}"

    __repr__ = __str__


class Unread(Protocol):
    """An interaction that is written down and will not change any more, but that nobody has looked at yet."""

    @property
    def method(self) -> str: ...

    def freeze(self) -> Interaction: ...


class Transcript(Sequence[Interaction]):
    """Interactions in the order in which they began; a plain sequence that prints itself.

    Comparing with a list works item by item, so matchers can stand for interactions.
    """

    def __init__(
        self,
        interactions: Iterable[Interaction | Unread],
        *,
        protocol: bool = False,
        is_known: Callable[[str], bool] | None = None,
        known: Iterable[str] = (),
    ) -> None:
        self._all = tuple(interactions)
        self._counted = (
            self._all if protocol else tuple(each for each in self._all if each.method not in NOISE)
        )
        self._protocol, self._is_known, self._known = protocol, is_known, tuple(known)

    @cached_property
    def _shown(self) -> tuple[Interaction, ...]:
        return tuple(each if isinstance(each, Interaction) else each.freeze() for each in self._counted)

    @overload
    def __getitem__(self, index: int) -> Interaction: ...
    @overload
    def __getitem__(self, index: slice) -> Transcript: ...
    def __getitem__(self, index: int | slice) -> Interaction | Transcript:
        return self._of(self._shown[index]) if isinstance(index, slice) else self._shown[index]

    def __len__(self) -> int:
        return len(self._counted)

    def __iter__(self) -> Iterator[Interaction]:
        return iter(self._shown)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Transcript):
            return self._shown == other._shown
        if isinstance(other, list | tuple):
            return [*self] == [*cast("Sequence[object]", other)]
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal to lists, so not hashable, like them

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "(no calls)"

    def __repr__(self) -> str:
        return (
            f"<Transcript of {len(self)}>"
            if len(self) > 8
            else f"<Transcript {[each.call for each in self]}>"
        )

    def with_protocol(self) -> Transcript:
        """The same with the requests that clients send by themselves, such as `tools/list`."""
        return Transcript(self._all, protocol=True, is_known=self._is_known, known=self._known)

    def calls(self, pattern: str) -> Transcript:
        """The calls of a tool (`server.tool`, `tool`, `server.*`, `{one,other}.*`, ...).

        Raises:
            UnknownNameError: No server of the hub has such a tool, so the answer would always be "none".
        """
        self._check(pattern)
        return self._of(each for each in self if matches(pattern, each.site))

    def by_server(self, server: str) -> Transcript:
        """The interactions with one server.

        Raises:
            UnknownNameError: The hub has no such server.
        """
        if self._is_known is not None and not self._is_known(f"{server}.*"):
            raise UnknownNameError("server", server, {site.rpartition(".")[0] for site in self._known})
        return self.calls(f"{server}.*")

    def in_context(self, context_id: str) -> Transcript:
        """The interactions of one context."""
        return self._of(each for each in self if each.context_id == context_id)

    def effects(self, pattern: str = "*") -> Transcript:
        """The calls that changed the world, whatever the workflow got to hear of it."""
        return self._of(each for each in self.calls(pattern) if each.effect)

    def failures(self) -> Transcript:
        """The interactions that ended in a refusal, an error or a cancellation."""
        return self._of(each for each in self if not each.ok and not isinstance(each.outcome, Pending))

    def before(self, first: str, then: str) -> Order:
        """Whether every call of `first` had its outcome before the first call of `then` began.

        At one instant the order of calling decides, on every way alike: a call that answers at once has no duration,
        so what a workflow awaits one after the other and what it starts together (`asyncio.gather`) leave the same
        transcript. Let the tool of `first` take its time, `Shop(takes={"order": 1.0})`, and calls that overlap do not
        come before each other.
        """
        earlier, later = self._places(first), self._places(then)
        if not earlier or not later:
            return Order(first, then, False, f"{first if not earlier else then} was never called")
        begin, began = later[0]
        for place, each in earlier:
            if place > begin or each.until is None or each.until > began.at:
                return Order(first, then, False, _why_not(each, began, was_called_after=place > begin))
        return Order(first, then, True, f"{began.call} began at t={began.at:g}")

    def counts(self) -> Counter[str]:
        """How often each `server.tool` was called."""
        return Counter(each.site for each in self)

    def by(self, argument: str) -> Counter[Any]:
        """How often each value of an argument was sent."""
        return Counter(each.arguments.get(argument) for each in self)

    def latency(self) -> Latency:
        """How long these interactions took; those without an outcome do not count."""
        took = sorted(each.seconds for each in self if each.seconds is not None)
        if not took:
            return Latency(0, 0.0, 0.0, 0.0, 0.0)
        return Latency(len(took), _percentile(took, 50), _percentile(took, 95), took[-1], sum(took))

    def _of(self, interactions: Iterable[Interaction]) -> Transcript:
        return Transcript(interactions, protocol=self._protocol, is_known=self._is_known, known=self._known)

    def _places(self, pattern: str) -> list[tuple[int, Interaction]]:
        """The calls of a tool with where they stand: equal calls at one instant are told apart by nothing else."""
        self._check(pattern)
        return [(place, each) for place, each in enumerate(self) if matches(pattern, each.site)]

    def _check(self, pattern: str) -> None:
        if self._is_known is not None and not self._is_known(pattern):
            raise UnknownNameError("tool", pattern, self._known)


def _why_not(earlier: Interaction, later: Interaction, *, was_called_after: bool) -> str:
    """Why a call was not over before another began."""
    if was_called_after:
        return f"{earlier.call} was called at t={earlier.at:g}, after {later.call} at t={later.at:g}"
    ended = "has not ended" if earlier.until is None else f"ended at t={earlier.until:g}"
    return f"{earlier.call} began at t={earlier.at:g} and {ended}, {later.call} began at t={later.at:g}"


_WILD = frozenset("*?[{")
_CHOICE = re.compile(r"\{([^{}]*)\}")
MOST_CHOICES = 1000
"""For how many patterns one may stand; each choice more in a pattern multiplies them."""


def matches(pattern: str, site: str) -> bool:
    """Whether a pattern names a call site; a pattern without a dot names a tool of any server."""
    if pattern == site or ("." in pattern and _WILD.isdisjoint(pattern)):
        return pattern == site
    if "{" in pattern and (choices := alternatives(pattern)) != (pattern,):
        return any(matches(each, site) for each in choices)
    return fnmatch.fnmatchcase(site, pattern if "." in pattern else f"*.{pattern}")


@lru_cache(maxsize=1024)
def alternatives(pattern: str) -> tuple[str, ...]:
    """The patterns that one with a choice in braces stands for: `{github,docker}.*` for `github.*` and `docker.*`.

    Raises:
        ValueError: There are too many.
    """
    *parts, end = _CHOICE.split(pattern)  # by turns what stands before a choice, and its names
    choices = [names.split(",") for names in parts[1::2]]
    if prod(map(len, choices)) > MOST_CHOICES:
        raise ValueError(
            f"{shortened(pattern, 60)!r} stands for more than {MOST_CHOICES:,} names; choose among fewer"
        )
    return tuple("".join([*chain(*zip(parts[::2], names, strict=True)), end]) for names in product(*choices))


def _percentile(ascending: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest value with at least `percent` of all values at or below it."""
    return ascending[max(0, -(-len(ascending) * percent // 100) - 1)]
