"""What is wrong with a cassette before it is shared: secrets that are left, words that aim at a model, damage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pytest_mcpflow.cassette.format import Frame
from pytest_mcpflow.cassette.reading import read_frames
from pytest_mcpflow.cassette.redaction import Redactor
from pytest_mcpflow.cassette.redaction.placeholder import PLACEHOLDER, digest
from pytest_mcpflow.cassette.suspicion import hidden_characters, hidden_instructions, instructions
from pytest_mcpflow.cassette.values import as_object
from pytest_mcpflow.errors import CassetteError

__all__ = ["CHECKS", "Check", "Finding", "findings_in"]

TOKEN = re.compile(r"""[^\s"'`,;&=<>(){}\[\]\\]{6,}""")
LETTERS = re.compile(r"[^\W\d_]+")
LISTS = ("tools", "prompts", "resources", "resourceTemplates")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for; `level` is SARIF's: error, warning or note."""

    id: str
    name: str
    level: str
    says: str
    advice: str


CHECKS = (
    Check(
        "MCP001",
        "broken-tape",
        "error",
        "The file is no cassette that can be read.",
        "Record the session again, or restore the file.",
    ),
    Check(
        "MCP002",
        "torn-tape",
        "warning",
        "The last line was cut off when its recorder was killed.",
        "Record the session again; readers leave the line out.",
    ),
    Check(
        "MCP101",
        "secret",
        "error",
        "The redaction rules find a secret.",
        "Replace the secret at its service, then record the session again.",
    ),
    Check(
        "MCP102",
        "secret-elsewhere",
        "error",
        "A value that was taken out in one place stands in another.",
        "Add a redaction rule that finds the value by itself, then record the session again.",
    ),
    Check(
        "MCP201",
        "instructions-to-a-model",
        "error",
        "Text of the server gives a model instructions that override others.",
        "Read it before a model does; it may be an attack on whoever uses the server.",
    ),
    Check(
        "MCP202",
        "hides-from-people",
        "error",
        "Text of the server asks a model to hide something from people, or to read their files in passing.",
        "Read it before a model does; it may be an attack on whoever uses the server.",
    ),
    Check(
        "MCP203",
        "hidden-characters",
        "error",
        "Text of the server has characters that people do not see, or that change the order of reading.",
        "Look at the text in an editor that shows them.",
    ),
)
BY_NAME = {check.name: check for check in CHECKS}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found: in which file and line (from 1), where in that line (a JSON pointer), and what."""

    check: Check
    path: Path
    line: int
    pointer: str
    message: str


def findings_in(path: Path, redactor: Redactor) -> list[Finding]:
    """All findings in a cassette, in the order of its lines."""
    try:
        frames, torn = read_frames(path)
    except CassetteError as error:
        numbered = re.match(re.escape(str(path)) + r":(\d+)", str(error))
        return [Finding(BY_NAME["broken-tape"], path, int(numbered[1]) if numbered else 1, "", str(error))]
    found = [*_secrets(path, frames, redactor), *_elsewhere(path, frames), *_suspicions(path, frames)]
    if torn:
        last = path.read_bytes().count(b"\n") + 1
        found.append(Finding(BY_NAME["torn-tape"], path, last, "", "the last line has no end"))
    # A secret may be the name of a member, or stand in the words that are quoted; a report must not repeat it.
    told = [
        replace(each, pointer=redactor.text(each.pointer), message=redactor.text(each.message))
        for each in found
    ]
    return sorted(told, key=lambda each: (each.line, each.check.id, each.pointer))


def _secrets(path: Path, frames: Iterable[Frame], redactor: Redactor) -> Iterator[Finding]:
    """What today's rules would take out."""
    asked: dict[tuple[int, str, str], str] = {}
    for frame in frames:
        data = frame.data
        after: Mapping[str, Any] = data
        if frame.kind == "message":
            after = {
                **data,
                "message": redactor.message(data["message"], answers=_answers(frame, data, asked)),
            }
        elif frame.kind == "session":
            after = {**data, "command": redactor.arguments([str(word) for word in data.get("command", [])])}
        elif frame.kind == "http":
            headers = {name: redactor.text(str(text)) for name, text in data.get("headers", {}).items()}
            after = {**data, "headers": headers, "body": redactor.text(str(data.get("body", "")))}
        elif frame.kind == "noise":
            after = {**data, "text": redactor.text(str(data.get("text", "")))}
        found = [*_differences(path, frame.line, data, after)]
        yield from found
        if not found and frame.kind == "message" and after["message"] is not data["message"]:
            yield Finding(BY_NAME["secret"], path, frame.line, "", "a secret is left (a number)")


def _answers(frame: Frame, data: Mapping[str, Any], asked: dict[tuple[int, str, str], str]) -> str | None:
    """The method of the request that a message answers; requests are noted on the way."""
    message, sender = as_object(data["message"]), str(data["from"])
    number = json.dumps(message.get("id"))
    if "method" in message:
        asked[frame.session, sender, number] = str(message["method"])
        return None
    other = "server" if sender == "client" else "client"
    return asked.get((frame.session, other, number))


def _differences(path: Path, line: int, before: object, after: object) -> Iterator[Finding]:
    changed = dict(_strings(after))
    for pointer, text in _strings(before):
        if changed.get(pointer) != text:
            known = PLACEHOLDER.findall(text)
            rules = {
                each.split(":")[1]
                for each in PLACEHOLDER.findall(changed.get(pointer, ""))
                if each not in known
            }
            which = f"by rule {', '.join(sorted(rules))}" if rules else "encoded, or as a name"
            yield Finding(BY_NAME["secret"], path, line, pointer, f"a secret is left ({which})")


def _elsewhere(path: Path, frames: Iterable[Frame]) -> Iterator[Finding]:
    """Values whose hash is that of a placeholder: nobody needs to know them to see that they are there."""
    texts = [(frame.line, pointer, text) for frame in frames for pointer, text in _strings(frame.data)]
    hashes = {
        each[-9:-1]: each.split(":")[1]
        for _, _, text in texts
        for each in PLACEHOLDER.findall(text)
        if ":env:" not in each
    }
    if not hashes:
        return
    hashed = dict[str, str]()
    for line, pointer, text in texts:
        for token in {text, *TOKEN.findall(PLACEHOLDER.sub(" ", text))}:
            if token not in hashed:
                hashed[token] = "" if LETTERS.fullmatch(token) else digest(token)
            if hashed[token] in hashes:
                rule = hashes[hashed[token]]
                message = f"a value stands here that rule {rule} took out elsewhere"
                yield Finding(BY_NAME["secret-elsewhere"], path, line, pointer, message)
                break


def _suspicions(path: Path, frames: Iterable[Frame]) -> Iterator[Finding]:
    for frame in frames:
        data = frame.data
        if frame.kind != "message" or data["from"] != "server":
            continue
        for pointer, text in _strings(data["message"]):
            for name, look in (
                ("instructions-to-a-model", instructions),
                ("hides-from-people", hidden_instructions),
                ("hidden-characters", hidden_characters),
            ):
                what = look(text)
                if what is not None:
                    where = _owner(data["message"], pointer)
                    quoted = what if name == "hidden-characters" else f'"{what}"'
                    yield Finding(BY_NAME[name], path, frame.line, f"/message{pointer}", f"{where}: {quoted}")


def _owner(message: Mapping[str, Any], pointer: str) -> str:
    """Whose words these are: of a tool, a prompt, a result."""
    parts = pointer.split("/")
    if parts[1:2] == ["result"] and len(parts) > 3 and parts[2] in LISTS:
        listed = as_object(message["result"])[parts[2]][int(parts[3])]
        name = as_object(listed).get("name", parts[3])
        return f"{'resource template' if parts[2] == 'resourceTemplates' else parts[2][:-1]} {name}"
    return {"result": "a result", "error": "an error", "params": str(message.get("method"))}.get(
        parts[1], parts[1]
    )


def _strings(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Each string in a JSON value with its JSON pointer; names of members count as strings at their member."""
    todo = [(pointer, value)]
    while todo:
        here, item = todo.pop()
        if isinstance(item, str):
            yield here, item
        elif isinstance(item, Mapping):
            members = cast("Mapping[str, object]", item)
            todo += [
                (f"{here}/{name.replace('~', '~0').replace('/', '~1')}", each)
                for name, each in members.items()
            ]
        elif isinstance(item, list):
            todo += [(f"{here}/{index}", each) for index, each in enumerate(cast("list[object]", item))]
