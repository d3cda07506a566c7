"""From a fake's signatures to MCP schemas, and from JSON arguments to calls and back.

What a client may send is exactly what the signature says: JSON is validated strictly (no `"3"` for an `int`)
and unknown arguments are refused, before the method runs.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Required, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from pytest_mcpflow.errors import ArgumentError, FakeDefinitionError
from pytest_mcpflow.fake import (
    MARK_ATTRIBUTE,
    TAPE_ATTRIBUTE,
    Call,
    Fake,
    FakeError,
    PromptMark,
    Readable,
    ResourceMark,
    ToolMark,
    Verbatim,
)
from pytest_mcpflow.parameters import (
    Parameters,
    adapter_of,
    complaint,
    hints_of,
    misdefined,
    parameters_of,
    typed_dict,
)
from pytest_mcpflow.refusal import refusal

__all__ = [
    "Besides",
    "Contract",
    "OfTape",
    "Parameters",
    "PromptSpec",
    "RawResult",
    "ResourceSpec",
    "ToolSpec",
    "Verbatim",
    "contract_of",
    "describe_crash",
    "invoke",
]

RawResult = dict[str, Any]
"""A `CallToolResult` as JSON: `content`, `isError`, and `structuredContent` where there is any."""

M = TypeVar("M", ToolMark, ResourceMark, PromptMark)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool of a fake: `mark` is what it promises, `wraps` whether its result travels as `{"result": ...}`.

    `listed` is how a recorded server lists it, where that stands in place of what the signature says. `is_async` is
    whether its method is a coroutine function, and `may_speak` whether it can ask or report anything in the middle of a
    call.
    """

    name: str
    description: str
    mark: ToolMark
    method: Callable[..., Any]
    parameters: Parameters
    returns: TypeAdapter[Any] | None
    output_schema: dict[str, Any] | None
    wraps: bool
    listed: Mapping[str, Any] | None = None
    is_async: bool = field(init=False)
    may_speak: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(self.method))
        object.__setattr__(self, "may_speak", self.parameters.call_parameter is not None)


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """One resource, or a template where the URI has parameters."""

    name: str
    description: str
    mark: ResourceMark
    method: Callable[..., Any]
    parameters: Parameters

    @property
    def is_template(self) -> bool:
        return "{" in self.mark.uri


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One prompt; its parameters are its arguments."""

    name: str
    description: str
    method: Callable[..., Any]
    parameters: Parameters


class Besides(Protocol):
    """Answers what a fake has no methods for: the resources and prompts of a recorded server."""

    @property
    def methods(self) -> Collection[str]:
        """The protocol's methods that it answers."""
        ...

    def answer(self, fake: Fake, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a request.

        Raises:
            MCPError: There is an error in its place.
        """
        ...


@dataclass(frozen=True, slots=True)
class Contract:
    """All that a class of fakes, or a fake made of a tape, offers, by name and in source order."""

    tools: Mapping[str, ToolSpec]
    resources: Mapping[str, ResourceSpec]
    prompts: Mapping[str, PromptSpec]
    besides: Besides | None = None
    instructions: str | None = None


class OfTape(Protocol):
    """What a fake made of a tape has besides its fields."""

    @property
    def fake_type(self) -> type[Fake]:
        """Whose contract it is: another server over the same state has one of its own."""
        ...

    @property
    def contract(self) -> Contract: ...


def contract_of(fake: Fake | type[Fake]) -> Contract:
    """What a fake offers. It is derived once for each class, and once for each fake made of a tape.

    Raises:
        FakeDefinitionError: A method cannot be described, for example for want of an annotation.
    """
    if isinstance(fake, Fake):
        tape: OfTape | None = fake.__dict__.get(TAPE_ATTRIBUTE)
        if tape is not None and tape.fake_type is type(fake):
            return tape.contract
    fake_type = type(fake) if isinstance(fake, Fake) else fake
    known = fake_type.__dict__.get("_contract")
    if isinstance(known, Contract):
        return known
    contract = Contract(
        tools=_tools(fake_type),
        resources={
            n: _resource(fake_type, n, method, mark) for n, method, mark in _marked(fake_type, ResourceMark)
        },
        prompts={
            name: PromptSpec(
                name, _description(fake_type, name, method), method, parameters_of(fake_type, name, method)
            )
            for name, method, _ in _marked(fake_type, PromptMark)
        },
        instructions=fake_type.__doc__,
    )
    if not (contract.tools or contract.resources or contract.prompts):
        raise FakeDefinitionError(f"{fake_type.__qualname__} offers nothing; mark a method with @tool()")
    fake_type._contract = contract  # type: ignore[attr-defined]  # a cache that lives and dies with the class
    return contract


async def invoke(
    fake: Fake,
    spec: ToolSpec,
    arguments: Mapping[str, Any] | bytes,
    call: Call | None,
    *,
    again: bool = False,
) -> RawResult:
    """Run one tool call: validate, change state, describe the answer. Refusals are `isError` results, see `refusal`.

    Args:
        arguments: As JSON values, or as their JSON.
        call: For a tool that may speak in the middle of it; `None` does for the others.
        again: It is the same call, run again with what was asked, so it does not take its time again.
    """
    try:
        sent = arguments if isinstance(arguments, bytes) else to_json(arguments)
        values = spec.parameters.adapter.validator.validate_json(sent)
    except ValidationError as error:
        return refusal(complaint(spec.name, spec.parameters, error))
    except PydanticSerializationError as error:
        return refusal(f"{ArgumentError.BEGINNING}{spec.name}: not JSON ({error})")
    if call is not None and spec.parameters.call_parameter is not None:
        values[spec.parameters.call_parameter] = _Watched(call, fake, spec)
    if spec.name in fake.takes and not again:
        await asyncio.sleep(fake.takes[spec.name])
    try:
        value = spec.method(fake, **values)
        # As inspect.isawaitable() finds out, which takes longer than most tools.
        if hasattr(value, "__await__"):
            value = await value
    except FakeError as error:
        return refusal(str(error), style=error.style)
    return _answer(fake, spec, value)


def describe_crash(crash: BaseException) -> str:
    """What a client hears of a fake's own bug."""
    return f"{type(crash).__name__}: {crash}"


def _answer(fake: Fake, spec: ToolSpec, value: Any) -> RawResult:
    if isinstance(value, Verbatim):
        return value.result
    if spec.returns is None:
        return {"content": [], "isError": False}
    try:
        plain = spec.returns.serializer.to_python(value, mode="json", warnings="error")
    except PydanticSerializationError as error:
        raise FakeDefinitionError(
            f"{type(fake).__qualname__}.{spec.name} returned {value!r}, which is not what its annotation says: {error}"
        ) from error
    if Readable in type(value).__mro__:  # as isinstance() finds out, which takes longer of an abstract class
        text = value.as_text()
    else:
        text = plain if isinstance(plain, str) else to_json(plain).decode()
    answer: RawResult = {"content": [{"type": "text", "text": text}], "isError": False}
    if spec.output_schema is not None:
        answer["structuredContent"] = {"result": plain} if spec.wraps else plain
    return answer


class _Watched(Call):
    """A call that makes sure a tool asks before it changes anything."""

    def __init__(self, call: Call, fake: Fake, spec: ToolSpec) -> None:
        self._call, self._fake, self._spec, self._before = call, fake, spec, copy.deepcopy(fake)

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        await self._call.progress(done, total=total, message=message)

    async def log(self, message: str, *, level: Any = "info") -> None:
        await self._call.log(message, level=level)

    async def elicit(self, question: str, answer: type[Any]) -> Any:
        self._check()
        return await self._call.elicit(question, answer)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        self._check()
        return await self._call.sample(prompt, max_tokens=max_tokens)

    def _check(self) -> None:
        if self._fake != self._before:
            raise FakeDefinitionError(
                f"{type(self._fake).__qualname__}.{self._spec.name} changed its state and then asked a question; "
                "in protocol 2026-07-28 the answer runs the tool again, so ask first and change state afterwards"
            )


def _marked(fake_type: type[Fake], mark_type: type[M]) -> list[tuple[str, Callable[..., Any], M]]:
    found: dict[str, tuple[str, Callable[..., Any], M]] = {}
    hidden = () if fake_type.in_place_of is None else fake_type.in_place_of.__mro__
    for base in [each for each in reversed(fake_type.__mro__) if each not in hidden]:
        for name, member in vars(base).items():
            mark = getattr(member, MARK_ATTRIBUTE, None)
            if isinstance(mark, mark_type):
                found[name] = (name, member, mark)
            else:
                found.pop(name, None)
    return list(found.values())


def _tools(fake_type: type[Fake]) -> dict[str, ToolSpec]:
    tools: dict[str, ToolSpec] = {}
    for name, method, mark in _marked(fake_type, ToolMark):
        spec = _tool(fake_type, name, method, mark)
        if spec.name in tools:
            raise misdefined(fake_type, name, f"another method is the tool {spec.name!r} already")
        tools[spec.name] = spec
    return tools


def _tool(fake_type: type[Fake], name: str, method: Callable[..., Any], mark: ToolMark) -> ToolSpec:
    parameters = parameters_of(fake_type, name, method)
    hint = hints_of(fake_type, name, method).get("return")
    if "return" not in inspect.get_annotations(method):
        raise misdefined(fake_type, name, "its return type is not annotated")
    if hint is type(None):
        returns, schema, wraps = None, None, False
    else:
        returns = adapter_of(fake_type, name, hint)
        schema = returns.json_schema(mode="serialization")
        wraps = schema.get("type") != "object" and not _is_reference_to_object(schema)
        if wraps:
            schema = TypeAdapter(typed_dict("Result", {"result": Required[hint]})).json_schema(
                mode="serialization"
            )
        else:
            schema = _inlined(schema)
    if not fake_type.structured:
        schema, wraps = None, False
    description = _description(fake_type, name, method)
    return ToolSpec(mark.name or name, description, mark, method, parameters, returns, schema, wraps)


def _is_reference_to_object(schema: dict[str, Any]) -> bool:
    reference = schema.get("$ref", "")
    return bool(reference) and schema["$defs"][reference.removeprefix("#/$defs/")].get("type") == "object"


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """MCP wants an object at the top, where pydantic refers to one for a class that contains itself."""
    reference = schema.pop("$ref", None)
    return schema if reference is None else {**schema["$defs"][reference.removeprefix("#/$defs/")], **schema}


def _resource(
    fake_type: type[Fake], name: str, method: Callable[..., Any], mark: ResourceMark
) -> ResourceSpec:
    spec = ResourceSpec(
        name, _description(fake_type, name, method), mark, method, parameters_of(fake_type, name, method)
    )
    missing = [parameter for parameter in spec.parameters.names if f"{{{parameter}}}" not in mark.uri]
    if missing:
        raise misdefined(fake_type, name, f"its URI {mark.uri!r} has no {{{missing[0]}}} for that parameter")
    return spec


def _description(fake_type: type[Fake], name: str, method: Callable[..., Any]) -> str:
    text = inspect.getdoc(method)
    if not text:
        raise misdefined(fake_type, name, "it has no docstring, which is the description that clients see")
    return text
