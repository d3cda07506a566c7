"""Reviews of code against what its libraries' authors advise, each with what it rests on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_mcpflow.scenarios._careful import Desk, together
from pytest_mcpflow.scenarios._documentation import real_answer

__all__ = ["SNIPPETS", "TOOLS", "CodeReview", "Finding", "Review", "place_of", "review_all"]

SNIPPETS = {"src/main.py": "fastapi", "src/health.py": "fastapi", "src/client.py": "httpx"}
"""What is reviewed, and the library that it uses."""
TOOLS = ("context7_get_documentation", "context7_get_examples")
RULE = re.compile(r"(?:Avoid )?`(?P<found>[^`]+)`(?: is deprecated; use |; prefer )`(?P<instead>[^`]+)`")


@dataclass(frozen=True)
class Finding:
    """A line that does what the documentation advises against, and where it says so."""

    line: int
    found: str
    instead: str
    source: str

    def __str__(self) -> str:
        return f"- line {self.line}: {self.found}; use {self.instead} ({self.source})"


@dataclass(frozen=True)
class Review:
    """One file's review; `copied_at` says when an old copy was fetched that it rests on, if it does."""

    path: str
    library: str
    version: str
    findings: tuple[Finding, ...]
    copied_at: str | None = None

    @property
    def verdict(self) -> str:
        return "changes requested" if self.findings else "passed"

    def __str__(self) -> str:
        basis = f"{self.library} {self.version}"
        if self.copied_at is not None:
            basis += f", stale: from a copy of {self.copied_at}"
        lines = [f"# {self.path}: {self.verdict}", f"Held against {basis}.", *map(str, self.findings), ""]
        return "\n".join(lines)


@dataclass(frozen=True)
class CodeReview:
    """All reviews; `not_reviewed` has the reason by file."""

    success: bool
    reviews: tuple[Review, ...]
    not_reviewed: dict[str, str]


def place_of(path: str) -> str:
    """Where the review of a file is written."""
    return f"reviews/{path.replace('/', '-')}.md"


async def review_all(desk: Desk) -> CodeReview:
    """Review each file; one that cannot be reviewed stops no other."""
    libraries = sorted(set(SNIPPETS.values()))
    read = await asyncio.gather(*(_rules(desk, library) for library in libraries), return_exceptions=True)
    advice = dict(zip(libraries, read, strict=True))
    reviews: list[Review] = []
    not_reviewed: dict[str, str] = {}
    for path, library in SNIPPETS.items():
        try:
            reviews.append(await _review(desk, path, library, advice[library]))
        except Exception as error:
            not_reviewed[path] = str(error)
    told = [f"{each.path}: {each.verdict}{_age(each)}" for each in reviews]
    if reviews:
        await desk.notify(
            f"{len(reviews)} of {len(SNIPPETS)} files reviewed: {'; '.join(sorted(told))}", "slack"
        )
    failed = [f"{path} is not reviewed: {why}" for path, why in not_reviewed.items()]
    failed += [f"people were not told: {each}" for each in desk.untold]
    if failed:
        await desk.alert("; ".join(failed), severity="medium")
    return CodeReview(not failed, tuple(reviews), not_reviewed)


@dataclass(frozen=True)
class _Advice:
    """What a library's authors advise against, with where they say so."""

    version: str
    rules: tuple[tuple[str, str, str], ...]
    copied_at: str | None


async def _rules(desk: Desk, library: str) -> _Advice:
    documentation, practices = await together(
        real_answer(desk, TOOLS[0], {"library": library, "version": "latest"}),
        real_answer(desk, TOOLS[1], {"library": library, "topic": "best_practices", "limit": 5}),
    )
    texts = [(each["text"], each["url"]) for each in documentation["sections"]]
    texts += [(each["code"], each["url"]) for each in practices["examples"]]
    rules = [(rule["found"], rule["instead"], url) for text, url in texts for rule in RULE.finditer(text)]
    old = [str(answer["fetched_at"]) for answer in (documentation, practices) if answer["stale"]]
    return _Advice(documentation["version"], tuple(rules), min(old, default=None))


async def _review(desk: Desk, path: str, library: str, advice: _Advice | BaseException) -> Review:
    if isinstance(advice, BaseException):
        raise advice
    code = await desk.read(path)
    review = Review(path, library, advice.version, tuple(_findings(code, advice)), advice.copied_at)
    await desk.write(place_of(path), str(review))
    return review


def _findings(code: str, advice: _Advice) -> Iterator[Finding]:
    for number, line in enumerate(code.splitlines(), 1):
        for found, instead, url in advice.rules:
            if found in line:
                yield Finding(number, found, instead, url)


def _age(review: Review) -> str:
    return "" if review.copied_at is None else f" (stale: copy of {review.copied_at})"
