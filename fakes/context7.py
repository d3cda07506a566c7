"""A fake of Context7: libraries, their documentation and examples, as live, kept or made-up answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from pytest_mcpflow.fake import Fake, FakeError, tool
from pytest_mcpflow.fakes._libraries import (
    Documentation,
    Example,
    Examples,
    Kept,
    Library,
    Match,
    Outage,
    OutageKind,
    SearchResult,
    Section,
    Source,
)

__all__ = [
    "Context7",
    "Documentation",
    "Example",
    "Examples",
    "Library",
    "Match",
    "Outage",
    "SearchResult",
    "Section",
]

A = TypeVar("A", SearchResult, Documentation, Examples)
Origin = tuple[bool, Source, bool, str, str | None]
"""The fields that all answers have."""
WINDOW_SECONDS = 60.0
LARGEST_LIMIT = 50
MOCKED = "no API key is set: this answer is made up"


@dataclass
class Context7(Fake):
    """Live documentation of libraries. Nothing a client does changes it, but requests count against a limit."""

    libraries: dict[str, Library] = field(default_factory=dict[str, Library])
    """By name."""
    has_api_key: bool = True
    """Without a key every answer is made up, and says so."""
    rate_limit: int = 100
    """Requests in any 60 seconds."""
    fresh_seconds: float = 300.0
    """How long a kept answer is served without asking anew."""
    outages: list[Outage] = field(default_factory=list[Outage])
    requests: list[float] = field(default_factory=list[float], repr=False, compare=False)
    """When requests were admitted; servers of one key share the list. Like `kept`, nothing that a client can see."""
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept], repr=False, compare=False)

    @tool(reads=True)
    def context7_search_libraries(self, query: str, limit: int = 10) -> SearchResult:
        """Find libraries by the words in their names and descriptions, the best match first."""
        self.admit()
        _check_limit(limit)
        words = query.casefold().split()
        if not words:
            raise FakeError("400 Bad Request: query is empty")

        def fetch() -> SearchResult:
            if self.is_out("search"):
                return SearchResult(
                    *self._live("the search index is degraded: libraries are missing"), query, [], 0
                )
            found = self.matches(words)
            return SearchResult(*self._live(), query, found[:limit], len(found))

        if not self.has_api_key:
            made_up = Match(f"{words[0]}-example", f"/example/{words[0]}", "An example.", ["1.0"], 0.0)
            return SearchResult(*self._mock(), query, [made_up], 1)
        return self._serve(SearchResult, f"search {limit} {query}", fetch)

    @tool(reads=True)
    def context7_get_documentation(self, library: str, version: str = "latest") -> Documentation:
        """Get the documentation of a library, of its newest version unless another is asked for."""
        self.admit()
        if not self.has_api_key:
            section = Section("Example", f"https://example.com/{library}", f"How {library} might be used.")
            return Documentation(*self._mock(), library, version, [section])
        known = self._library(library)
        wanted = [*known.documentation][-1] if version == "latest" else version
        if wanted not in known.documentation:
            there_is = ", ".join(known.documentation)
            raise FakeError(f"404 Not Found: {library} has no version {version} (there is: {there_is})")

        def fetch() -> Documentation:
            return Documentation(*self._live(), library, wanted, [*known.documentation[wanted]])

        return self._serve(
            Documentation, f"documentation {library} {version}", fetch, reachable=known.reachable
        )

    @tool(reads=True)
    def context7_get_examples(self, library: str, topic: str, limit: int = 5) -> Examples:
        """Get examples of a topic from the authors of a library."""
        self.admit()
        _check_limit(limit)
        if not self.has_api_key:
            made_up = Example(topic, "Example", f"https://example.com/{library}", "pass")
            return Examples(*self._mock(), library, topic, [made_up], 1)
        known = self._library(library)

        def fetch() -> Examples:
            found = [each for each in known.examples if each.topic == topic]
            return Examples(*self._live(), library, topic, found[:limit], len(found))

        return self._serve(Examples, f"examples {limit} {library} {topic}", fetch, reachable=known.reachable)

    @property
    def is_down(self) -> bool:
        """Whether the server refuses everything now."""
        return self.is_out("server")

    def fail(self, kind: OutageKind = "server") -> None:
        """Let something not work from now on."""
        self.outages.append(Outage(kind, self.clock.now()))

    def recover(self) -> None:
        """End what does not work now."""
        for outage in self.outages:
            if outage.covers(self.clock.now()):
                outage.ends_at = self.clock.now()

    def keep_documentation(self, library: str, version: str, sections: list[Section], *, at: float) -> None:
        """Keep a copy of documentation that was fetched at `at`, most likely before the run (below zero)."""
        answer = Documentation(*self._live(at=at), library, version, sections)
        for asked in (version, "latest"):
            self.kept[f"documentation {library} {asked}"] = Kept(at, answer)

    def keep_examples(
        self, library: str, topic: str, examples: list[Example], *, at: float, limit: int = 5
    ) -> None:
        """Keep a copy of examples that were fetched at `at`, most likely before the run (below zero)."""
        answer = Examples(*self._live(at=at), library, topic, examples[:limit], len(examples))
        self.kept[f"examples {limit} {library} {topic}"] = Kept(at, answer)

    def _serve(self, kind: type[A], asked: str, fetch: Callable[[], A], *, reachable: bool = True) -> A:
        """A kept copy while it is fresh, else what is fetched, else the old copy."""
        now, kept = self.clock.now(), self.kept.get(asked)
        copy = kept.answer if kept is not None and isinstance(kept.answer, kind) else None
        age = now - kept.at if kept is not None else 0.0
        if copy is not None and age < self.fresh_seconds:
            return replace(copy, source="cache")
        if reachable and not self.is_out("upstream"):
            answer = fetch()
            if answer.warning is None:
                self.kept[asked] = Kept(now, answer)
            return answer
        if copy is None:
            raise FakeError("502 Bad Gateway: the documentation cannot be fetched, and no copy is kept")
        old = f"could not be fetched anew: this copy is {round(age)} s old"
        return replace(copy, source="cache", stale=True, warning=old)

    def admit(self) -> None:
        """Count a request against the limit, or refuse it while the server is down."""
        now = self.clock.now()
        if self.is_down:
            raise FakeError("503 Service Unavailable")
        self.requests[:] = [at for at in self.requests if at > now - WINDOW_SECONDS]
        if len(self.requests) >= self.rate_limit:
            wait = math.ceil(self.requests[-self.rate_limit] + WINDOW_SECONDS - now)
            raise FakeError(
                f"429 Too Many Requests: {self.rate_limit} requests per minute; retry after {wait} seconds"
            )
        self.requests.append(now)

    def matches(self, words: list[str]) -> list[Match]:
        """Libraries with at least one of the words, those with most words and most trust first."""
        found: list[tuple[int, Match]] = []
        for name, each in self.libraries.items():
            text = f"{name} {each.description}".casefold()
            hits = sum(word in text for word in words) + (name.casefold() in words)
            if hits:
                found.append(
                    (hits, Match(name, each.id, each.description, [*each.documentation], each.trust))
                )
        found.sort(key=lambda hit: (-hit[0], -hit[1].trust, hit[1].name))
        return [match for _, match in found]

    def _library(self, name: str) -> Library:
        for known, library in self.libraries.items():
            if name in (known, library.id):
                return library
        raise FakeError(f"404 Not Found: there is no library {name!r}; search with context7_search_libraries")

    def is_out(self, kind: OutageKind) -> bool:
        """Whether something does not work now."""
        return any(outage.kind == kind and outage.covers(self.clock.now()) for outage in self.outages)

    def _live(self, warning: str | None = None, *, at: float | None = None) -> Origin:
        return (True, "live", False, self._stamp(at), warning)

    def _mock(self) -> Origin:
        return (True, "mock", False, self._stamp(), MOCKED)

    def _stamp(self, at: float | None = None) -> str:
        fetched = self.clock.starts_at + timedelta(seconds=self.clock.now() if at is None else at)
        return fetched.isoformat(timespec="seconds").replace("+00:00", "Z")


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= LARGEST_LIMIT:
        raise FakeError(f"400 Bad Request: limit must be between 1 and {LARGEST_LIMIT}, got {limit}")
