"""One recorded tool as a method of a fake, and its test."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pytest_mcpflow.cassette.recording import RecordedTool
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.new.layout import WIDTH, Expression, Group, Text, laid_out, quoted
from pytest_mcpflow.new.names import Name, python_name, title_of
from pytest_mcpflow.new.recorded import Answer, answers_of
from pytest_mcpflow.new.schemas import Schema, default_of, optional
from pytest_mcpflow.new.shapes import Misfit, Shapes, plain

__all__ = ["Method", "docstring"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method, and the argument that clients know."""

    name: str
    key: str
    annotation: str
    default: str | None
    schema: Schema

    def __str__(self) -> str:
        annotation = self.annotation
        if self.name != self.key:
            annotation = f"Annotated[{annotation}, Field(alias={quoted(self.key)})]"
        return f"{self.name}: {annotation}" + ("" if self.default is None else f" = {self.default}")


class Method:
    """One tool as a method."""

    def __init__(self, fake: Name, tool: RecordedTool, name: str, shapes: Shapes) -> None:
        self._fake, self._tool, self.name, self._shapes = fake, tool, name, shapes
        self.left_out: list[str] = []
        self._parameters = self._read_parameters()
        output = tool.output_schema
        if output is not None:
            self._returns = shapes.annotation(output, output, f"{title_of(tool.name)} result")
        else:
            given = [answer for answer in answers_of(tool) if not answer.is_error]
            structured = any(answer.structured is not None for answer in given)
            self._returns = "dict[str, Any]" if structured else "str"
        self._branches = list(self._read_branches())

    def __str__(self) -> str:
        return (
            f"{self._mark()}{self._signature()}{docstring(self._description(), indent=8)}"
            + "".join(self._branch(condition, outcome) for condition, outcome, _ in self._branches)
            + self._refusal()
        )

    def test(self) -> str:
        """A test of the first recorded answer; none, if there is none."""
        if not self._branches:
            return ""
        _, _, answer = self._branches[0]
        arguments = plain(dict(answer.arguments))
        call = Group(
            "mcpflow.call_tool(",
            [("", quoted(f"{self._fake.kebab}.{self._tool.name}")), ("", arguments)],
            ")",
        )
        head = f"\n\nasync def test_{self.name}_answers_as_recorded(mcpflow: Hub) -> None:\n"
        head += f"    mcpflow.serve({self._fake.class_name}())\n\n"
        if answer.is_error:
            awaited = laid_out(call, indent=8, before="await ")
            said = _equals("refused.value.message", Text(answer.text or ""))
            return f"{head}    with pytest.raises(ToolError) as refused:\n{awaited}\n\n{said}\n"
        asked = laid_out(call, indent=4, before="result = await ")
        if self._returns == "str":
            said = _equals("result.text", Text(answer.text or ""))
        else:
            members = cast("Group", plain(dict(answer.structured or {}))).members
            said = "\n".join(_equals(f"result[{key.removesuffix(': ')}]", value) for key, value in members)
        return f"{head}{asked}\n\n{said}\n"

    def _mark(self) -> str:
        tool = self._tool
        promised = {
            "reads": tool.reads,
            "destroys": not tool.reads and tool.annotations.get("destructiveHint") is True,
            "idempotent": self._is_idempotent,
        }
        promises = [f"{promise}=True" for promise, holds in promised.items() if holds]
        if self.name != tool.name:
            promises.append(f"name={quoted(tool.name)}")
        return f"    @tool({', '.join(promises)})\n"

    @property
    def _is_idempotent(self) -> bool:
        return self._tool.annotations.get("idempotentHint") is True

    def _signature(self) -> str:
        parameters = Group("(", [("", "self"), *(("", str(each)) for each in self._parameters)], ")")
        return laid_out(parameters, indent=4, before=f"def {self.name}", after=f" -> {self._returns}:") + "\n"

    def _description(self) -> str:
        lines = [inspect.cleandoc(self._tool.description) or self._tool.name]
        said = [
            f"{each.name}: {' '.join(str(each.schema['description']).split())}"
            for each in self._parameters
            if each.schema.get("description")
        ]
        return "\n".join([*lines, "", "Args:", *(f"    {line}" for line in said)] if said else lines)

    def _branch(self, condition: Expression | None, outcome: Expression) -> str:
        indent = 8 if condition is None else 12
        test = "" if condition is None else self._condition(condition) + "\n"
        note = "" if self._tool.reads else self._note(indent)
        return f"{test}{note}{laid_out(outcome, indent=indent)}\n"

    def _note(self, indent: int) -> str:
        """What a test sees of a call that changes something; what may be repeated is noted once."""
        margin = " " * indent
        line = f'"{self._tool.name}"'
        if self._parameters:
            values = ", ".join(f"{each.name}={{{each.name}!r}}" for each in self._parameters)
            line = f'f"{self._tool.name}({values})"'
        if self._is_idempotent:
            return f"{margin}call = {line}\n{margin}if call not in self.done:\n{margin}    self.done.append(call)\n"
        return laid_out(Group("self.done.append(", [("", line)], ")"), indent=indent) + "\n"

    def _condition(self, condition: Expression) -> str:
        names = [each.name for each in self._parameters]
        if len(names) > 1:
            # The names on lines of their own where they do not fit before the bracket of what was recorded.
            asked = laid_out(
                Group("(", [("", name) for name in names], ")"), indent=8, before="if ", after=" == ("
            )
            asked = asked.removesuffix("(")
            if "\n" not in asked:
                return laid_out(condition, indent=8, before=asked.lstrip(), after=":")
            return asked + laid_out(condition, indent=8, after=":").lstrip()
        assert isinstance(condition, Group)
        [(_, alone)] = condition.members
        operator = "is" if alone in ("None", "True", "False") else "=="
        return laid_out(alone, indent=8, before=f"if {names[0]} {operator} ", after=":")

    def _refusal(self) -> str:
        if self._branches and not self._parameters:
            return ""
        why = "nothing is recorded for these arguments" if self._parameters else "no answer is recorded"
        return f'        raise FakeError("{why}")\n'

    def _read_parameters(self) -> list[Parameter]:
        schema = self._tool.input_schema
        required = cast("list[str]", schema.get("required", []))
        parameters: list[Parameter] = []
        for key, each in cast("dict[str, Any]", schema.get("properties") or {}).items():
            annotation = self._shapes.annotation(each, schema, key)
            default = None
            if key not in required:
                default = default_of(each) or "None"
                annotation = optional(annotation) if default == "None" else annotation
            name = python_name(key, taken=("self", *(other.name for other in parameters)))
            parameters.append(Parameter(name, key, annotation, default, as_object(each)))
        return sorted(parameters, key=lambda parameter: parameter.default is not None)

    def _read_branches(self) -> Iterator[tuple[Expression | None, Expression, Answer]]:
        """What is asked, what comes of it, and the recording of it."""
        for answer in answers_of(self._tool):
            try:
                condition = self._arguments(answer)
                outcome = self._outcome(answer)
            except Misfit as misfit:
                self.left_out.append(f"line {answer.line}, {self._tool.name}: {misfit}")
                continue
            yield condition, outcome, answer

    def _arguments(self, answer: Answer) -> Expression | None:
        schema = self._tool.input_schema
        unknown = {*answer.arguments} - {each.key for each in self._parameters}
        if unknown:
            raise Misfit(f"the arguments {sorted(unknown)} are not in the tool's schema")
        members: list[tuple[str, Expression]] = []
        for each in self._parameters:
            if each.key in answer.arguments:
                members.append(("", self._shapes.value(answer.arguments[each.key], each.schema, schema)))
            elif each.default is None:
                raise Misfit(f"the argument {each.key} is missing, which a fake refuses by itself")
            else:
                members.append(("", each.default))
        return Group("(", members, ")", comma_when_alone=True) if members else None

    def _outcome(self, answer: Answer) -> Group:
        output = self._tool.output_schema
        if answer.is_error or self._returns == "str":
            if answer.text is None:
                raise Misfit("the answer is more than text")
            text = [("", Text(answer.text))]
            return Group(
                "raise FakeError(" if answer.is_error else "return ", text, ")" if answer.is_error else ""
            )
        if answer.structured is None:
            raise Misfit("the answer has no structured content")
        if output is None:
            value = plain(dict(answer.structured))
        else:
            value = self._shapes.value(dict(answer.structured), output, output)
        return Group("return ", [("", value)], "")


def _equals(what: str, value: Expression) -> str:
    """An assertion; long text gets a line of its own before it."""
    flat = laid_out(value, indent=4, before=f"assert {what} == ")
    if isinstance(value, Text) and ("\n" in flat or len(flat) > WIDTH):
        return laid_out(value, indent=4, before="expected = ") + f"\n    assert {what} == expected"
    operator = "is" if value in ("None", "True", "False") else "=="
    return laid_out(value, indent=4, before=f"assert {what} {operator} ")


def docstring(text: str, *, indent: int) -> str:
    margin = " " * indent
    lines: list[str] = []
    for line in text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').splitlines():
        inner = line[: len(line) - len(line.lstrip())]
        wrapped = textwrap.wrap(
            line.strip(),
            WIDTH - indent - len(inner) - 4,
            subsequent_indent="    " if inner else "",
            break_long_words=False,
        )
        lines += [f"{margin}{inner}{each}".rstrip() for each in wrapped or [""]]
    while lines and not lines[-1]:
        lines.pop()
    body = "\n".join(lines)[indent:]
    body += " " if body.endswith('"') else ""
    closing = f'\n{margin}"""' if len(lines) > 1 else '"""'
    return f'{margin}"""{body}{closing}\n'
