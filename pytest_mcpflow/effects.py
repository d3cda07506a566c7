"""What calls changed in the world: written down, told to faults, and passed on to whoever asked to hear of it."""

from __future__ import annotations

from collections.abc import Callable

from pytest_mcpflow.journal import Entry, Journal
from pytest_mcpflow.schema import RawResult, ToolSpec
from pytest_mcpflow.transcript import Interaction, matches

__all__ = ["Effects"]


class Effects:
    """The ledger of a hub's fakes."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: list[tuple[str, Callable[[Interaction], None]]] = []

    def tell(self, pattern: str, callback: Callable[[Interaction], None]) -> None:
        """Call back after each effect of these tools."""
        self._told.append((pattern, callback))

    def note(self, key: str | None, spec: ToolSpec | None, result: RawResult | BaseException) -> None:
        """A served fake has answered a tool call, or crashed at whatever was asked; `key` names the interaction."""
        entry = self._journal.find(key)
        if entry is None:
            return
        if isinstance(result, BaseException):
            entry.crash = result
        elif spec is not None:
            self.answered(entry, spec, result)

    def answered(self, entry: Entry, spec: ToolSpec, result: RawResult) -> None:
        """A fake has answered."""
        changed = not spec.mark.reads and not result["isError"]
        entry.effect = changed or entry.effect is True  # a request that comes twice may be refused once
        if not changed:
            return
        if self._journal.faults is not None:
            self._journal.faults.took_effect(entry)
        if self._told:
            interaction = entry.freeze()
            for pattern, callback in self._told:
                if matches(pattern, interaction.site):
                    callback(interaction)
