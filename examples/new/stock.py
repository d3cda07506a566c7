"""A fake of stock, begun from tape.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class ClearOutput:
    result: str


@dataclass
class Stock(Fake):
    """What tape.jsonl has of stock; anything else is refused."""

    done: list[str] = field(default_factory=list[str])
    """What clients had it do, in order. Put what the service really remembers in its place."""

    @tool(reads=True)
    def count(self, article: str) -> dict[str, int]:
        """Count what is in stock."""
        if article == "nail":
            return {"nail": 1200}
        if article == "screw":
            return {"screw": 300}
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True)
    def clear(self, article: str) -> ClearOutput:
        """Throw away all there is."""
        if article == "screw":
            self.done.append(f"clear(article={article!r})")
            return ClearOutput(result="no screw left")
        raise FakeError("nothing is recorded for these arguments")
