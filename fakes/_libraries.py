"""What Context7 knows of libraries, what it answers, and when parts of it do not work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "Documentation",
    "Example",
    "Examples",
    "Kept",
    "Library",
    "Match",
    "Outage",
    "OutageKind",
    "SearchResult",
    "Section",
    "Source",
]

Source = Literal["live", "cache", "mock"]
OutageKind = Literal["server", "upstream", "search"]


@dataclass
class Section:
    """A section of a library's documentation and where it is found."""

    title: str
    url: str
    text: str


@dataclass
class Example:
    """A piece of code that a library's authors show."""

    topic: str
    title: str
    url: str
    code: str


@dataclass
class Library:
    """A library; `documentation` is by version, oldest first, and `trust` goes from 0 to 10.

    `reachable` says whether its documentation can be fetched at the moment; otherwise kept copies are served.
    """

    id: str
    description: str
    documentation: dict[str, list[Section]]
    examples: list[Example] = field(default_factory=list[Example])
    trust: float = 8.0
    reachable: bool = True


@dataclass
class Outage:
    """Something does not work from `starts_at` on (seconds on the fake's clock), until `ends_at` if it is given.

    `server`: everything is refused. `upstream`: nothing can be fetched, kept copies are served. `search`: the
    index finds nothing, and says that it may be wrong.
    """

    kind: OutageKind
    starts_at: float = 0.0
    ends_at: float | None = None

    def covers(self, at: float) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass
class Match:
    """A library that a search found."""

    name: str
    id: str
    description: str
    versions: list[str]
    trust: float


@dataclass
class Answer:
    """How an answer came about.

    Args:
        source: `live`, a kept copy (`cache`), or made up for want of an API key (`mock`).
        stale: Whether it is a copy that is too old and could not be fetched anew.
        fetched_at: When its content was fetched, in ISO 8601.
        warning: What the reader should know, if anything.
    """

    success: bool
    source: Source
    stale: bool
    fetched_at: str
    warning: str | None


@dataclass
class SearchResult(Answer):
    """What a search found, the best match first; `total` counts also those beyond the limit."""

    query: str
    libraries: list[Match]
    total: int


@dataclass
class Documentation(Answer):
    """The documentation of one version of a library."""

    library: str
    version: str
    sections: list[Section]


@dataclass
class Examples(Answer):
    """Examples of one topic; `total` counts also those beyond the limit."""

    library: str
    topic: str
    examples: list[Example]
    total: int


@dataclass
class Kept:
    """A copy of an answer and when it was fetched (seconds on the fake's clock)."""

    at: float
    answer: SearchResult | Documentation | Examples
