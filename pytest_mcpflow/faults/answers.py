"""Faults in which the caller gets an answer that is old, partial, malformed, or of another schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic_core import to_json

from pytest_mcpflow.fake import Call
from pytest_mcpflow.faults.call import INVALID_PARAMS, FaultedCall
from pytest_mcpflow.faults.kind import Effect, FaultKind
from pytest_mcpflow.refusal import as_said
from pytest_mcpflow.schema import RawResult, ToolSpec, invoke

__all__ = ["Malformed", "Partial", "SchemaDrift", "Stale", "ToolsChanged"]

HUGE = 1 << 20
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Stale(FaultKind, effect=Effect.APPLIED, sees="stale answer", remembers=True):
    """A read is answered with the state before the server's last change. Level: call; fakes only.

    Seen with caches and with replicas that lag. Does not happen as long as the server has not changed.
    """

    @property
    def needs_fake(self) -> bool:
        return True

    def objection(self, spec: ToolSpec) -> str | None:
        return None if spec.mark.reads else "it changes the world, and only what is read can be stale"

    async def happen(self, call: FaultedCall) -> RawResult:
        if call.earlier is None or call.spec is None or not call.spec.mark.reads:
            call.does_not_apply()
            return await call.deliver()
        result = await invoke(call.earlier, call.spec, call.arguments, _Silent())
        return as_said(call.earlier, result, marked=True)


@dataclass(frozen=True)
class Partial(FaultKind, effect=Effect.PARTIAL, sees="only part of it done"):
    """Of each list in the arguments only the first `keep` items are dealt with, and the answer says so. Level: call.

    Seen with bulk interfaces that stop half way. Does not happen where no list is longer.
    """

    keep: float = 1

    def __post_init__(self) -> None:
        if self.keep < 0 or not float(self.keep).is_integer():
            raise ValueError(f"keep is a number of items from 0 on, got {self.keep:g}")

    def objection(self, spec: ToolSpec) -> str | None:
        return None if "array" in str(spec.parameters.json_schema) else "it takes no list"

    async def happen(self, call: FaultedCall) -> RawResult:
        sent = call.arguments
        kept = {name: _first(int(self.keep), value) for name, value in sent.items()}
        if kept == sent:
            call.does_not_apply()
        return await call.deliver(arguments=kept)


@dataclass(frozen=True)
class Malformed(FaultKind, effect=Effect.APPLIED, sees="malformed answer"):
    """The server does it, and its answer is not what its schema promises. Level: call.

    Seen with bugs, proxies and half-done upgrades. Where the tool has an output schema a client notices, and
    raises `RuntimeError`; where it has none, the answer reaches the workflow as it is.

    Args:
        how: `empty`: no content at all. `unstructured`: the structured content is missing. `wrong_type`: each
            field has a value of another type. `truncated`: half of the text, and nothing else. `huge`: 1 MiB of
            text besides. `html`: a proxy's error page in place of the answer.
    """

    how: Literal["empty", "unstructured", "wrong_type", "truncated", "huge", "html"] = "unstructured"

    @property
    def sees(self) -> str:
        return f"malformed answer ({self.how})"

    async def happen(self, call: FaultedCall) -> RawResult:
        answer = await call.deliver()
        changed = self._changed(answer)
        if answer.get("isError") or changed == answer:
            call.does_not_apply()
            return answer
        return changed

    def _changed(self, answer: RawResult) -> RawResult:
        bare = {key: value for key, value in answer.items() if key != "structuredContent"}
        match self.how:
            case "empty":
                return {**bare, "content": []}
            case "unstructured":
                return bare
            case "wrong_type":
                return _restructured(answer, lambda name: name, lambda value: {"unexpected": value})
            case "truncated":
                text = "".join(each.get("text", "") for each in answer["content"])
                return {**bare, "content": _text(text[: len(text) // 2])}
            case "huge":
                return {**answer, "content": [*answer["content"], *_text("x" * HUGE)]}
            case "html":
                return {**bare, "content": _text(PAGE)}


@dataclass(frozen=True)
class SchemaDrift(FaultKind, effect=Effect.APPLIED, sees="other schema"):
    """The server does it, and its answer has other fields than its schema says. Level: call.

    Seen with a server that was upgraded behind a client's back. Where the tool has an output schema that misses
    a field, a client notices, and raises `RuntimeError`.

    Args:
        how: `renamed`: the first field has another name. `added`: there is a field more, which a client minds only
            where the schema closes the object, as a fake's does around a plain value (`int`, `str`, a list).
    """

    how: Literal["renamed", "added"] = "renamed"

    async def happen(self, call: FaultedCall) -> RawResult:
        answer = await call.deliver()
        structured = answer.get("structuredContent")
        if not isinstance(structured, Mapping) or not structured:
            call.does_not_apply()
            return answer
        first = next(iter(cast("Mapping[str, Any]", structured)))
        if self.how == "added":
            more = {**cast("Mapping[str, Any]", structured), "schema_version": 2}
            return {**answer, "structuredContent": more, "content": _text(to_json(more).decode())}
        return _restructured(
            answer, lambda name: f"{name}_v2" if name == first else name, lambda value: value
        )


@dataclass(frozen=True)
class ToolsChanged(FaultKind, effect=Effect.NONE, sees="tool withdrawn"):
    """The server stops offering this tool before it gets the request, and tells its clients. Level: call.

    Seen with servers that reload their configuration, and with permissions that are taken away.
    """

    async def happen(self, call: FaultedCall) -> RawResult:
        if call.fake is not None:
            call.fake.withdraw(call.tool)
            return await call.deliver()
        call.from_now_on(_unknown, seconds=None, whole_server=False)
        return _unknown(call)


def _unknown(call: FaultedCall) -> RawResult:
    raise call.error(INVALID_PARAMS, f"Unknown tool: {call.tool}")


def _restructured(answer: RawResult, rename: Callable[[str], str], change: Callable[[Any], Any]) -> RawResult:
    """The answer with each field of its structured content changed, and the text that goes with it."""
    structured = answer.get("structuredContent")
    if not isinstance(structured, Mapping):
        return answer
    fields = cast("Mapping[str, Any]", structured)
    changed = {rename(name): change(value) for name, value in fields.items()}
    return {**answer, "structuredContent": changed, "content": _text(to_json(changed).decode())}


def _first(count: int, value: Any) -> Any:
    return value[:count] if _is_list(value) else value


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


class _Silent(Call):
    """A read of an earlier state reports to nobody and asks nobody."""

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        pass

    async def log(self, message: str, *, level: Any = "info") -> None:
        pass

    async def elicit(self, question: str, answer: type[Any]) -> Any:
        raise AssertionError("a tool that reads asked a question")

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        raise AssertionError("a tool that reads asked for a completion")
