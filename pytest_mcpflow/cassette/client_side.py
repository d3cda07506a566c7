"""The client's side of a recorded session, played to a live server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from pytest_mcpflow.cassette.carry import Carried
from pytest_mcpflow.cassette.compare import MISSING
from pytest_mcpflow.cassette.drift import Change, Skipped
from pytest_mcpflow.cassette.format import OPENINGS, Message, Session
from pytest_mcpflow.cassette.given import Given, Secrets
from pytest_mcpflow.cassette.judging import (
    Said,
    changed_answer,
    changed_handshake,
    server_info,
    server_title,
    shown,
)
from pytest_mcpflow.cassette.kinds import Side
from pytest_mcpflow.cassette.live import Exchange, LiveServer
from pytest_mcpflow.cassette.offers import (
    LISTINGS,
    changed_offers,
    changed_terms,
    danger_of,
    offers_of,
    pages_of,
)
from pytest_mcpflow.cassette.operations import Disconnected, Http, Operation, Questions, Result, Silence
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CannotVerifyError

__all__ = ["ClientSide", "Findings", "Rules"]

TAKEN_BACK = frozenset({"notifications/cancelled", "notifications/progress"})
PAGES = 1000
"""How far a listing is followed; a server that has more pages goes round in circles."""
ROUNDS = 20
"""How many more rounds of questions a call may take than it took when it was recorded."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How to verify.

    Args:
        allow: Patterns of tools that are called although they may destroy something.
        ignore: JSON pointers of places in answers and descriptions that do not count.
        exact: Whether volatile values count.
    """

    allow: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exact: bool = False


@dataclass(kw_only=True)
class Findings:
    """What was found so far. What is found again, since a client listed the tools twice, is kept once."""

    server: str = ""
    compared: int = 0
    tools: dict[str, Change] = field(default_factory=dict[str, Change])
    schemas: dict[str, Change] = field(default_factory=dict[str, Change])
    answers: dict[str, Change] = field(default_factory=dict[str, Change])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    notes: dict[str, None] = field(default_factory=dict[str, None])

    def keep(self, kind: dict[str, Change], changes: Iterable[Change]) -> bool:
        """Keep changes of a kind; whether there are any."""
        has_any = False
        for each in changes:
            has_any = True
            kind.setdefault(f"{each.subject} {each.pointer} {each.old!r} {each.new!r}", each)
        return has_any

    def keep_offers(self, changes: Iterable[Change]) -> bool:
        """Keep what came and what went, each once, however sessions and pages described it; whether there is any."""
        has_any = False
        for each in changes:
            has_any = True
            self.tools.setdefault(f"{each.subject} {'went' if each.new is MISSING else 'came'}", each)
        return has_any


class ClientSide:
    """Asks a live server what the client of a recorded session asked, in the same order, and compares the answers.

    Requests that were under way together are again under way together. Ids, cursors, session and `requestState` are
    those of the live server.

    Args:
        session: The recorded session.
        recorded: Its operations.
        server: The live server.
        findings: Where to put what is found.
        rules: How to verify.
        given: What the client answers.
        secrets: What is on no tape.
    """

    def __init__(
        self,
        session: Session,
        recorded: Sequence[Operation],
        server: LiveServer,
        findings: Findings,
        rules: Rules,
        given: Given,
        secrets: Secrets,
    ) -> None:
        self._session, self._recorded, self._server = session, recorded, server
        self._findings, self._rules, self._given, self._secrets = findings, rules, given, secrets
        self._carried = Carried()
        self._tools: Mapping[str, Mapping[str, Any]] | None = None
        self._cannot_list: str | None = None
        self._further_pages = set[int]()
        self.fresh: dict[int, list[tuple[Side, Mapping[str, Any]]]] = {}
        """What passed now where something is otherwise, by the line of the operation; nothing for one that went into
        another, as the further pages of a listing do."""
        server.is_stateless = session.era == "2026-07-28"
        server.protocol = session.protocol if server.is_stateless else None

    async def play(self) -> None:
        """Ask everything.

        Raises:
            CannotVerifyError: The server ended, hung, or does not speak the era of the session.
        """
        under_way: dict[asyncio.Task[None], int] = {}
        async with asyncio.TaskGroup() as tasks:
            for step in self._steps():
                for task in [task for task, ended in under_way.items() if ended < step.line]:
                    await task
                    del under_way[task]
                if isinstance(step, Message):
                    await self._server.tell(step.body["method"], as_object(step.body.get("params")))
                else:
                    under_way[tasks.create_task(self._play(step))] = step.last_line

    def _steps(self) -> list[Operation | Message]:
        """What the client did of its own accord: what it asked and what it told, but not what it took back."""
        told = [
            message
            for message in self._session.messages
            if message.sender == "client"
            and "method" in message.body
            and "id" not in message.body
            and message.body["method"] not in TAKEN_BACK
        ]
        return sorted([*self._recorded, *told], key=lambda step: step.line)

    async def _play(self, operation: Operation) -> None:
        if operation.line in self._further_pages or self._is_probe(operation):
            return
        why = self._unanswered(operation) or self._secret(operation)
        if why is None and operation.method == "tools/call":
            why = await self._refusal(operation)
        if why is not None:
            self._findings.skipped.append(Skipped(shown(operation), why, operation.line))
        elif operation.method in LISTINGS and isinstance(operation.outcome, Result):
            await self._play_listing(operation)
        else:
            await self._play_call(operation)

    def _is_probe(self, operation: Operation) -> bool:
        """A client that speaks both eras asks for the newer one first; a tape of the older one has the refusal."""
        return (
            operation.method == "server/discover"
            and not self._server.is_stateless
            and not isinstance(operation.outcome, Result)
        )

    def _unanswered(self, operation: Operation) -> str | None:
        match operation.outcome:
            case Disconnected():
                return "the server went away before it answered: there is nothing to compare with"
            case Silence():
                return "the client did not wait for the answer: there is nothing to compare with"
            case Http() if not self._server.is_http:
                return "it was answered with an HTTP status, which only a server behind a URL can do"
            case _ if "requestState" in operation.params:
                return "it goes on with something whose beginning is not on the tape"
            case _:
                return None

    def _secret(self, operation: Operation) -> str | None:
        sent = [operation.params, *(step.answers for step in operation.steps if isinstance(step, Questions))]
        if not self._secrets.missing_from(self._carried.live(sent)):
            return None
        return "it sent a secret that is not on the tape, and no environment variable holds it"

    async def _refusal(self, operation: Operation) -> str | None:
        """Why a tool is not called; `None` if it is."""
        tools, name = await self._live_tools(), operation.name
        danger = danger_of(tools.get(name) or self._recorded_tools.get(name, {}))
        if danger is None or any(fnmatchcase(name, pattern) for pattern in self._rules.allow):
            return None
        if name in tools:
            return f"{danger}; --allow-destructive calls it"
        if self._cannot_list is not None:
            return f"the server does not say what it does: {self._cannot_list}; --allow-destructive calls it"
        outcome = operation.outcome
        if not isinstance(outcome, Result) or outcome.body.get("isError") is True:
            return None  # it was refused when it was recorded, too
        listed = self._recorded_tools.get(name) or {"name": name}
        self._findings.keep_offers([Change(f"tool {name}", "", listed, MISSING, operation.line)])
        return "the server lists no such tool; --allow-destructive calls it nevertheless"

    @cached_property
    def _recorded_tools(self) -> Mapping[str, Mapping[str, Any]]:
        outcomes = [each.outcome for each in self._recorded if each.method == "tools/list"]
        pages = [outcome.body for outcome in outcomes if isinstance(outcome, Result)]
        return offers_of(LISTINGS["tools/list"], pages)

    async def _live_tools(self) -> Mapping[str, Mapping[str, Any]]:
        if self._tools is None or self._server.tools_changed:
            # What every request of the session carries, except for what is of one request only.
            first = as_object(self._recorded[0].params.get("_meta"))
            meta = {name: value for name, value in first.items() if name != "progressToken"}
            params: dict[str, Any] = {"_meta": meta} if meta else {}
            pages = await self._pages("tools/list", params, Exchange(self._given.spare), PAGES)
            failed = next((page for page in pages if "result" not in page), None)
            self._cannot_list = None if failed is None else str(as_object(failed.get("error")).get("message"))
            self._note_tools(as_object(page.get("result")) for page in pages)
        return self._tools or {}

    def _note_tools(self, pages: Iterable[Mapping[str, Any]]) -> None:
        self._tools = offers_of(LISTINGS["tools/list"], pages)
        self._server.listed(self._tools)

    async def _play_call(self, operation: Operation) -> None:
        exchange, response = await self._ask(operation)
        self._findings.compared += operation.method not in OPENINGS
        self._note_server(operation, as_object(response.get("result")))
        if isinstance(operation.outcome, Result):
            self._carried.learn(operation.outcome.body, response.get("result"))
        answer = self._server.http.get(response.get("id"))
        if operation.method in OPENINGS and isinstance(operation.outcome, Result):
            self._note_handshake(operation, response)
            shown_result = as_object(self._shown(operation, response).get("result"))
            changes = changed_handshake(operation, shown_result, ignore=self._rules.ignore)
            has_changed = self._findings.keep(self._findings.schemas, changes)
        else:
            live = self._shown(operation, response)
            said = Said(
                response={"status": answer.status}
                if answer and isinstance(operation.outcome, Http)
                else live,
                questions=[self._secrets.take_out(question) for question in exchange.questions],
                has_progress=exchange.has_progress,
            )
            changes = changed_answer(operation, said, ignore=self._rules.ignore, exact=self._rules.exact)
            has_changed = self._findings.keep(self._findings.answers, changes)
        if has_changed:
            self.fresh[operation.line] = self._kept(exchange)

    async def _ask(self, operation: Operation) -> tuple[Exchange, Mapping[str, Any]]:
        """Ask once, and again whenever the server asks back; its own state goes back to it."""
        answers = self._given.to(operation)
        exchange = Exchange(answers.answer, token=operation.token)
        params = self._sent(operation)
        response = await self._server.ask(operation.method, params, exchange)
        left = ROUNDS + len(operation.steps)
        while (result := as_object(response.get("result"))).get("resultType") == "input_required":
            left -= 1
            if left == 0:
                raise CannotVerifyError(f"{shown(operation)}: the server asks back again and again")
            requests = {key: as_object(each) for key, each in as_object(result.get("inputRequests")).items()}
            exchange.in_rounds += requests.values()
            further = dict(params)
            if requests:
                responses = {key: answers.response(key, request) for key, request in requests.items()}
                given = {key: response for key, response in responses.items() if response is not None}
                further["inputResponses"] = self._secrets.put_back(given)
            else:
                await asyncio.sleep(0.1)  # it waits for something else than us
            if "requestState" in result:
                further["requestState"] = result["requestState"]
            response = await self._server.ask(operation.method, further, exchange)
        return exchange, response

    def _sent(self, operation: Operation) -> Mapping[str, Any]:
        """What the client sends now, where it sent what is on the tape."""
        return as_object(self._secrets.put_back(self._carried.live(operation.params)))

    def _note_handshake(self, operation: Operation, response: Mapping[str, Any]) -> None:
        if "result" not in response:
            error = as_object(response.get("error"))
            raise CannotVerifyError(
                f"the server does not speak {self._session.era}, the era of the cassette: it answered "
                f"{operation.method} with {error.get('message')!r} ({error.get('code')})"
            )
        result = as_object(response["result"])
        if not self._server.is_stateless:
            self._server.protocol = str(result.get("protocolVersion"))

    def _note_server(self, operation: Operation, result: Mapping[str, Any]) -> None:
        """Note the server's name and version, which an answer of 2026-07-28 and each handshake give."""
        live, outcome = server_info(result), operation.outcome
        if not live:
            return
        self._findings.server = server_title(live)
        before = server_info(outcome.body).get("version") if isinstance(outcome, Result) else None
        if before not in (None, live.get("version")):
            note = f"its version was {before} when it was recorded and is {live.get('version')}"
            self._findings.notes[note] = None

    async def _play_listing(self, first: Operation) -> None:
        listing, group = LISTINGS[first.method], pages_of(first, self._recorded)
        self._further_pages |= {page.line for page in group[1:]}
        old_pages = [each.outcome.body for each in group if isinstance(each.outcome, Result)]
        is_whole = "nextCursor" not in old_pages[-1]
        exchange = Exchange(self._given.to(first).answer, token=first.token)
        params = self._sent(first)
        responses = await self._pages(first.method, params, exchange, PAGES if is_whole else len(group))
        self._findings.compared += len(group)
        failed = next((each for each in responses if "result" not in each), None)
        if failed is not None:
            changes = changed_answer(first, Said(response=failed), ignore=self._rules.ignore)
            has_changed = self._findings.keep(self._findings.answers, changes)
        else:
            if first.method == "tools/list" and is_whole:
                self._note_tools(as_object(each["result"]) for each in responses)
            new_pages = [as_object(self._shown(first, each).get("result")) for each in responses]
            old, new = offers_of(listing, old_pages), offers_of(listing, new_pages)
            offers = changed_offers(listing, old, new, line=first.line, is_whole=is_whole)
            has_changed = self._findings.keep_offers(offers)
            terms = changed_terms(listing, old, new, line=first.line, ignore=self._rules.ignore)
            has_changed |= self._findings.keep(self._findings.schemas, terms)
        if has_changed:
            self.fresh |= {each.line: [] for each in group}
            self.fresh[first.line] = self._kept(exchange)

    async def _pages(
        self, method: str, params: Mapping[str, Any], exchange: Exchange, most: int
    ) -> list[Mapping[str, Any]]:
        """The responses of the live server, one for each page."""
        pages = list[Mapping[str, Any]]()
        cursor: object = None
        while not pages or (cursor is not None and len(pages) < most):
            asked = params if cursor is None else {**params, "cursor": cursor}
            pages.append(await self._server.ask(method, asked, exchange))
            cursor = as_object(pages[-1].get("result")).get("nextCursor")
        if cursor is not None and most == PAGES:
            raise CannotVerifyError(f"{method}: the server has no last page in {PAGES}")
        return pages

    def _kept(self, exchange: Exchange) -> list[tuple[Side, Mapping[str, Any]]]:
        """What passed, as it stands on a tape next to what was recorded."""
        return [(sender, as_object(self._carried.recorded(body))) for sender, body in exchange.said]

    def _shown(self, operation: Operation, response: Mapping[str, Any]) -> Mapping[str, Any]:
        """A live response as it would be on the tape."""
        return self._secrets.take_out(response, answers=operation.method)
