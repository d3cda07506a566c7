"""Events are found in a stream however it is cut, and as soon as they are whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.serve.sse import Event, EventSplitter


def events_in(*chunks: bytes) -> list[Event]:
    splitter = EventSplitter()
    return [event for chunk in chunks for event in splitter.feed(chunk)]


ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
VALUES = st.binary(max_size=12).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))
NAMES = st.sampled_from([b"data", b"event", b"id", b"retry", b"", b"other"])
COLONS = st.sampled_from([b":", b": ", b":  ", b""])
LINES = st.one_of(st.tuples(NAMES, COLONS, VALUES).map(b"".join), st.just(b""))
STREAMS = st.lists(st.tuples(LINES, ENDS).map(b"".join)).map(b"".join)


@st.composite
def cut(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A stream, and the same in pieces."""
    stream = draw(st.one_of(STREAMS, st.binary(max_size=60)))
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=len(stream))))
    return stream, [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@given(cut())
def test_the_events_are_the_same_however_the_stream_is_cut(streams: tuple[bytes, list[bytes]]) -> None:
    whole, pieces = streams

    assert events_in(*pieces) == events_in(whole)


@given(
    st.lists(st.tuples(st.lists(VALUES, min_size=1, max_size=3), VALUES), max_size=5), ENDS, st.integers(1, 9)
)
def test_what_was_said_is_heard(said: list[tuple[list[bytes], bytes]], end: bytes, size: int) -> None:
    stream = b"".join(
        b"".join(b"data: " + line + end for line in lines) + b":" + comment + end + end
        for lines, comment in said
    )
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]

    assert [event.data for event in events_in(*pieces)] == [b"\n".join(lines) for lines, _ in said]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Event("message", b"a", "")]),
        (b"data:a\n\n", [Event("message", b"a", "")]),
        (b"data:  a\n\n", [Event("message", b" a", "")]),
        (b"data: a\ndata: b\n\n", [Event("message", b"a\nb", "")]),
        (b"data\n\n", [Event("message", b"", "")]),
        (b"event: endpoint\ndata: /messages?x=1\n\n", [Event("endpoint", b"/messages?x=1", "")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [Event("message", b"a", "7"), Event("message", b"b", "")]),
        (b"id: 7\ndata:\n\n", [Event("message", b"", "7")]),
        (b"id: a\0b\ndata: a\n\n", [Event("message", b"a", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("message", b"a", "")]),
        (b": ping\n\n", []),
        (b"event: nothing\n\ndata: a\n\n", [Event("message", b"a", "")]),
        (b"data: torn\n", []),
        (b"datum: a\n\n", []),
        (b"data: a\x0bb\x0cc\xc2\x85d\n\n", [Event("message", b"a\x0bb\x0cc\xc2\x85d", "")]),
    ],
)
def test_fields_are_read_as_the_standard_says(stream: bytes, expected: list[Event]) -> None:
    assert events_in(stream) == expected


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r"])
def test_an_event_is_there_with_the_byte_that_ends_it(end: bytes) -> None:
    splitter = EventSplitter()
    stream = b"data: a" + end

    assert splitter.feed(stream[:-1]) == []
    assert not splitter.is_between_events
    assert splitter.feed(stream[-1:]) == [Event("message", b"a", "")]
    assert splitter.is_between_events


def test_the_second_half_of_a_line_end_is_no_line_of_its_own() -> None:
    splitter = EventSplitter()

    assert splitter.feed(b"data: a\r") == []
    assert splitter.feed(b"\ndata: b\r\n\r\n") == [Event("message", b"a\nb", "")]


def test_a_huge_event_in_small_pieces_comes_whole() -> None:
    splitter = EventSplitter()

    splitter.feed(b"data: ")
    for _ in range(100_000):
        assert splitter.feed(b"x" * 64) == []

    assert splitter.feed(b"\n\n") == [Event("message", b"x" * 6_400_000, "")]
