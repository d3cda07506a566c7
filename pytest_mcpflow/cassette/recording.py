"""What a cassette tells of the server on it: what it offers, under which schemas, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from pytest_mcpflow.cassette.eras import HANDSHAKE, result_for
from pytest_mcpflow.cassette.offers import LISTINGS, offers_of
from pytest_mcpflow.cassette.operations import Operation, Result
from pytest_mcpflow.cassette.player import CALL, Player, Tape
from pytest_mcpflow.cassette.redaction import Redactor, Rule
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError, UnknownNameError

__all__ = ["RecordedTool", "Recording", "in_no_era"]

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True)
class RecordedTool:
    """A tool of a recorded server.

    Args:
        name: Its name.
        listed: All that the server's list of tools says of it.
        calls: Its recorded calls, in the order of the tape.
    """

    name: str
    listed: Json
    calls: tuple[Operation, ...] = ()

    @property
    def description(self) -> str:
        return str(self.listed.get("description", ""))

    @property
    def input_schema(self) -> Json:
        return as_object(self.listed.get("inputSchema"))

    @property
    def output_schema(self) -> Json | None:
        """The schema of the structured content; `None` if there is none."""
        schema = self.listed.get("outputSchema")
        return None if schema is None else as_object(schema)

    @property
    def annotations(self) -> Json:
        """What the server says of the tool's effects."""
        return as_object(self.listed.get("annotations"))

    @property
    def reads(self) -> bool:
        """Whether the server says that it changes nothing (`readOnlyHint`)."""
        return self.annotations.get("readOnlyHint") is True


@dataclass(frozen=True)
class Recording:
    """A recorded server, as far as its tape knows it.

    Args:
        path: The cassette.
        player: Finds its answers.
        tools: The tools that it lists, by name, in the server's order.
    """

    path: Path
    player: Player
    tools: Mapping[str, RecordedTool]

    @classmethod
    def read(cls, path: str | Path, redaction: Sequence[Rule] = ()) -> Recording:
        """Read a cassette.

        Args:
            path: The file.
            redaction: What was taken out of it besides secrets.

        Raises:
            CassetteError: It is missing or broken.
        """
        tape = Tape.load(Path(path))
        redactor = Redactor.of_tape(tape.cassette.redaction, redaction)
        calls = tape.of_method(CALL)
        tools = {
            name: RecordedTool(name, listed, tuple(call for call in calls if call.name == name))
            for name, listed in _listed(tape, "tools/list").items()
        }
        name = tape.cassette.server_name or Path(path).stem
        return cls(Path(path), Player(tape, name, redactor), tools)

    @property
    def server(self) -> str:
        """What the server called itself; the file's name where it did not."""
        return self.player.server

    @property
    def tape(self) -> Tape:
        """Its operations."""
        return self.player.tape

    @property
    def opening(self) -> Json:
        """The server's answer to `initialize` or `server/discover`; empty if it is not on the tape."""
        openings = self.tape.of_method("initialize", "server/discover")
        answers = [each.outcome for each in openings]
        nothing: Json = {}
        return next((answer.body for answer in answers if isinstance(answer, Result)), nothing)

    def listing(self, method: str) -> Json | None:
        """The result of `tools/list`, `resources/list` and the like, all on one page; `None` if it is not recorded."""
        if not any(isinstance(each.outcome, Result) for each in self.tape.of_method(method)):
            return None
        return {LISTINGS[method].member: [dict(each) for each in _listed(self.tape, method).values()]}

    def answers(self, tool: str, arguments: Json | None = None) -> list[Json]:
        """The recorded results of a tool, each with `content`, in the order of the tape.

        Raises:
            UnknownNameError: The server lists no such tool.
            CassetteError: It was never called with these arguments; says with which it was.
        """
        if tool not in self.tools:
            raise UnknownNameError("recorded tool", tool, self.tools)
        params = {"name": tool, "arguments": dict(arguments or {})}
        outcomes = [each.outcome for each in self.find(CALL, params)]
        return [in_no_era(CALL, each.body) for each in outcomes if isinstance(each, Result)]

    def answer(self, tool: str, shape: type[T], arguments: Json | None = None) -> T:
        """The first recorded answer of a tool, as a dataclass, a typed dictionary, or any other type with a JSON form.

        Raises:
            UnknownNameError: The server lists no such tool.
            CassetteError: It was never called with these arguments, refused, or answered something else.
        """
        from pydantic import TypeAdapter, ValidationError

        from pytest_mcpflow.result import CallResult

        found = self.answers(tool, arguments)
        asked = f"{tool}({', '.join(f'{name}={value!r}' for name, value in (arguments or {}).items())})"
        if not found or found[0].get("isError"):
            raise CassetteError(
                f"{self.path}: {asked} has no answer but an error; take another recorded call"
            )
        result = CallResult(cast("dict[str, Any]", found[0]))
        values: object = dict(result)
        if [*result] == ["result"] and result.structured_content is None:
            values = result["result"]  # plain text
        try:
            return TypeAdapter(shape).validate_python(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            raise CassetteError(
                f"{self.path}: the answer to {asked} is no {shape.__name__}: {where}: {first['msg']}; it was {values!r}"
            ) from error

    def find(self, method: str, params: Json) -> list[Operation]:
        """The recordings of a request, in the order of the tape.

        Raises:
            CassetteError: There is none; says what there is.
        """
        return self.player.all_of(method, params)


def in_no_era(method: str, result: Json) -> Json:
    """A recorded result without what only the envelope of one era has; whoever sends it adds that of another."""
    return result_for(HANDSHAKE, method, result, {})


def _listed(tape: Tape, method: str) -> dict[str, Json]:
    """The entries of a listing by name, of the last session that has it."""
    found = [each for each in tape.of_method(method) if isinstance(each.outcome, Result)]
    last = [each for each in found if each.session == found[-1].session]
    pages = [each.outcome.body for each in last if isinstance(each.outcome, Result)]
    return offers_of(LISTINGS[method], pages)
