"""Comparing documents: laws that hold for all, and what counts as the same."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow.cassette.columns import COLUMNS, columns, excerpt, fitted, printable
from pytest_mcpflow.cassette.compare import MISSING, Difference, differences, resolve

TEXT = st.text(max_size=8) | st.sampled_from(["a/b", "~", "~1", "[]", '{"a": 1}', "2026-11-21T07:30:00Z", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=2).map(json.dumps)
    ),
    max_leaves=12,
)
PAIRS = st.tuples(DOCUMENTS, DOCUMENTS)


def pointers(old: object, new: object, **options: Any) -> list[str]:
    return [each.pointer for each in differences(old, new, **options)]


@given(DOCUMENTS, st.booleans(), st.booleans())
def test_a_document_does_not_differ_from_itself(document: object, exact: bool, schema: bool) -> None:
    assert differences(document, document, exact=exact, schema=schema) == ()


@given(DOCUMENTS)
def test_neither_do_the_order_of_members_and_writing_it_as_json_matter(document: object) -> None:
    rewritten = json.loads(json.dumps(document, sort_keys=True))
    assert differences(document, rewritten, exact=True) == ()
    assert differences(json.dumps(document), json.dumps(document, indent=2, sort_keys=True)) == ()


@given(PAIRS, st.booleans(), st.booleans())
def test_differences_mirror_when_the_documents_change_places(
    pair: tuple[object, object], exact: bool, schema: bool
) -> None:
    old, new = pair
    there = differences(old, new, exact=exact, schema=schema)
    back = differences(new, old, exact=exact, schema=schema)
    assert [Difference(each.pointer, each.new, each.old) for each in back] == list(there)


@given(PAIRS)
def test_each_pointer_leads_to_what_differs_in_both_documents(pair: tuple[object, object]) -> None:
    old, new = pair
    for each in differences(old, new):
        # By identity or equality: NaN is not equal to itself, and `0 == False` would be too lenient.
        for document, value in ((old, each.old), (new, each.new)):
            there = resolve(document, each.pointer)
            assert (type(there), repr(there)) == (type(value), repr(value))


@given(PAIRS)
def test_no_difference_means_that_both_say_the_same(pair: tuple[object, object]) -> None:
    old, new = pair
    if not differences(old, new, exact=True):
        assert plain(old) == plain(new)


def plain(value: object) -> object:
    """A document with JSON in texts read, tagged so that what is text stays different from what is none."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return ("text", plain(json.loads(value)))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [plain(inner) for inner in cast("list[object]", value)]
    return ("boolean", value) if isinstance(value, bool) else value


@given(PAIRS)
def test_ignoring_every_difference_leaves_none(pair: tuple[object, object]) -> None:
    old, new = pair
    assert differences(old, new, ignore=pointers(old, new)) == ()


@given(PAIRS)
def test_what_is_ignored_hides_nothing_else(pair: tuple[object, object]) -> None:
    old, new = pair
    found = pointers(old, new)
    for index, pointer in enumerate(found):
        assert pointers(old, new, ignore=[pointer]) == found[:index] + found[index + 1 :]


@given(PAIRS)
def test_ignoring_what_is_volatile_never_adds_a_difference(pair: tuple[object, object]) -> None:
    old, new = pair
    assert set(pointers(old, new)) <= set(pointers(old, new, exact=True))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 2}, ["/a"]),
        ({"a": 1}, {}, ["/a"]),
        ({"a": None}, {}, ["/a"]),
        ([1, 2], [1, 2, 3], ["/2"]),
        ([1, 2], [2, 1], ["/0", "/1"]),
        (True, 1, [""]),
        (1, 1.0, []),
        (1, "1", [""]),
        ({"a": []}, {"a": {}}, ["/a"]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, ["/a~1b/~0"]),
        ({"text": '{"t": 1, "u": 2}'}, {"text": '{ "u": 2, "t": 3 }'}, ["/text/t"]),
        ({"text": "[1]"}, {"text": "[1"}, ["/text"]),
        ({"text": '{"t": 1}'}, {"text": {"t": 1}}, ["/text"]),
        (
            {"text": json.dumps({"inner": json.dumps([1])})},
            {"text": json.dumps({"inner": "[2]"})},
            ["/text/inner/0"],
        ),
    ],
)
def test_where_documents_differ(old: object, new: object, expected: list[str]) -> None:
    assert pointers(old, new) == expected


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("text", "at 2026-11-21T07:30:17.123Z", "at 2026-11-22T08:00:00Z"),
        ("text", "2026-11-21 07:30:17+01:00", "2026-11-21 07:30:18+01:00"),
        ("text", "Sat, 21 Nov 2026 07:30:17 GMT", "Mon, 1 Feb 2027 00:00:00 GMT"),
        ("text", "Sat Nov 21 07:30:17 2026", "Sun Nov  1 07:30:17 2026"),
        ("text", "clock says 07:30:17", "clock says 23:59:59"),
        ("text", "job 9f1c2d3e-0000-4000-8000-0123456789ab", "job 11111111-2222-4333-8444-555555555555"),
        ("text", "commit 4f0c1d2e3a4b", "commit aaaaaaaaaaa1"),
        ("text", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ"),
        ("text", "http://127.0.0.1:40123/mcp", "http://127.0.0.1:51234/mcp"),
        ("text", "took 12 ms", "took 9 ms"),
        ("text", "took 1.25 s", "took 0.5 s"),
        ("text", "/tmp/tmpab12cd34/x", "/tmp/tmpzz99yy88/x"),
        ("nextCursor", "abc", "def"),
        ("requestState", "sealed-1", "sealed-2"),
        ("sessionId", "aB3dE6gH9jK2mN5p", "zY8xW5vU2tS9rQ6p"),
        ("startedAt", 1763710000, 1763720000),
        ("timestamp_ms", 1763710000123, 1763720000456),
        ("elapsed_ms", 12, 13.5),
        ("duration", 1, 2),
        ("pid", 4711, 12),
        ("port", 40123, 51234),
        ("text", "key [REDACTED:jwt:0a1b2c3d]", "key [REDACTED:jwt:ffffffff]"),
    ],
)
def test_what_is_volatile_does_not_count_unless_asked_for(name: str, old: object, new: object) -> None:
    assert differences({name: old}, {name: new}) == ()
    assert pointers({name: old}, {name: new}, exact=True) == [f"/{name}"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("text", "released 2024-01-01", "released 2024-01-02"),
        ("text", "done in 2 seconds", "done in 3 seconds"),
        ("text", "2026-11-21T07:30:17Z ok", "2026-11-21T07:30:17Z failed"),
        ("text", "http://example.org:8080/", "http://example.org:9090/"),
        ("text", "deadbeef", "cafebabe"),
        ("text", "123456789012", "123456789013"),
        ("id", 7, 8),
        ("id", "open-issue-in-tracker", "closed-issue-in-tracker"),
        ("port", 5432, 5433),
        ("count", 1763710000, 1763720000),
        ("timestamp", 7, 8),
        ("duration", 1, "2"),
        ("pid", 1, True),
        ("text", "[REDACTED:jwt:0a1b2c3d]", "[REDACTED:github:0a1b2c3d]"),
        ("text", "[REDACTED:jwt:0a1b2c3d]", "none"),
    ],
)
def test_what_only_might_be_volatile_counts(name: str, old: object, new: object) -> None:
    assert pointers({name: old}, {name: new}) == [f"/{name}"]


def test_the_order_of_a_schemas_sets_counts_only_outside_of_schemas() -> None:
    old = {"required": ["a", "b"], "enum": [1, "x"], "anyOf": [1, 2]}
    new = {"required": ["b", "a"], "enum": ["x", 1], "anyOf": [2, 1]}
    assert pointers(old, new, schema=True) == ["/anyOf/0", "/anyOf/1"]
    assert pointers(old, new) == ["/anyOf/0", "/anyOf/1", "/enum/0", "/enum/1", "/required/0", "/required/1"]
    assert pointers({"required": ["a"]}, {"required": ["a", "b"]}, schema=True) == ["/required/1"]


def test_a_star_ignores_any_one_step() -> None:
    old = {"items": [{"now": 1, "n": 1}, {"now": 1, "n": 1}]}
    new = {"items": [{"now": 2, "n": 1}, {"now": 3, "n": 2}]}
    assert pointers(old, new, ignore=["/items/*/now"]) == ["/items/1/n"]
    assert pointers(old, new, ignore=["/items"]) == []
    assert pointers(old, new, ignore=[""]) == []


def test_what_is_ignored_may_be_missing_and_may_lie_in_text() -> None:
    assert pointers({"text": '{"now": 1}'}, {"text": "{}"}, ignore=["/text/now"]) == []


def test_what_is_no_pointer_is_refused() -> None:
    with pytest.raises(ValueError, match="'now' is no JSON pointer"):
        differences({}, {}, ignore=["now"])


def test_documents_nested_deeper_than_pythons_stack_are_compared() -> None:
    def nested(innermost: object) -> object:
        document = innermost
        for _ in range(5000):
            document = [document]
        return document

    [found] = differences(nested(1), nested(2))
    assert (found.pointer.count("/0"), found.old, found.new) == (5000, 1, 2)
    assert differences("[" * 100_000, "[" * 100_000 + "]") != ()


@given(SCALARS, SCALARS)
def test_an_excerpt_keeps_to_its_lines_and_columns(old: object, new: object) -> None:
    lines = excerpt(old, new)
    assert len(lines) <= 6
    assert all(columns(line) <= COLUMNS and line.isprintable() for line in lines)


@given(st.text(), st.integers(1, 40))
def test_what_is_fitted_is_printable_and_no_wider(text: str, width: int) -> None:
    line = fitted(text, width)
    assert columns(line) <= width
    assert line.isprintable()
    assert line.endswith("…") or line == printable(text)


def test_an_excerpt_shows_the_lines_that_differ() -> None:
    assert excerpt("same\nold\nend", "same\nnew\nend") == ["- old", "+ new"]
    assert excerpt("a\nb", "a\nx\nb") == ["+ x"]
    assert excerpt({"b": 1, "a": 2}, MISSING) == ['- {"a": 2, "b": 1}']
    many = "\n".join(map(str, range(9)))
    assert excerpt("x\ny", many) == ["- x", "- y", "+ 0", "+ 1", "+ (7 more lines)"]


def test_an_excerpt_of_long_values_shows_where_they_begin_to_differ() -> None:
    old, new = "x" * 500 + "old" + "y" * 500, "x" * 500 + "new" + "y" * 500
    gone, come = excerpt(old, new)
    assert "xold" in gone
    assert "xnew" in come
    assert columns(gone) == columns(come) == COLUMNS


def test_nothing_of_a_stranger_reaches_the_terminal_unescaped() -> None:
    assert printable("a\x1b[2J\n\ud800é") == "a\\x1b[2J\\n\\ud800é"
    assert excerpt("\x1b[31m", "\u202eevil") == [r'- "\u001b[31m"', r'+ "\u202eevil"']
    assert (fitted("日本語", 5), columns("日本語")) == ("日本…", 6)
