"""What a new file is called: one name, as people type it, in the forms that Python and clients need."""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
from collections.abc import Collection
from dataclasses import dataclass

from pytest_mcpflow.errors import MCPFlowError

__all__ = ["Name", "NewFileError", "class_name", "python_name", "title_of"]

LONGEST = 60
"""Characters of a name; file systems and test ids stay readable."""


class NewFileError(MCPFlowError):
    """A new file cannot be written: its name is none or is taken, or the tape is no help; says what to do."""


@dataclass(frozen=True)
class Name:
    """A name by its words, in lower case."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, taken: Collection[str] = ()) -> Name:
        """Read `nightly-backup`, `nightly_backup`, `NightlyBackup` or `Nightly Backup`.

        Args:
            text: What somebody typed.
            taken: Class names that the new file uses for something else.

        Raises:
            NewFileError: It cannot be the name of a module, of a class and of a server; says why.
        """
        if len(text) > LONGEST:
            raise NewFileError(
                f"{text[:20]!r}... has {len(text)} characters; take a name of at most {LONGEST}"
            )
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?:[-_ ][A-Za-z0-9]+)*", text):
            raise NewFileError(
                f"{text!r} is no name; take letters and digits in words that hyphens part, such as nightly-backup"
            )
        name = cls(tuple(word.lower() for word in _words(text)))
        cure = f"take another name, such as {name.kebab}-service"
        if keyword.iskeyword(name.module) or keyword.issoftkeyword(name.module):
            raise NewFileError(f"{name.module!r} is a word of Python's own; {cure}")
        if name.module == "conftest" or name.words[0] == "test" or name.words[-1] == "test":
            raise NewFileError(
                f"{name.module}.py is what pytest takes for its own or for tests; take another name"
            )
        if name.class_name in taken or hasattr(builtins, name.class_name):
            raise NewFileError(f"{name.class_name} is something else already, which the file uses; {cure}")
        return name

    @property
    def kebab(self) -> str:
        """As servers and scenarios are named."""
        return "-".join(self.words)

    @property
    def module(self) -> str:
        return "_".join(self.words)

    @property
    def class_name(self) -> str:
        return class_name(self.words)

    @property
    def title(self) -> str:
        """As people write it."""
        return " ".join(self.words)

    def attribute(self, attribute: str) -> str:
        """The line of the class that says this name, where it would not follow from the class's own."""
        derived = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.class_name).lower()
        return "" if derived == self.kebab else f'\n    {attribute} = "{self.kebab}"\n'

    def check_import(self) -> None:
        """Refuse a module that would hide another one, or be hidden by it.

        Raises:
            NewFileError: There is one of that name.
        """
        try:
            found = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            found = None
        if found is not None:
            raise NewFileError(
                f"there is a module {self.module!r} already ({found.origin}), which a file of that name would hide; "
                f"take another name, such as {self.kebab}-service"
            )


def class_name(words: Collection[str]) -> str:
    """Words as the name of a class."""
    return "".join(word[:1].upper() + word[1:] for word in words)


def python_name(text: str, *, taken: Collection[str] = ()) -> str:
    """The nearest name that a method or parameter can have; with a `_` at the end where it is `taken`."""
    name = re.sub(r"\W|^(?=\d)", "_", text, flags=re.ASCII).lstrip("_") or "unnamed"
    if name[0].isdigit():
        name = f"n{name}"
    while keyword.iskeyword(name) or name in taken:
        name += "_"
    return name


def title_of(text: str) -> str:
    """Any words (`entityType`, `get_current_time`, `sum-2`) as the name of a class."""
    return class_name([word.lower() for word in _words(text)]) or "Unnamed"


def _words(text: str) -> list[str]:
    """Parted at whatever is no letter and no digit, and where capitals begin a word: `HTTPServer` is two."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return re.findall(r"[A-Za-z0-9]+", parted)
