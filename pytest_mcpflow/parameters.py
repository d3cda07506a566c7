"""The parameters of a fake's method: what validates them, what clients see, and what is said of wrong arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json
from typing_extensions import TypedDict  # pydantic refuses the one of typing before Python 3.12

from pytest_mcpflow.errors import ArgumentError, FakeDefinitionError, nearest
from pytest_mcpflow.fake import OMITTABLE, Call, Fake

__all__ = [
    "Parameters",
    "adapter_of",
    "complaint",
    "hints_of",
    "misdefined",
    "parameters_of",
    "told",
    "typed_dict",
]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one method: what validates them, and the JSON Schema a client sees."""

    adapter: TypeAdapter[dict[str, Any]]
    json_schema: dict[str, Any]
    call_parameter: str | None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.json_schema.get("properties", {}))


def parameters_of(fake_type: type[Fake], name: str, method: Callable[..., Any]) -> Parameters:
    """Describe the parameters of a method, without `self`.

    Raises:
        FakeDefinitionError: One of them cannot be described.
    """
    hints = hints_of(fake_type, name, method)
    accepted: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    call_parameter: str | None = None
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.annotation is inspect.Parameter.empty:
            raise misdefined(fake_type, name, f"parameter {parameter.name!r} is not annotated")
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise misdefined(fake_type, name, f"parameter {parameter.name!r} cannot be given by name")
        hint = hints[parameter.name]
        if hint is Call:
            call_parameter = parameter.name
        elif parameter.default is inspect.Parameter.empty:
            accepted[parameter.name] = Required[hint]
        else:
            accepted[parameter.name] = NotRequired[_without_null(hint)]
            if OMITTABLE not in getattr(hint, "__metadata__", ()) or parameter.default is not None:
                defaults[parameter.name] = parameter.default
    adapter = adapter_of(fake_type, name, typed_dict(name, accepted))
    schema = adapter.json_schema()
    properties = schema.setdefault("properties", {})
    # In the schema are the names that clients know, which pydantic's `Field(alias=...)` makes others.
    for parameter_name, property_schema in zip(accepted, properties.values(), strict=True):
        if parameter_name in defaults:
            property_schema.setdefault("default", from_json(to_json(defaults[parameter_name])))
    return Parameters(adapter, schema, call_parameter)


def _without_null(hint: Any) -> Any:
    """What an `Omittable` argument can be when it is there; other hints as they are."""
    if OMITTABLE not in getattr(hint, "__metadata__", ()):
        return hint
    inner, *rest = get_args(hint)
    present: Any = Union[tuple(each for each in get_args(inner) if each is not type(None))]  # noqa: UP007 - made at run time
    others = [each for each in rest if each is not OMITTABLE]
    return Annotated[(present, *others)] if others else present


def typed_dict(name: str, accepted: dict[str, Any]) -> Any:
    """A TypedDict made at run time, which type checkers cannot follow: pydantic validates JSON objects by it."""
    shape: Any = cast("Any", TypedDict)(name, accepted)
    shape.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    return shape


def hints_of(fake_type: type[Fake], name: str, method: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a method, resolved."""
    try:
        return get_type_hints(method, include_extras=True)
    except (NameError, TypeError) as error:
        raise misdefined(fake_type, name, f"its annotations cannot be resolved: {error}") from error


def adapter_of(fake_type: type[Fake], name: str, hint: Any) -> TypeAdapter[Any]:
    """What reads and writes values of an annotation."""
    try:
        return TypeAdapter(hint)
    except PydanticUserError as error:
        what = getattr(hint, "__name__", None) or get_origin(hint) or hint
        raise misdefined(fake_type, name, f"{what} has no JSON form: {error.message}") from error


def misdefined(fake_type: type[Fake], name: str, why: str) -> FakeDefinitionError:
    """The error of a method that cannot be served."""
    return FakeDefinitionError(f"{fake_type.__qualname__}.{name} cannot be served: {why}")


def complaint(tool: str, parameters: Parameters, error: ValidationError) -> str:
    """What a client is told of arguments that break the schema of a tool."""
    return f"{ArgumentError.BEGINNING}{tool}: " + "; ".join(
        _one_complaint(parameters, detail) for detail in error.errors(include_url=False)
    )


def _one_complaint(parameters: Parameters, detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "arguments"
    if detail["type"] == "extra_forbidden":
        known = nearest(where, parameters.names)
        return f"{where}: unknown argument" + (
            f" (nearest: {', '.join(known)})" if known else " (it takes none)"
        )
    return told(detail)


def told(detail: ErrorDetails) -> str:
    """Where a value is wrong, and how."""
    where = ".".join(str(part) for part in detail["loc"]) or "arguments"
    if detail["type"] == "missing":
        return f"{where}: required"
    return f"{where}: {detail['msg'][0].lower()}{detail['msg'][1:]}, got {to_json(detail['input']).decode()[:80]}"
