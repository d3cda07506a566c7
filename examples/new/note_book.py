"""A fake of note book, for workflows to be tested against."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class NoteBook(Fake):
    """Keeps texts under names. Say here what the service is for."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    """What the service remembers; a test can look at it and set it."""

    @tool(reads=True)
    def read(self, name: str) -> str:
        """Return what is kept under a name."""
        if name not in self.texts:
            raise FakeError(f"nothing is kept under {name!r}")
        return self.texts[name]

    @tool(destroys=True, idempotent=True)
    def keep(self, name: str, text: str) -> None:
        """Keep a text under a name, in place of what was there."""
        self.texts[name] = text

    def lose_everything(self) -> None:
        """What only a test may do."""
        self.texts.clear()
