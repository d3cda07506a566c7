"""The code blocks of README.md and docs/: which file each one shows, or which command.

    <!-- file: examples/quickstart/deploy.py -->                  the whole file
    <!-- file: examples/quickstart/deploy.py region=retry -->     what is between `# region: retry` and `# endregion`
    <!-- command: tutorial-run -->                                a command that docs/blocks.toml describes

`python tests/docs_blocks.py` writes the files' present text into the blocks that show them.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, cast

from pydantic import ConfigDict, TypeAdapter

__all__ = ["Block", "Command", "blocks_of", "commands", "fill", "pages", "shown"]

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"(?:^<!-- (?P<kind>file|command): (?P<target>\S+)(?: region=(?P<region>\S+))? -->\n)?"
    r"^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; `kind` is `None` where no comment above it says where it comes from."""

    page: Path
    line: int
    kind: Literal["file", "command"] | None
    target: str
    region: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command on a page is expected to do.

    Args:
        line_of: The script that runs it, as it stands on the page; no test does then.
        folder: The folder that is copied to run it in; an empty one by default.
        prints: What its output must contain.
        makes: The files it must leave behind.
        needs: The registries it needs, `pypi` or `npm`; where they cannot be reached, its test is skipped.
        stdin: What it is given to read.
        until: What it says before Ctrl-C ends it; it ends by itself by default.
        exits: Its exit code.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    line_of: str = ""
    folder: str = ""
    prints: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    stdin: str = ""
    until: str = ""
    exits: int = 0


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            cast("Literal['file', 'command'] | None", found["kind"]),
            found["target"] or "",
            found["region"],
            found["text"],
        )


def shown(path: str, region: str | None) -> str:
    """What a block that shows this file, or a region of it, must say.

    Raises:
        LookupError: The file has no such region.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    if region is None:
        return text
    found = re.search(
        rf"^ *# region: {re.escape(region)}\n(.*?)^ *# endregion$", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise LookupError(f"{path} has no `# region: {region}` that ends in `# endregion`")
    return textwrap.dedent(found[1]).rstrip("\n") + "\n"


def commands() -> dict[str, Command]:
    described = tomllib.loads((ROOT / "docs" / "blocks.toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Command]).validate_python(described)


def fill(page: Path) -> None:
    """Write into a page what its files say now; blocks of files that do not exist stay as they are."""

    def filled(found: re.Match[str]) -> str:
        if found["kind"] != "file" or not (ROOT / found["target"]).exists():
            return found[0]
        head = found[0][: found.start("text") - found.start()]
        return f"{head}{shown(found['target'], found['region'])}```"

    before = page.read_text(encoding="utf-8")
    after = FENCE.sub(filled, before)
    if after != before:
        page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    for each in pages():
        fill(each)
