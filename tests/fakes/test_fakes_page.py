"""docs/reference/fakes.md has each fake with its tools, and says which tools of real servers there are not."""

from __future__ import annotations

import pytest
from fakes_page import PAGE, described, filled, is_front, not_offered
from real_tools import server_named, servers

from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.shelf import fake_named, fake_names

TEXT = PAGE.read_text(encoding="utf-8")


def test_each_fake_has_one_section_those_of_the_documents_first() -> None:
    documents = [name for name in fake_names() if not is_front(type(fake_named(name)))]

    assert sorted(described(TEXT)) == fake_names()
    assert sorted(described(TEXT)[: len(documents)]) == documents


def test_the_tables_show_the_tools_that_there_are() -> None:
    assert filled(TEXT) == TEXT, "run `python tests/fakes_page.py`"


@pytest.mark.parametrize("name", servers())
def test_a_tool_of_a_real_server_is_offered_or_the_page_says_why_not(name: str) -> None:
    offered = [*contract_of(type(fake_named(name))).tools]

    assert sorted([*offered, *not_offered(TEXT, name)]) == sorted(server_named(name).tools)
