"""The one place where interactions are written down, whatever way they take.

Everything is kept as JSON bytes: cheap to write, and nothing that a workflow changes afterwards can change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from pytest_mcpflow.clock import Clock
from pytest_mcpflow.outcome import Answered, Asked, Cancelled, Failed, Outcome, Pending, Refused
from pytest_mcpflow.transcript import Interaction

__all__ = ["Entry", "Journal"]


@dataclass(slots=True)
class Entry:
    """An interaction while it is being written.

    `key` names it on the wire. `crash` is what the fake raised and no service would say; `unanswered` is why a
    question of the server got no answer. Either reaches the caller as itself.
    """

    key: str
    at: float
    server: str
    method: str
    name: str
    arguments: bytes
    context_id: str | None
    until: float | None = None
    outcome: Outcome | None = None
    result: bytes | None = None
    effect: bool | None = None
    crash: BaseException | None = None
    unanswered: BaseException | None = None
    asked: list[Asked] = field(default_factory=list[Asked])

    def freeze(self) -> Interaction:
        return Interaction(
            at=self.at,
            until=self.until,
            server=self.server,
            name=self.name,
            arguments=from_json(self.arguments),
            outcome=self._outcome(),
            effect=self.effect,
            method=self.method,
            context_id=self.context_id,
            asked=tuple(self.asked),
        )

    def _outcome(self) -> Outcome:
        if self.result is not None:
            return outcome_of(from_json(self.result))
        return self.outcome or Pending()


class Journal:
    """Opens and closes entries; an entry is closed once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: list[Entry] = []

    def open(
        self, server: str, method: str, params: Mapping[str, Any], *, context_id: str | None = None
    ) -> Entry:
        """Begin an interaction.

        Raises:
            ValueError: The parameters are not JSON.
        """
        entry = Entry(
            key=str(len(self.entries) + 1),
            at=self._clock.now(),
            server=server,
            method=method,
            name=str(params.get("name") or params.get("uri") or ""),
            arguments=to_json(params.get("arguments") or {}),
            context_id=context_id,
        )
        self.entries.append(entry)
        return entry

    def close(self, entry: Entry, result: Mapping[str, Any]) -> None:
        """The server answered: `result` is the protocol's result object as JSON values."""
        entry.until = self._clock.now()
        entry.result = to_json(result)

    def fail(self, entry: Entry, error: BaseException) -> None:
        """There was no answer."""
        if entry.until is not None:
            return
        entry.until = self._clock.now()
        code = getattr(error, "code", None)
        message = str(error) or type(error).__name__
        entry.outcome = Failed(message, code if isinstance(code, int) else None)

    def cancel(self, entry: Entry) -> None:
        """The workflow gave up."""
        if entry.until is not None:
            return
        entry.until = self._clock.now()
        entry.outcome = Cancelled()

    def find(self, key: str | None) -> Entry | None:
        """The entry of a key that came back from the wire."""
        number = int(key) if key is not None and key.isdigit() else 0
        return self.entries[number - 1] if 0 < number <= len(self.entries) else None

    def latest_open(self, server: str) -> Entry | None:
        """The interaction with a server that began last and has no outcome yet."""
        return next((e for e in reversed(self.entries) if e.server == server and e.until is None), None)


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    """What a result says: structured content first, else its text, else the whole object."""
    text = "\n".join(block["text"] for block in result.get("content") or () if block.get("type") == "text")
    if result.get("isError"):
        return Refused(text)
    if result.get("structuredContent") is not None:
        return Answered(result["structuredContent"])
    if "content" in result:
        return Answered(text if text or not result["content"] else result["content"])
    return Answered({key: value for key, value in result.items() if key not in _ENVELOPE})


_ENVELOPE = frozenset({"_meta", "cacheScope", "resultType", "ttlMs"})
"""What protocol 2026-07-28 adds to each result; left out so that both eras leave one transcript."""
