"""A fake to begin with: a little state, a tool that reads it, one that changes it, and their tests."""

from __future__ import annotations

from string import Template

from pytest_mcpflow.new.names import Name

__all__ = ["TAKEN", "fake_text", "test_text"]

TAKEN = ("Fake", "FakeError", "Hub", "ToolError")
"""Names of classes that the files use."""

_FAKE = Template('''\
"""A fake of $title, for workflows to be tested against."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class $class_name(Fake):
    """Keeps texts under names. Say here what the service is for."""
$service
    texts: dict[str, str] = field(default_factory=dict[str, str])
    """What the service remembers; a test can look at it and set it."""

    @tool(reads=True)
    def read(self, name: str) -> str:
        """Return what is kept under a name."""
        if name not in self.texts:
            raise FakeError(f"nothing is kept under {name!r}")
        return self.texts[name]

    @tool(destroys=True, idempotent=True)
    def keep(self, name: str, text: str) -> None:
        """Keep a text under a name, in place of what was there."""
        self.texts[name] = text

    def lose_everything(self) -> None:
        """What only a test may do."""
        self.texts.clear()
''')

_TEST = Template('''\
"""What $title does with what it is told."""

from __future__ import annotations

import pytest
from pytest_mcpflow import Hub, ToolError

from $module import $class_name


async def test_what_is_kept_can_be_read(mcpflow: Hub) -> None:
    fake = mcpflow.serve($class_name())

    await mcpflow.call_tool("$kebab.keep", {"name": "note", "text": "milk"})
    answer = await mcpflow.call_tool("$kebab.read", {"name": "note"})

    assert answer.text == "milk"
    assert fake.texts == {"note": "milk"}


async def test_what_is_lost_is_refused(mcpflow: Hub) -> None:
    fake = mcpflow.serve($class_name(texts={"note": "milk"}))
    fake.lose_everything()

    with pytest.raises(ToolError, match="nothing is kept under 'note'"):
        await mcpflow.call_tool("$kebab.read", {"name": "note"})
''')


def fake_text(name: Name) -> str:
    """The module of the fake."""
    return _FAKE.substitute(_words(name))


def test_text(name: Name) -> str:
    """The module that tests it."""
    return _TEST.substitute(_words(name))


def _words(name: Name) -> dict[str, str]:
    return {
        "title": name.title,
        "kebab": name.kebab,
        "module": name.module,
        "class_name": name.class_name,
        "service": name.attribute("service"),
    }
