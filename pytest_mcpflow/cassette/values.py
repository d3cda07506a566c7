"""The values of a cassette's lines: JSON, read strictly and written in one way only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

__all__ = ["DEPTH", "as_object", "canonical", "decoded", "decoded_lines", "depth_of", "dump", "encoder"]

DEPTH = 200
"""How deeply a line may be nested, so that whatever was written can be read wherever it is read."""

AT_ONCE = 64
"""How many lines are read at once: more make it no quicker, and take memory."""


def encoder(*, in_ascii: bool) -> Callable[[object], str]:
    """Writes values that came as JSON, and so hold no circles: sorted, and without spaces.

    It is what `JSONEncoder.encode` does, which makes a new encoder in C for each value; one for all of them takes half
    of the time. Where Python has none to make, or makes it otherwise, it is `JSONEncoder.encode`.
    """
    plain = json.JSONEncoder(
        sort_keys=True, separators=(",", ":"), ensure_ascii=in_ascii, check_circular=False
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    texts = json.encoder.encode_basestring_ascii if in_ascii else json.encoder.encode_basestring
    try:
        in_c = make(None, plain.default, texts, None, ":", ",", True, False, True)
        if "".join(in_c(PROBE, 0)) != plain.encode(PROBE):
            return plain.encode
    except TypeError:
        return plain.encode

    def encode(value: object) -> str:
        return "".join(in_c(value, 0))

    return encode


PROBE: Mapping[str, object] = {"b": [1, 0.5, None, True, "\u00e9"], "a": {}}
_encode = encoder(in_ascii=False)
_encode_in_ascii = encoder(in_ascii=True)


def dump(frame: Mapping[str, Any]) -> bytes:
    """The one way to write a frame: a line in which nothing depends on who wrote it."""
    try:
        return _encode(frame).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        return _encode_in_ascii(frame).encode() + b"\n"


def as_object(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for whatever else a message holds in its place."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def canonical(value: object) -> str:
    """What equal JSON values have in common as text, and no others.

    Some clients write a whole number as `1.0`. By JSON Schema numbers are equal if they have the same mathematical
    value (Core 2020-12, section 4.2.2), and one without a fractional part is an integer, however it is written.
    """
    text = _encode_in_ascii(value)
    return _encode_in_ascii(_with_whole_numbers(value)) if ".0" in text or "e+" in text else text


def _with_whole_numbers(value: object) -> object:
    """A JSON value in which each number without a fractional part is an integer of Python."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _with_whole_numbers(each) for name, each in cast("dict[str, object]", value).items()}
    return [*map(_with_whole_numbers, cast("list[object]", value))] if isinstance(value, list) else value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def decoded(line: bytes, *, depth: int = DEPTH) -> object:
    """The value of a line, as strictly as RFC 8259 has it.

    Raises:
        ValueError: It is not JSON, or nested more deeply than `depth`.
    """
    text = line.decode()
    value, end = _raw_decode(text if text[:1] == "{" else text.strip())
    if end != len(text) and end != len(text.strip()):
        raise ValueError(f"extra data at character {end}")
    # Each level takes two characters at least, and counting them is quicker than going down.
    if end > 2 * depth and text.count("{") + text.count("[") > depth and depth_of(value) > depth:
        raise ValueError(f"nested more than {depth} deep")
    return value


def decoded_lines(lines: Sequence[bytes]) -> Iterator[object]:
    """The values of lines. What is wrong with one, `decoded` raises when its turn comes."""
    for first in range(0, len(lines), AT_ONCE):
        some = lines[first : first + AT_ONCE]
        yield from _decoded_at_once(some) or map(decoded, some)


def _decoded_at_once(lines: Sequence[bytes]) -> Sequence[object] | None:
    """The values of lines, in two thirds of the time; `None` where they have to be looked at one by one.

    They are read as one list, with a `NaN` between each two of them. As no line has one, and JSON knows none, each that
    is found in the list itself stands between two lines; if all are, every line is one value, whatever it says.
    """
    joined = b"[%b]" % b",NaN,".join(lines)
    if joined.count(b"NaN") != len(lines) - 1 or any(map(_may_be_deep, lines)):
        return None
    try:
        text = joined.decode()
        values, end = _raw_decode_list(text)
    except (ValueError, RecursionError):
        return None
    is_whole = end == len(text) and len(values) == 2 * len(lines) - 1
    return values[::2] if is_whole and all(each is _BETWEEN for each in values[1::2]) else None


def _may_be_deep(line: bytes) -> bool:
    return len(line) > 2 * DEPTH and line.count(b"{") + line.count(b"[") > DEPTH


def depth_of(value: object) -> int:
    """How many objects and lists are inside of one another."""
    depth, level = -1, [value]
    while level:
        depth += 1
        level = [inner for each in level for inner in _members(each)]
    return depth


def _members(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is more than a number can be")
    return number


def _between(constant: str) -> object:
    return _BETWEEN if constant == "NaN" else _no_constant(constant)


_BETWEEN = object()
_raw_decode = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite).raw_decode
_raw_decode_list = json.JSONDecoder(parse_constant=_between, parse_float=_finite).raw_decode
