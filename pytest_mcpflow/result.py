"""What `hub.call_tool` returns: it reads like the dict that workflow code expects, and is the protocol's result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import from_json

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ContentBlock

__all__ = ["CallResult"]


class CallResult(Mapping[str, Any]):
    """A tool's answer.

    As a mapping it is the structured content; where a server sends none, the JSON object in its text, and
    where that is none either, `{"result": text}`. `content`, `is_error` and `structured_content` are the
    protocol's own.
    """

    __slots__ = ("_protocol", "_raw", "_values")

    def __init__(self, raw: Mapping[str, Any], protocol: CallToolResult | None = None) -> None:
        self._raw, self._protocol = raw, protocol
        structured = raw.get("structuredContent")
        self._values: Mapping[str, Any] = structured if type(structured) is dict else _values(raw)

    def __getitem__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise KeyError(f"{key!r}; the answer has: {', '.join(self._values) or 'nothing'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"CallResult({self._values!r})"

    @property
    def protocol(self) -> CallToolResult:
        """The result as the SDK models it."""
        if self._protocol is None:
            from mcp.types import CallToolResult

            self._protocol = CallToolResult.model_validate(self._raw)
        return self._protocol

    @property
    def content(self) -> list[ContentBlock]:
        """The content blocks."""
        return self.protocol.content

    @property
    def structured_content(self) -> Any:
        """The structured content, or `None`."""
        return self._raw.get("structuredContent")

    @property
    def is_error(self) -> bool:
        """Whether the server refused. `hub.call_tool` raises `ToolError` then, so here it is false."""
        return bool(self._raw.get("isError"))

    @property
    def text(self) -> str:
        """The text blocks, one under the other."""
        return text_of(self._raw)


def text_of(raw: Mapping[str, Any]) -> str:
    return "\n".join(block["text"] for block in raw.get("content") or () if block.get("type") == "text")


def _values(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    structured: Any = raw.get("structuredContent")
    if isinstance(structured, dict):
        return cast("dict[str, Any]", structured)
    if structured is not None:
        return {"result": structured}
    text = text_of(raw)
    if text.startswith("{"):
        try:
            parsed: dict[str, Any] = from_json(text)
        except ValueError:
            pass  # prose that begins with a brace
        else:
            return parsed
    return {"result": text} if text else {}
