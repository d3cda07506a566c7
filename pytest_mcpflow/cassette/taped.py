"""Fakes made of tapes: a recorded server that keeps what is written to it.

    @dataclass
    class Memory(Fake):
        graph: Graph = field(default_factory=Graph)

        def begin_with(self, recording: Recording) -> None:
            self.graph = recording.answer("read_graph", Graph)

        @tool()
        def create_entities(self, entities: list[Entity]) -> Created: ...

    memory = hub.serve(Memory.from_tape("memory.jsonl"))

What it offers, and under which schemas, is on the tape. What changes its state, and what shows it, are methods.
Everything else is answered as it was recorded, as long as that is true.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from pytest_mcpflow.cassette.compare import differences
from pytest_mcpflow.cassette.eras import enveloped
from pytest_mcpflow.cassette.offers import LISTINGS
from pytest_mcpflow.cassette.operations import Failure, Notice, Operation, Questions, Result
from pytest_mcpflow.cassette.player import CALL
from pytest_mcpflow.cassette.recording import RecordedTool, Recording, in_no_era
from pytest_mcpflow.cassette.redaction import Rule
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError, FakeDefinitionError, nearest_phrase
from pytest_mcpflow.fake import MARK_ATTRIBUTE, TAPE_ATTRIBUTE, Call, Fake, LogLevel, ToolMark
from pytest_mcpflow.schema import Contract, Parameters, ToolSpec, Verbatim, contract_of

__all__ = ["fake_from_tape"]

F = TypeVar("F", bound=Fake)
Json = Mapping[str, Any]
CALL_KEY = "pytest-mcpflow/call"
OF_RESOURCES = ("resources/list", "resources/templates/list", "resources/read")
OF_PROMPTS = ("prompts/list", "prompts/get")


@dataclass(frozen=True)
class _Tape:
    """What a fake made of a tape has besides its fields.

    It is saved by how it was made: what it offers is read from the tape again.
    """

    fake_type: type[Fake]
    path: Path
    steady: tuple[str, ...]
    redaction: tuple[Rule, ...]
    beginning: Fake | None = None

    @cached_property
    def recording(self) -> Recording:
        return Recording.read(self.path, self.redaction)

    @cached_property
    def contract(self) -> Contract:
        return _contract(self.fake_type, self.recording, self.steady)

    def __reduce__(self) -> tuple[type[_Tape], tuple[object, ...]]:
        return _Tape, (self.fake_type, self.path, self.steady, self.redaction, self.beginning)


def fake_from_tape(
    fake_type: type[F], path: str | Path, *, steady: Collection[str], redaction: Sequence[Rule]
) -> F:
    """Make a fake of a tape; see `Fake.from_tape`, which leaves this to the cassettes' room.

    It is the one function that a lower room imports: whoever declares a fake looks for `from_tape` there, and making
    one takes all that is known of tapes. Whatever else `fake` is used for, it does without.
    """
    tape = _Tape(fake_type, Path(path), tuple(steady), tuple(redaction))
    recording = tape.recording
    if not recording.tools:
        raise CassetteError(
            f"{path} does not list the server's tools; record a session in which the client asks for them"
        )
    contract = tape.contract  # so that a method that does not fit is found here
    fake = fake_type()
    if fake_type is Fake:
        fake.__dict__["service"] = recording.server
    fake.begin_with(recording)
    tape = replace(tape, beginning=copy.deepcopy(fake))
    tape.__dict__.update(recording=recording, contract=contract)
    fake.__dict__[TAPE_ATTRIBUTE] = tape
    return fake


def _contract(fake_type: type[Fake], recording: Recording, steady: tuple[str, ...]) -> Contract:
    has_methods = any(
        hasattr(member, MARK_ATTRIBUTE) for base in fake_type.__mro__ for member in vars(base).values()
    )
    own = contract_of(fake_type) if has_methods else Contract({}, {}, {})
    for name in own.tools.keys() - recording.tools.keys():
        raise _misfit(
            fake_type,
            name,
            recording,
            f"the server has no such tool; {nearest_phrase(name, recording.tools)}",
        )
    answers = _Answers(recording, steady, has_resources=bool(own.resources), has_prompts=bool(own.prompts))
    tools = {
        name: _as_listed(fake_type, own.tools[name], tool, recording)
        if name in own.tools
        else answers.tool(tool)
        for name, tool in recording.tools.items()
    }
    instructions: str | None = recording.opening.get("instructions")
    return Contract(tools, own.resources, own.prompts, answers, instructions)


class _Answers:
    """What a recorded server answered, as far as it can be true of a fake.

    Args:
        recording: The server.
        steady: Patterns of what has one answer whatever the state is.
        has_resources: Whether the fake has resources of its own, in place of all that were recorded.
        has_prompts: The same for prompts.
    """

    def __init__(
        self, recording: Recording, steady: tuple[str, ...], *, has_resources: bool, has_prompts: bool
    ) -> None:
        self._recording, self._steady = recording, steady
        offered = as_object(recording.opening.get("capabilities"))
        kinds = {
            "resources": () if has_resources else OF_RESOURCES,
            "prompts": () if has_prompts else OF_PROMPTS,
            "completions": () if has_prompts else ("completion/complete",),
        }
        # What the server offers and nobody asked for while recording is a miss, and no method that it does not know.
        self.methods = [
            method
            for kind, methods in kinds.items()
            for method in methods
            if kind in offered or recording.tape.of_method(method)
        ]

    def answer(self, fake: Fake, method: str, params: Json) -> Json:
        if method in LISTINGS:
            listing = self._recording.listing(method)
            if listing is not None:
                return enveloped(method, listing)
        return enveloped(method, _result(method, self._operation(fake, method, params)))

    def tool(self, tool: RecordedTool) -> ToolSpec:
        """A tool without a method."""

        async def answer(fake: Fake, **arguments: Any) -> Verbatim:
            call: Call = arguments.pop(CALL_KEY)
            if not tool.reads and not self._is_steady(tool.name):
                raise FakeDefinitionError(
                    f"{type(fake).__qualname__} has no method for {tool.name}, of which the server does not say that "
                    "it only reads; write a @tool method of that name, or, if it has the same answer whatever was "
                    f"done before, make the fake with from_tape(..., steady=[{tool.name!r}])"
                )
            operation = self._operation(fake, CALL, {"name": tool.name, "arguments": arguments})
            for step in operation.steps:
                if isinstance(step, Notice):
                    await _notify(call, step.message)
            return Verbatim({**_result(CALL, operation)})

        parameters = Parameters(TypeAdapter(dict[str, Any]), dict(tool.input_schema), CALL_KEY)
        output = None if tool.output_schema is None else dict(tool.output_schema)
        mark = ToolMark(reads=tool.reads or self._is_steady(tool.name))
        return ToolSpec(
            *(tool.name, tool.description, mark, answer, parameters, None, output),
            wraps=False,
            listed=tool.listed,
        )

    def _operation(self, fake: Fake, method: str, params: Json) -> Operation:
        """The recording that is true of the fake.

        Raises:
            FakeDefinitionError: It needs a method to answer this.
            CassetteError: It was never recorded.
        """
        name = str(params.get("name") or params.get("uri") or method)
        of = f"{type(fake).__qualname__} answers {name} from {self._recording.path.name}"
        cure = f"write a method for it, or say from_tape(..., steady=[{name!r}]) if the answer is still right"
        if not fake.is_as_recorded and not self._is_steady(name):
            raise FakeDefinitionError(f"{of}, and its state is no longer the recorded one; {cure}")
        found = self._recording.find(method, params)
        if any(isinstance(step, Questions) for each in found for step in each.steps):
            raise FakeDefinitionError(
                f"{of}, where the server asked its client something; write a method for it"
            )
        bodies = [_said(each) for each in found]
        if any(differences(bodies[0], body) for body in bodies[1:]):
            raise FakeDefinitionError(
                f"{of}, where it has {len(bodies)} answers to the same request, so that they depend on what was done "
                "before; write a method for it"
            )
        return found[0]

    def _is_steady(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._steady)


def _as_listed(fake_type: type[Fake], spec: ToolSpec, tool: RecordedTool, recording: Recording) -> ToolSpec:
    """A tool with a method, as the recorded server lists it."""

    def refuse(why: str) -> None:
        raise _misfit(fake_type, spec.name, recording, why)

    theirs, ours = tool.input_schema, spec.parameters.json_schema
    if "properties" in theirs:
        for name in sorted(theirs["properties"].keys() - ours["properties"].keys()):
            refuse(f"it has no parameter {name!r}")
        for name in sorted(ours["properties"].keys() - theirs["properties"].keys()):
            refuse(
                f"its parameter {name!r} is not the server's; {nearest_phrase(name, theirs['properties'])}"
            )
    for name in sorted({*ours.get("required", ())} - {*theirs.get("required", ())}):
        refuse(f"its parameter {name!r} needs a default, since the server does not require it")
    promised, returned = as_object(tool.output_schema), as_object(spec.output_schema)
    if promised and spec.returns is None:
        refuse("it returns nothing, and the server has an output schema")
    if "properties" in returned:
        for name in sorted({*promised.get("required", ())} - returned["properties"].keys()):
            refuse(f"what it returns has no {name!r}")
    output = None if tool.output_schema is None else dict(tool.output_schema)
    return replace(
        spec,
        description=tool.description,
        parameters=replace(spec.parameters, json_schema=dict(theirs)),
        output_schema=output,
        wraps=spec.wraps and output is not None,
        listed=tool.listed,
    )


def _misfit(fake_type: type[Fake], name: str, recording: Recording, why: str) -> FakeDefinitionError:
    return FakeDefinitionError(
        f"{fake_type.__qualname__}.{name} is not the tool on {recording.path.name}: {why}"
    )


def _result(method: str, operation: Operation) -> Json:
    """The recorded result.

    Raises:
        MCPError: An error of the protocol was recorded.
        CassetteError: There was no answer.
    """
    match operation.outcome:
        case Result(body):
            return in_no_era(method, body)
        case Failure(error):
            from mcp import MCPError  # only when needed: the direct way is for runs that never load the SDK

            raise MCPError(error["code"], error["message"], error.get("data"))
        case other:
            raise CassetteError(
                f"line {operation.line} of the tape asks {operation.method} and has no answer: {other}"
            )


def _said(operation: Operation) -> object:
    match operation.outcome:
        case Result(body):
            return body
        case Failure(error):
            return {"error": error}
        case other:
            return str(other)


async def _notify(call: Call, message: Json) -> None:
    params = as_object(message.get("params"))
    if message["method"] == "notifications/progress":
        await call.progress(params["progress"], total=params.get("total"), message=params.get("message"))
    elif message["method"] == "notifications/message" and isinstance(params.get("data"), str):
        await call.log(params["data"], level=cast("LogLevel", params.get("level", "info")))
