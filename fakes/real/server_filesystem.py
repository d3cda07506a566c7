"""The tools of the filesystem server (npm `@modelcontextprotocol/server-filesystem`) over a fake machine.

Names, arguments, answers and refusals are those of version 2026.8.31. The one allowed directory is `/workspace`;
relative paths begin there.
"""

from __future__ import annotations

import difflib
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, Readable, tool
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, workspace_path
from pytest_mcpflow.fakes.real._filesystem_texts import kind_of, listed, matches, sized
from pytest_mcpflow.plain_yaml import Yaml

__all__ = ["Content", "ServerFilesystem"]

ALLOWED = "/workspace"


@dataclass
class Content(Readable):
    """What all of its tools answer; the text is the same without the JSON around it."""

    content: str

    def as_text(self) -> str:
        return self.content


@dataclass
class Edit:
    """A text, and what takes its place."""

    oldText: str  # noqa: N815 - the argument's name
    newText: str  # noqa: N815 - the argument's name


@dataclass
class ServerFilesystem(DesktopCommander, in_place_of=DesktopCommander):
    """Files as the reference server for file systems shows them."""

    service = "server-filesystem"
    service_error = "EIO: i/o error"

    @tool(reads=True, name="read_file")
    def tool_read_file(
        self, path: str, tail: Omittable[float] = None, head: Omittable[float] = None
    ) -> Content:
        """Read a file, or its first or last lines; the older name of `read_text_file`."""
        return self.tool_read_text_file(path, tail, head)

    @tool(reads=True, name="read_text_file")
    def tool_read_text_file(
        self, path: str, tail: Omittable[float] = None, head: Omittable[float] = None
    ) -> Content:
        """Read a file, or its first or last lines."""
        if head and tail:
            raise FakeError("Cannot specify both head and tail parameters simultaneously")
        text = self._text(path)
        if tail:
            return Content("\n".join(text.removesuffix("\n").split("\n")[-int(tail) :]))
        return Content("\n".join(text.split("\n")[: int(head)]) if head else text)

    @tool(reads=True, name="read_multiple_files")
    def tool_read_multiple_files(self, paths: list[str]) -> Content:
        """Read several files; one that cannot be read is a line among the others."""
        return Content("\n---\n".join(self._one_of_several(path) for path in paths))

    @tool(destroys=True, idempotent=True, name="write_file")
    def tool_write_file(self, path: str, content: str) -> Content:
        """Write a file, over what was there."""
        self._writable(path)
        self.files[self._inside(path)] = content
        return Content(f"Successfully wrote to {path}")

    @tool(destroys=True, name="edit_file")
    def tool_edit_file(self, path: str, edits: list[Edit], dryRun: bool = False) -> Content:
        """Replace texts in a file, each the first time it stands there, and show the difference."""
        before = after = self._text(path)
        for edit in edits:
            if edit.oldText not in after:
                raise FakeError(f"Could not find exact match for edit:\n{edit.oldText}")
            after = after.replace(edit.oldText, edit.newText, 1)
        if not dryRun:
            self.files[self._inside(path)] = after
        changed = difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            path,
            path,
            "original",
            "modified",
        )
        return Content(f"```diff\n{''.join(changed)}```\n\n")

    @tool(idempotent=True, name="create_directory")
    def tool_create_directory(self, path: str) -> Content:
        """Create a folder, with those above it."""
        if self._inside(path) in self.files:
            raise FakeError(f"EEXIST: file already exists, mkdir '{self._absolute(path)}'")
        self.make_folder(self._inside(path))
        return Content(f"Successfully created directory {path}")

    @tool(reads=True, name="list_directory")
    def tool_list_directory(self, path: str) -> Content:
        """List a folder."""
        return Content("\n".join(f"{kind_of(name)} {name.removesuffix('/')}" for name in self._names(path)))

    @tool(reads=True, name="list_directory_with_sizes")
    def tool_list_directory_with_sizes(self, path: str, sortBy: Literal["name", "size"] = "name") -> Content:
        """List a folder with the sizes of its files, and their sum."""
        names = self._names(path)
        sizes = {name: 0 if name.endswith("/") else self._size(posixpath.join(path, name)) for name in names}
        if sortBy == "size":
            names.sort(key=lambda name: -sizes[name])
        lines = [listed(name, sizes[name]) for name in names]
        files = sum(not name.endswith("/") for name in names)
        lines += ["", f"Total: {files} files, {len(names) - files} directories"]
        return Content("\n".join([*lines, f"Combined size: {sized(sum(sizes.values()))}"]))

    @tool(reads=True, name="directory_tree")
    def tool_directory_tree(self, path: str, excludePatterns: Omittable[list[str]] = None) -> Content:
        """Show all that is below a folder, as JSON."""
        return Content(json.dumps(self._tree(path, "", excludePatterns or []), indent=2))

    @tool(destroys=True, name="move_file")
    def tool_move_file(self, source: str, destination: str) -> Content:
        """Move a file to where there is none."""
        text = self._text(source)
        self._writable(destination)
        if self._inside(destination) in self.files:
            raise FakeError(f"EEXIST: file already exists, rename '{self._absolute(source)}'")
        del self.files[self._inside(source)]
        self.files[self._inside(destination)] = text
        return Content(f"Successfully moved {source} to {destination}")

    @tool(reads=True, name="search_files")
    def tool_search_files(
        self, path: str, pattern: str, excludePatterns: Omittable[list[str]] = None
    ) -> Content:
        """Find files below a folder whose path from there matches a pattern."""
        below = "" if self._folder(path) == "." else f"{self._folder(path)}/"
        found = [
            f"{ALLOWED}/{name}"
            for name in sorted(self.files)
            if name.startswith(below) and matches(name[len(below) :], pattern)
            if not any(matches(name[len(below) :], each) for each in excludePatterns or [])
        ]
        return Content("\n".join(found) or "No matches found")

    @tool(reads=True, name="get_file_info")
    def tool_get_file_info(self, path: str) -> Content:
        """Say how large a file is, and whether it is one."""
        is_folder = self._is_folder(self._inside(path))
        size = 0 if is_folder else self._size(path)
        facts = {"size": size, "isDirectory": is_folder, "isFile": not is_folder}
        return Content("\n".join(f"{name}: {str(value).lower()}" for name, value in facts.items()))

    @tool(reads=True, name="list_allowed_directories")
    def tool_list_allowed_directories(self) -> Content:
        """Say which directories may be used."""
        return Content(f"Allowed directories:\n{ALLOWED}")

    def _absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(ALLOWED, path))

    def _inside(self, path: str) -> str:
        """A path below the allowed directory."""
        absolute = self._absolute(path)
        if absolute != ALLOWED and not absolute.startswith(f"{ALLOWED}/"):
            raise FakeError(f"Access denied - path outside allowed directories: {absolute} not in {ALLOWED}")
        return workspace_path(absolute[len(ALLOWED) + 1 :] or ".")

    def _is_folder(self, inside: str) -> bool:
        return inside == "." or inside in self.folders or bool(self.listing(inside))

    def _folder(self, path: str) -> str:
        inside = self._inside(path)
        if inside in self.files:
            raise FakeError(f"ENOTDIR: not a directory, scandir '{self._absolute(path)}'")
        if not self._is_folder(inside):
            raise FakeError(f"ENOENT: no such file or directory, scandir '{self._absolute(path)}'")
        return inside

    def _names(self, path: str) -> list[str]:
        return self.listing(self._folder(path))

    def _text(self, path: str) -> str:
        inside = self._inside(path)
        if inside in self.files:
            return self.files[inside]
        if self._is_folder(inside):
            raise FakeError("EISDIR: illegal operation on a directory, read")
        raise FakeError(f"ENOENT: no such file or directory, open '{self._absolute(path)}'")

    def _size(self, path: str) -> int:
        return len(self._text(path).encode())

    def _writable(self, path: str) -> None:
        inside = self._inside(path)
        if self._is_folder(inside):
            raise FakeError(f"EISDIR: illegal operation on a directory, open '{self._absolute(path)}'")
        parent = posixpath.dirname(inside) or "."
        if not self._is_folder(parent):
            raise FakeError(f"Parent directory does not exist: {posixpath.dirname(self._absolute(path))}")

    def _one_of_several(self, path: str) -> str:
        try:
            return f"{path}:\n{self._text(path)}\n"
        except FakeError as error:
            return f"{path}: Error - {error}"

    def _tree(self, path: str, below: str, without: list[str]) -> list[Yaml]:
        return [*self._entries(path, below, without)]

    def _entries(self, path: str, below: str, without: list[str]) -> Iterator[Yaml]:
        for name in self._names(path):
            plain = name.removesuffix("/")
            if any(matches(f"{below}{plain}", each) for each in without):
                continue
            if name.endswith("/"):
                children = self._tree(posixpath.join(path, plain), f"{below}{plain}/", without)
                yield {"name": plain, "type": "directory", "children": children}
            else:
                yield {"name": plain, "type": "file"}
