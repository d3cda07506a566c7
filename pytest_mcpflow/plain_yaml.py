"""The part of YAML that fakes understand: what workflow files and manifests are written in, and how servers print.

The reader knows block mappings and sequences, flow sequences, empty mappings, plain and quoted scalars, and literal
blocks. Anything else is refused, with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Yaml", "read_yaml", "write_yaml"]

Yaml: TypeAlias = "dict[str, Yaml] | list[Yaml] | str | int | float | bool | None"
_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[\w./-]+):(?:\s+(?P<rest>\S.*))?$""")
_PLAIN = re.compile(r"[A-Za-z_./][\w ./@=+-]*(?::[\w./@=+-][\w ./@=+-]*)*")
"""Texts that need no quotes, unless they would be read as something else."""
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass
class _Line:
    number: int
    indent: int
    text: str


def read_yaml(text: str) -> Yaml:
    """Read the part of YAML that is described above.

    Raises:
        ValueError: Something else stands there; it says on which line.
    """
    lines = [
        _Line(number, len(line) - len(line.lstrip(" ")), line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    value, rest = _block(lines, 0) if lines else (None, [])
    if rest:
        raise ValueError(f"(Line: {rest[0].number}): unexpected indentation or content: {rest[0].text}")
    return value


def _block(lines: list[_Line], indent: int) -> tuple[Yaml, list[_Line]]:
    if lines[0].text.startswith("- "):
        return _sequence(lines, indent)
    mapping: dict[str, Yaml] = {}
    while lines and lines[0].indent == indent:
        line = lines[0]
        parts = _KEY.match(line.text)
        if parts is None:
            raise ValueError(f"(Line: {line.number}): a key was expected: {line.text}")
        key, rest = parts.group("key").strip("\"'"), parts.group("rest")
        if key in mapping:
            raise ValueError(f"(Line: {line.number}): '{key}' is already defined")
        mapping[key], lines = _value(lines, indent, rest)
    return mapping, lines


def _value(lines: list[_Line], indent: int, rest: str | None) -> tuple[Yaml, list[_Line]]:
    line, lines = lines[0], lines[1:]
    if rest == "|":
        block = list[str]()
        while lines and lines[0].indent > indent:
            block.append(lines.pop(0).text)
        return "\n".join(block), lines
    if rest is not None:
        return _scalar(rest, line.number), lines
    is_sequence = bool(lines) and lines[0].text.startswith("- ") and lines[0].indent == indent
    if lines and (lines[0].indent > indent or is_sequence):
        return _block(lines, lines[0].indent)
    return None, lines


def _sequence(lines: list[_Line], indent: int) -> tuple[Yaml, list[_Line]]:
    items: list[Yaml] = []
    while lines and lines[0].indent == indent and lines[0].text.startswith("- "):
        line = lines[0]
        inner = line.text[2:].strip()
        if _KEY.match(inner):
            item, lines = _block([_Line(line.number, indent + 2, inner), *lines[1:]], indent + 2)
        else:
            item, lines = _scalar(inner, line.number), lines[1:]
        items.append(item)
    return items, lines


def _scalar(text: str, number: int) -> Yaml:
    if text[0] in "\"'":
        if len(text) < 2 or text[-1] != text[0]:
            raise ValueError(f"(Line: {number}): a quote is not closed: {text}")
        return text[1:-1]
    if text[0] == "[":
        if text[-1] != "]":
            raise ValueError(f"(Line: {number}): a bracket is not closed: {text}")
        return [_scalar(item.strip(), number) for item in text[1:-1].split(",") if item.strip()]
    if text == "{}":
        return {}
    if text[0] in "{&*!%@`>":
        raise ValueError(f"(Line: {number}): not understood here: {text}")
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def write_yaml(value: Yaml) -> str:
    """Write block style with sorted keys, as Kubernetes prints."""
    if isinstance(value, dict | list) and value:
        return "".join(f"{line}\n" for line in _lines(value))
    return f"{_written(value)}\n"


def _lines(value: Yaml) -> Iterator[str]:
    if isinstance(value, dict):
        for key in sorted(value):
            inner = value[key]
            if isinstance(inner, dict | list) and inner:
                yield f"{_written(key)}:"
                margin = "  " if isinstance(inner, dict) else ""
                yield from (f"{margin}{line}" for line in _lines(inner))
            else:
                yield f"{_written(key)}: {_written(inner)}"
    elif isinstance(value, list):
        for item in value:
            lines = [*_lines(item)] if isinstance(item, dict | list) and item else [_written(item)]
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])


def _written(value: Yaml) -> str:
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value) is not None and value == value.strip()
    return str(value) if is_plain and str(value).lower() not in _WORDS else json.dumps(value)
