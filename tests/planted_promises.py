"""Small fakes and servers that each break one promise, and what the fewest calls are that show it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer, Server
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    Tool,
    ToolAnnotations,
)

from pytest_mcpflow import Call, Fake, FakeError, prompt, resource, tool

__all__ = ["PLANTED", "Ledger", "Shelf", "library", "lowlevel"]


@dataclass
class Shelf(Fake):
    """Keeps every promise."""

    books: dict[str, int] = field(default_factory=dict[str, int])

    @tool(idempotent=True)
    def put(self, title: str, copies: int = 1) -> str:
        """Have so many copies of a book."""
        if copies < 1:
            raise FakeError("there is no such thing as no copy")
        self.books[title] = copies
        return title

    @tool(reads=True)
    def count(self, title: str) -> int:
        """Count the copies of a book."""
        if title not in self.books:
            raise FakeError(f"no {title!r} here")
        return self.books[title]

    @tool(destroys=True)
    def lend(self, title: str) -> int:
        """Give a copy away and count what is left."""
        if self.books.get(title, 0) < 1:
            raise FakeError(f"no {title!r} here")
        self.books[title] -= 1
        return self.books[title]

    @resource("shelf://books/{title}")
    def book(self, title: str) -> str:
        """A book."""
        return title

    @prompt()
    def recommend(self, title: str) -> str:
        """Recommend a book."""
        return f"Read {title}!"


@dataclass
class Crashing(Shelf):
    """Crashes when the last copy is lent."""

    @tool(destroys=True)
    def lend(self, title: str) -> int:
        """Give a copy away."""
        if self.books.get(title, 0) < 1:
            raise FakeError(f"no {title!r} here")
        self.books[title] -= 1
        return 6 // self.books[title]


@dataclass
class ChangingReads(Shelf):
    """Forgets what it counts."""

    @tool(reads=True)
    def count(self, title: str) -> int:
        """Count the copies of a book."""
        return self.books.pop(title, 0)


@dataclass
class ChangingResource(Shelf):
    """Makes a book of what is asked for."""

    @resource("shelf://books/{title}")
    def book(self, title: str) -> str:
        """A book."""
        self.books[title] = 1
        return title


@dataclass
class ChangingPrompt(Shelf):
    """Buys what it recommends."""

    @prompt()
    def recommend(self, title: str) -> str:
        """Recommend a book."""
        self.books[title] = 1
        return title


@dataclass
class NotIdempotent(Shelf):
    """Adds copies where it promises to set them."""

    @tool(idempotent=True)
    def put(self, title: str, copies: int = 1) -> str:
        """Have so many copies of a book."""
        self.books[title] = self.books.get(title, 0) + copies
        return title


@dataclass
class ChangingErrors(Shelf):
    """Takes a copy, and then notices that it was the last."""

    @tool(destroys=True)
    def lend(self, title: str) -> int:
        """Give a copy away."""
        self.books[title] = self.books.get(title, 0) - 1
        if self.books[title] < 0:
            raise FakeError(f"no {title!r} here")
        return self.books[title]


@dataclass
class Forgetful(Shelf):
    """Has state besides its fields, which no copy and no saved text has."""

    @tool()
    def mark(self, title: str) -> int:
        """Mark a book, and count the marks."""
        self.__dict__["marks"] = self.__dict__.get("marks", 0) + 1
        return int(self.__dict__["marks"])


@dataclass
class Page:
    text: str


@dataclass
class Aliased(Shelf):
    """Has one page in two places, which a saved text tells apart."""

    first: Page = field(default_factory=lambda: Page("once"))
    pages: list[Page] = field(default_factory=list[Page])

    @tool()
    def open(self) -> None:
        """Begin with the first page."""
        self.pages = [self.first]

    @tool()
    def write(self, text: str) -> None:
        """Write on the first page."""
        self.first.text = text


@dataclass
class Mistyped(Shelf):
    """Keeps texts as numbers."""

    @tool()
    def note(self, title: str) -> None:
        """Note a book."""
        self.books[title] = "one"  # type: ignore[assignment]  # the mistake


@dataclass
class Ledger(Fake):
    """Its numbers begin with an order; what was ordered can be cancelled once, by its number."""

    orders: dict[str, str] = field(default_factory=dict[str, str])

    @tool()
    def order(self, item: str) -> dict[str, str]:
        """Order, and get a number that looks random."""
        number = self.new_hex(8)
        self.orders[number] = "open"
        return {"order_id": number}

    @tool()
    def pay(self, order_id: str) -> str:
        """Pay an order."""
        if self.orders.get(order_id) != "open":
            raise FakeError("no such open order")
        self.orders[order_id] = "paid"
        return order_id

    @tool(destroys=True)
    def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        if order_id not in self.orders:
            raise FakeError("no such order")
        if self.orders.pop(order_id) == "paid":
            raise RuntimeError("nobody wrote what happens to the money")
        return order_id


@dataclass
class Careless(Shelf):
    """Changes something although the person said no."""

    @tool()
    async def burn(self, call: Call, title: str) -> str:
        """Burn a book, if somebody wants it."""
        answer = await call.elicit("Burn it?", Burning)
        self.books["ashes"] = 1
        if not answer.sure:
            raise FakeError("nobody was sure")
        return title


@dataclass
class Burning:
    sure: bool


PLANTED: Mapping[str, tuple[Fake, str, list[str]]] = {
    "a crash": (Crashing(), "valid calls never crash", ["put", "lend"]),
    "a read that changes": (ChangingReads(), "reads change nothing", ["put", "count"]),
    "a resource that changes": (ChangingResource(), "reads change nothing", ["read"]),
    "a prompt that changes": (ChangingPrompt(), "reads change nothing", ["prompt"]),
    "no idempotence": (NotIdempotent(), "idempotent calls can be repeated", ["put"]),
    "an error that changes": (ChangingErrors(), "errors change nothing", ["lend"]),
    "an error after a question": (Careless(), "errors change nothing", ["burn"]),
    "state besides the fields": (Forgetful(), "the state survives copying and saving", ["mark", "mark"]),
    "one object in two places": (Aliased(), "the state survives copying and saving", ["open", "write"]),
    "a mistyped field": (Mistyped(), "the state survives copying and saving", ["note"]),
    "a crash far in": (Ledger(), "valid calls never crash", ["order", "pay", "cancel"]),
}
"""By what is planted: the fake, the promise it breaks, and the fewest steps that show it."""


def library(*changes: str) -> MCPServer:
    """A server of the SDK, with what `changes` name otherwise than it promises."""
    server = MCPServer("library", log_level="INFO" if "logged" in changes else "CRITICAL")
    books: dict[str, int] = {"Emma": 2}

    def put(title: str, copies: int) -> str:
        books[title] = books.get(title, 0) + copies if "idempotent" in changes else copies
        return title

    def lend(title: str) -> int:
        if "crash" in changes:
            return books[title]
        left = books.get(title, 0) - 1
        if left >= 0 or "errors" in changes:
            books[title] = left
        if left < 0:
            raise ToolError(f"no copy of {title!r} is there")
        return left

    def titles() -> list[str]:
        return sorted(books)

    def copies(title: str) -> int:
        return books.pop(title, 0) if "reads" in changes else books.get(title, 0)

    reads = ToolAnnotations(read_only_hint=True)
    server.add_tool(put, description="Put.", annotations=ToolAnnotations(idempotent_hint=True))
    server.add_tool(lend, description="Lend.")
    server.add_tool(titles, description="List.", annotations=reads)
    server.add_tool(copies, description="Count.", annotations=reads)
    return server


def lowlevel(*changes: str) -> Server[Any]:
    """A server that rolls dice, with what `changes` name otherwise than it promises."""
    number = {"type": "integer", "minimum": 1, "maximum": 6}
    listed = Tool(
        name="roll",
        input_schema={"type": "object", "properties": {"dice": number}, "required": ["dice"]},
        output_schema={"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]},
    )

    async def list_tools(_: Any, __: Any) -> ListToolsResult:
        return ListToolsResult(tools=[listed])

    async def call_tool(_: Any, params: CallToolRequestParams) -> CallToolResult:
        dice = (params.arguments or {}).get("dice")
        if "careless" not in changes and not (type(dice) is int and 1 <= dice <= 6):
            return CallToolResult(content=[TextContent(type="text", text="1 to 6 dice")], is_error=True)
        if "crash" in changes:
            raise MCPError(INTERNAL_ERROR, "the dice fell off the table")
        if "bug" in changes:
            raise ZeroDivisionError("no dice")
        if "disconnect" in changes:
            raise MCPError(CONNECTION_CLOSED, "nobody is there")
        if "hang" in changes:
            await asyncio.sleep(3600)
        rolled: dict[str, Any] = {"sum": "many"} if "output" in changes else {"sum": 4}
        return CallToolResult(content=[TextContent(type="text", text="4")], structured_content=rolled)

    return Server("dice", on_list_tools=list_tools, on_call_tool=call_tool)
