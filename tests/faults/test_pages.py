"""The reference page lists the kinds as they are."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from typing import get_args, get_type_hints

from checkout import ROOT

from pytest_mcpflow.faults.catalogue import KINDS
from pytest_mcpflow.faults.kind import number_text
from pytest_mcpflow.verdict import Verdict

PAGE = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")


def rows(section: str) -> list[list[str]]:
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]


def test_every_kind_is_listed_in_the_order_of_the_catalogue() -> None:
    assert [row[0].strip("`") for row in rows("Kinds")] == [*KINDS]


def test_every_argument_is_listed_with_its_default_and_its_words() -> None:
    for name, arguments, *_ in rows("Kinds"):
        kind = KINDS[name.strip("`")]
        for each in fields(kind):
            default = getattr(kind(), each.name)
            if default in (math.inf, ""):
                expected = each.name
            else:
                expected = f"{each.name}={default if isinstance(default, str) else number_text(default)}"
            assert expected in arguments, name
            for word in get_args(get_type_hints(kind)[each.name]):
                assert re.search(rf"\b{word}\b", arguments), (name, word)


def test_every_verdict_is_listed_with_what_it_means_for_a_test() -> None:
    assert {name.strip("`"): passes for name, _, passes in rows("Verdicts")} == {
        verdict.value: "yes" if verdict.is_good else "no" for verdict in Verdict
    }
