"""The reference answer to `collaborative-review`: three perspectives, one list, fixes, a second look, approval."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["Remark", "ReviewReport", "Team"]

REPOSITORY, NUMBER, BRANCH = "shop/api", 45, "feature/payments"
AGENTS = ("security", "performance", "quality")
PAYMENTS, HISTORY, DOCS = "src/payments.ts", "src/order-history.ts", "docs/api/payments.md"
AGENT_SECONDS = 300.0
"""How long the others wait for one agent."""

Verdict = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]

LOOP = "  for (const order of orders) {\n    order.items = await items.findBy(order.id);\n  }\n"
CALL = "  const paid = await provider.charge(body);\n"
FIXES = {
    "rate limit": (PAYMENTS, "post('/payments', charge)", "post('/payments', rateLimit(10), charge)"),
    "network": (
        PAYMENTS,
        CALL,
        "  let paid;\n  try {\n    paid = await provider.charge(body);\n  } catch (error) {\n"
        "    throw new ProviderUnavailable();\n  }\n",
    ),
    "N+1": (HISTORY, LOOP, "  await items.attachTo(orders);\n"),
}
"""By topic: the file, what to replace, and by what."""
DOCUMENTATION = (
    "# POST /payments\n\nCharges the user. 10 requests a minute; 503 when the provider cannot be reached.\n"
)


@dataclass(frozen=True)
class Remark:
    """One thing that agents found, and who they are; a blocking one must be fixed before the approval."""

    topic: str
    file: str
    line: int
    text: str
    blocking: bool
    by: tuple[str, ...]

    def __str__(self) -> str:
        kind = "must" if self.blocking else "could"
        return f"[{kind}] {self.file}:{self.line}: {self.text} ({', '.join(self.by)})"


@dataclass(frozen=True)
class ReviewReport:
    """What was found together, what was good, what was fixed, and who approved."""

    success: bool = False
    remarks: tuple[Remark, ...] = ()
    good: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    error: str | None = None


_WANTED = (
    # agent, topic, pattern of what is wrong, text, whether it blocks
    ("security", "rate limit", r"post\('/payments', charge\)", "missing rate limiting", True),
    ("security", "network", r"^  const paid = await", "the provider's error reaches the client", True),
    ("performance", "N+1", r"await items\.findBy\(order\.id\)", "N+1 query in the order history", True),
    ("performance", "cache", r"await methods\.of\(user\)", "could cache the user's payment methods", False),
    ("quality", "network", r"^  const paid = await", "missing error handling for network failures", True),
)
_GOOD = (
    ("security", r"validate\(body\)", "input validation is present"),
    ("security", r"process\.env\.PAYMENT_KEY", "the API key comes from the environment"),
    ("performance", r"await provider\.charge", "calls of the payment provider are async"),
)


def _line(text: str, pattern: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def inspect(agent: str, files: Mapping[str, str]) -> list[Remark]:
    """What one agent has to say of some files."""
    remarks = [
        Remark(topic, file, line, text, blocking, (agent,))
        for who, topic, pattern, text, blocking in _WANTED
        for file, content in files.items()
        if who == agent and (line := _line(content, pattern)) is not None
    ]
    route = _line(files[PAYMENTS], r"router\.post")
    if agent == "quality" and DOCS not in files and route is not None:
        remarks.append(Remark("docs", PAYMENTS, route, "needs API documentation", False, (agent,)))
    return remarks


def merged(remarks: Sequence[Remark]) -> tuple[Remark, ...]:
    """One remark for each thing, credited to all who found it; what blocks one blocks all."""
    found: dict[tuple[str, str, int], Remark] = {}
    for each in remarks:
        key = (each.topic, each.file, each.line)
        if (known := found.get(key)) is None:
            found[key] = each
        else:
            blocking, by = known.blocking or each.blocking, (*known.by, *each.by)
            found[key] = replace(known, blocking=blocking, by=by)
    return tuple(sorted(found.values(), key=lambda each: (not each.blocking, each.file, each.line)))


class Team:
    """Three agents that review one pull request."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = ReviewReport()

    async def run(self) -> ReviewReport:
        error = await self._crew.loudly(f"The review of #{NUMBER}", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        found = await self._everybody("review")
        remarks = merged(found)
        self._report = replace(self._report, remarks=remarks)
        await self._feed_back(remarks)
        await self._fix(remarks)
        still = [remark for remark in merged(await self._everybody("look again at")) if remark.blocking]
        if still:
            raise StoppedError(f"still open: {'; '.join(map(str, still))}")
        await together(*(self._say(agent, "APPROVE", f"{agent}: nothing blocks") for agent in AGENTS))
        self._report = replace(self._report, approved_by=AGENTS)
        await self._crew.notify(f"#{NUMBER} is approved by {', '.join(AGENTS)}", "slack")

    async def _everybody(self, task: Literal["review", "look again at"]) -> list[Remark]:
        """All agents at the same time. Who is missing has not agreed, so nobody goes on without them."""

        async def in_time(agent: str) -> list[Remark]:
            async with asyncio.timeout(AGENT_SECONDS):
                return await self._look(agent, tell=task == "review")

        done = await asyncio.gather(*map(in_time, AGENTS), return_exceptions=True)
        missing = [
            f"{agent} ({type(each).__name__}: {each})"
            for agent, each in zip(AGENTS, done, strict=True)
            if isinstance(each, BaseException)
        ]
        if missing:
            raise StoppedError(f"could not {task} it: {'; '.join(missing)}")
        return [remark for each in done if not isinstance(each, BaseException) for remark in each]

    async def _look(self, agent: str, *, tell: bool) -> list[Remark]:
        """One agent reads what the pull request changes, by itself, and says what it found."""
        changed = await self._crew.github("get_pull_request_files", pull_number=NUMBER)
        paths = [each["filename"] for each in changed["result"]]
        contents = await together(
            *(self._crew.github("get_file_contents", path=path, branch=BRANCH) for path in paths)
        )
        files = {path: str(each["result"]) for path, each in zip(paths, contents, strict=True)}
        remarks = inspect(agent, files)
        good = [text for who, pattern, text in _GOOD if who == agent and _line(files[PAYMENTS], pattern)]
        if tell:
            if agent == "quality":
                tested = await self._crew.must_run("npm test -- --coverage")
                good.append(tested.partition("\n")[2])
            self._report = replace(self._report, good=tuple(sorted((*self._report.good, *good))))
            blocks = any(each.blocking for each in remarks)
            verdict: Verdict = "REQUEST_CHANGES" if blocks else "COMMENT"
            body = "\n".join([f"{agent}:", *(f"+ {text}" for text in good), *map(str, remarks)])
            await self._say(agent, verdict, body, remarks)
        return remarks

    async def _feed_back(self, remarks: Sequence[Remark]) -> None:
        """All findings in one place, none twice."""
        body = "\n".join(["Found together:", *map(str, remarks)])
        await self._say("team", "COMMENT", body, remarks)

    async def _fix(self, remarks: Sequence[Remark]) -> None:
        """Fix what blocks and write the documentation; what could be better later stays a remark."""
        await self._crew.must_run(f"git checkout {BRANCH}")
        blocking = [each for each in remarks if each.blocking]
        for remark in blocking:
            await self._crew.edit(*FIXES[remark.topic])
        await self._crew.write(DOCS, DOCUMENTATION)
        await self._crew.must_run("npm test")
        paths = sorted({each.file for each in blocking} | {DOCS})
        await self._crew.commit(f"Fix what the review of #{NUMBER} found", *paths)
        await self._crew.push(BRANCH)
        self._report = replace(self._report, fixed=(*(each.topic for each in blocking), "docs"))

    async def _say(
        self,
        agent: str,
        verdict: Verdict,
        body: str,
        remarks: Sequence[Remark] = (),
    ) -> None:
        """Post a review, once."""
        comments = [{"path": each.file, "line": each.line, "body": each.text} for each in remarks]
        review: dict[str, Any] = {"event": verdict, "body": body, "author": f"{agent}-agent"}

        async def is_posted() -> bool:
            posted = (await self._crew.github("get_pull_request_reviews", pull_number=NUMBER))["result"]
            return any(review.items() <= each.items() and each["comments"] == comments for each in posted)

        pull = {**self._crew.repository, "pull_number": NUMBER}
        await self._crew.once(
            "github.create_pull_request_review", {**pull, **review, "comments": comments}, done=is_posted
        )
        if not await is_posted():
            raise StoppedError(f"the review of {agent} came through in part")
