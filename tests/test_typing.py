"""`tests/typing/api.py`, which only type checkers read, leaves no public name out."""

from __future__ import annotations

import ast

import pytest
from checkout import ROOT

import pytest_mcpflow

TREE = ast.parse((ROOT / "tests" / "typing" / "api.py").read_text(encoding="utf-8"))


def test_the_file_imports_every_public_name() -> None:
    imported = [
        alias.name
        for node in TREE.body
        if isinstance(node, ast.ImportFrom) and node.module == "pytest_mcpflow"
        for alias in node.names
    ]

    assert sorted(imported) == [*pytest_mcpflow.__all__]


@pytest.mark.parametrize("name", pytest_mcpflow.__all__)
def test_the_file_uses_the_name(name: str) -> None:
    assert any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(TREE))


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "pytest_mcpflow" / "py.typed").exists()
