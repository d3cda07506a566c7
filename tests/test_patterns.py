"""The cookbook has a page for each pattern across servers, and says of mistakes only what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checkout import ROOT
from kill_table import kill_table

PAGES = sorted(page for page in (ROOT / "docs" / "how-to" / "patterns").glob("*.md") if page.stem != "index")
PATTERNS = [
    *(
        "deployment-chain",
        "security-audit-chain",
        "performance-optimization-chain",
        "event-driven-deployment",
    ),
    *(
        "conditional-pipeline",
        "parallel-deployment",
        "circuit-breaker",
        "graceful-degradation",
        "retry-backoff",
    ),
    *("health-recovery", "connection-pool", "context-cache", "batch-processing", "async-tasks", "event-bus"),
    *("full-cicd-pipeline", "automated-disaster-recovery", "service-registry", "managed-context"),
]
ROW = re.compile(r"^\| [^|]+ \| `\w+` \| [^|]+ \|$", re.MULTILINE)


def test_every_pattern_has_a_page_and_is_in_the_index() -> None:
    index = (ROOT / "docs" / "how-to" / "patterns" / "index.md").read_text(encoding="utf-8")

    assert [page.stem for page in PAGES] == sorted(PATTERNS)
    assert sorted(re.findall(r"\]\(([a-z-]+)\.md\)", index)) == sorted(PATTERNS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_pattern_and_test_and_mistakes_that_are_caught(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    _, _, section = kill_table().partition(f"\n## {page.stem}\n")
    caught = ROW.findall(section.partition("\n## ")[0])

    shown = re.findall(r"^<!-- file: (\S+) region=(\w+) -->$", text, re.MULTILINE)
    file = f"examples/patterns/pattern_{page.stem.replace('-', '_')}.py"
    assert shown == [(file, "pattern"), (file, "test")]
    assert len(ROW.findall(text)) >= 2
    assert [row for row in ROW.findall(text) if row not in caught] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_when_to_use_it_and_what_comes_of_it_under_faults(page: Path) -> None:
    problem, _, rest = page.read_text(encoding="utf-8").partition("<!-- file: ")
    _, _, faults = rest.partition("\n## Under faults\n")
    outcomes = re.findall(r"^\| (?!what|-)[^|]+ \| [^|]+ \|$", faults.partition("\n## ")[0], re.MULTILINE)

    assert "\n**Use it when** " in problem
    assert len(outcomes) >= 3


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_test_on_a_page_lets_something_go_wrong(pattern: str) -> None:
    file = ROOT / "examples" / "patterns" / f"pattern_{pattern.replace('-', '_')}.py"
    test = file.read_text(encoding="utf-8").partition("# region: test\n")[2].partition("# endregion")[0]

    assert any(trouble in test for trouble in ("mcpflow.fail(", "Outage(", '"leaks": ["src/cache.py\'')), test
