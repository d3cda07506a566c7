"""Several servers that offer the same tools: which one is asked next, and which one is asked no more."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mcpflow import CallResult, Hub, Interaction, MCPFlowError, ServerStartError, ToolError
from pytest_mcpflow.scenarios._plain_answers import UnclearAnswerError, plain_answer, refusal_of

__all__ = [
    "Coordinator",
    "NoServerError",
    "Served",
    "ServerFailure",
    "is_servers_failure",
    "is_servers_fault",
]

PASSED_ON = ("500", "502", "503")
"""The statuses with which a request is passed on to the next server; other refusals are answers."""
RECENT = 0.5
"""How much the newest duration counts against those before."""


class ServerFailure(RuntimeError):
    """A server did not answer, or said that it cannot."""


class NoServerError(RuntimeError):
    """No server is left, or as many as may be tried have failed."""


@dataclass(frozen=True)
class Served:
    """An answer, the server it came from, and the seconds it took."""

    server: str
    answer: CallResult
    seconds: float


class Coordinator:
    """Sends each request, which must be one that may be repeated, to one of several servers.

    A request that a server fails is passed on to the next. A server that fails is dead and asked no more.

    Args:
        hub: Where the servers are.
        weights: The servers by name, in order, each with its share in weighted requests.
        max_fails: Failures of one server in a row, until it counts as dead.
        timeout: Seconds until a call without an answer is a failure of its server.
        context_id: The context of calls.
    """

    def __init__(
        self,
        hub: Hub,
        weights: Mapping[str, int],
        *,
        max_fails: int = 2,
        timeout: float = 30.0,
        context_id: str | None = None,
    ) -> None:
        self.context_id = context_id
        self._hub, self._weights, self._timeout, self._max_fails = hub, dict(weights), timeout, max_fails
        self._fails: Counter[str] = Counter()
        self._turns = deque(weights)
        self._credit: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._usual_seconds: dict[str, float] = {}
        self.dead: dict[str, str] = {}
        """Why each server that failed is asked no more."""
        self.failed_calls = 0

    @property
    def living(self) -> list[str]:
        return [server for server in self._weights if server not in self.dead]

    async def round_robin_request(self, tool: str, arguments: Mapping[str, Any]) -> Served:
        """Ask one server after the other in turn."""
        return await self._request(self._next_in_turn, tool, arguments)

    async def weighted_request(self, tool: str, arguments: Mapping[str, Any]) -> Served:
        """Ask each server as often as its weight says, as evenly spread as can be."""
        return await self._request(self._next_by_weight, tool, arguments)

    async def performance_request(self, tool: str, arguments: Mapping[str, Any]) -> Served:
        """Ask the server that is likely to answer first, by how long it usually takes and what it is doing."""
        return await self._request(self._quickest, tool, arguments)

    async def failover_request(
        self, tool: str, arguments: Mapping[str, Any], *, max_attempts: int = 3
    ) -> Served:
        """Ask the first server, and the next one only if it fails.

        Raises:
            NoServerError: `max_attempts` attempts failed, or no server is left.
            ToolError: A server refused for a reason that every other one would have as well.
        """
        return await self._request(lambda servers: servers[0], tool, arguments, max_attempts)

    async def aggregate_request(
        self, tool: str, arguments_list: Sequence[Mapping[str, Any]]
    ) -> list[Served | Exception]:
        """Ask for each of the arguments at the same time; answers or errors, in the order of the arguments."""

        async def one(arguments: Mapping[str, Any]) -> Served | Exception:
            try:
                return await self.round_robin_request(tool, arguments)
            except Exception as error:
                return error

        return await asyncio.gather(*map(one, arguments_list))

    async def send(self, server: str, tool: str, arguments: Mapping[str, Any]) -> Served:
        """Ask one server.

        Raises:
            ServerFailure: It failed; it may be dead from now on.
            ToolError: It refused for a reason of the request.
        """
        clock = asyncio.get_running_loop()
        began = clock.time()
        self._in_flight[server] += 1
        try:
            answer = await plain_answer(
                self._hub, f"{server}.{tool}", arguments, self.context_id, timeout=self._timeout
            )
        except Exception as error:
            if not is_servers_fault(error):
                raise
            self._count_failure(server, str(error))
            raise ServerFailure(f"{server}: {error}") from error
        finally:
            self._in_flight[server] -= 1
        self._fails[server], took = 0, clock.time() - began
        self._usual_seconds[server] = RECENT * took + (1 - RECENT) * self._usual_seconds.get(server, took)
        return Served(server, answer, took)

    async def _request(
        self,
        choose: Callable[[list[str]], str],
        tool: str,
        arguments: Mapping[str, Any],
        max_attempts: int = 3,
    ) -> Served:
        tried: dict[str, str] = {}
        for _ in range(max_attempts):
            if not self.living:
                break
            server = choose([each for each in self.living if each not in tried] or self.living)
            try:
                return await self.send(server, tool, arguments)
            except ServerFailure as failure:
                tried[server] = str(failure)
        left = f"{len(self.living)} of {len(self._weights)} servers are left"
        raise NoServerError(f"{tool}: {'; '.join(tried.values()) or 'not tried'}; {left}")

    def _next_in_turn(self, servers: list[str]) -> str:
        self._turns.rotate(-1)
        while self._turns[-1] not in servers:
            self._turns.rotate(-1)
        return self._turns[-1]

    def _next_by_weight(self, servers: list[str]) -> str:
        """The smooth weighted order that nginx uses: everybody saves, and the richest pays for all."""
        self._credit.update({server: self._weights[server] for server in servers})
        chosen = max(servers, key=lambda server: self._credit[server])
        self._credit[chosen] -= sum(self._weights[server] for server in servers)
        return chosen

    def _quickest(self, servers: list[str]) -> str:
        """A server that is not known yet is tried once, while nobody waits for it."""

        def seconds(server: str) -> tuple[float, int]:
            waiting = self._in_flight[server]
            usual = self._usual_seconds.get(server, float("inf") if waiting else 0.0)
            return usual * (waiting + 1), waiting

        return min(servers, key=seconds)

    def _count_failure(self, server: str, why: str) -> None:
        self.failed_calls += 1
        self._fails[server] += 1
        if self._fails[server] >= self._max_fails and server not in self.dead:
            self.dead[server] = why
            self._credit.clear()  # old savings would favour a server among fewer


def is_servers_fault(error: Exception) -> bool:
    """Whether another server might do better: no answer, one that is none, or a status that says so."""
    if isinstance(error, ToolError):
        has_status = error.message[:3].isdecimal()
        return error.message.startswith(PASSED_ON) or (
            isinstance(error, UnclearAnswerError) and not has_status
        )
    return isinstance(error, ServerStartError) or not isinstance(error, MCPFlowError)


def is_servers_failure(call: Interaction) -> bool:
    """The same of what a transcript says."""
    refusal = refusal_of(call)
    return not call.ok if refusal is None else refusal.startswith(PASSED_ON)
