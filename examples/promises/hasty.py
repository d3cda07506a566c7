"""A fake that takes a copy off the shelf before it looks whether there is one."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, mcpflow_fuzz, tool


@dataclass
class Library(Fake):
    """Lends books."""

    copies: dict[str, int] = field(default_factory=dict[str, int])

    @tool(idempotent=True)
    def stock(self, title: str, copies: int) -> int:
        """Have so many copies of a book."""
        self.copies[title] = copies
        return copies

    @tool()
    def lend(self, title: str) -> int:
        """Lend a copy and say how many are left."""
        left = self.copies.get(title, 0) - 1
        self.copies[title] = left
        if left < 0:
            raise FakeError(f"all copies of {title} are lent")
        return left


def test_the_library_keeps_its_promises() -> None:
    mcpflow_fuzz(Library())
