"""The tools of `pytest_mcpflow.fakes.real.desktop_commander_mcp` that are about files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pytest_mcpflow.fake import ErrorStyle, FakeError, Omittable, Verbatim, tool
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, workspace_path

__all__ = ["FileTools", "Origin", "Unnoticed", "reading"]

Origin = Literal["ui", "llm"]
FUZZY_THRESHOLD = 0.7
PREVIEW_LINES = 10


class Unnoticed(FakeError):
    """What the server says in a result that is no error, though nothing was done."""

    style = ErrorStyle.PROSE


@dataclass
class FileTools(DesktopCommander):
    """Files and folders."""

    @tool(reads=True, name="read_file")
    def tool_read_file(
        self,
        path: str,
        isUrl: bool = False,
        offset: float = 0,
        length: float = 1000,
        sheet: Omittable[str] = None,
        range: Omittable[str] = None,  # noqa: A002 - the argument's name
        options: Omittable[dict[str, Any]] = None,
        origin: Omittable[Origin] = None,
    ) -> str:
        """Read lines of a file: from `offset` on, or the last ones if that is negative."""
        if isUrl:
            raise FakeError("Error: fetch failed")
        lines = self._lines(path)
        start, count = int(offset), int(length)
        if start < 0:
            shown = lines[start:]
            return f"[Reading last {len(shown)} lines (total: {len(lines)} lines)]\n\n" + "\n".join(shown)
        shown = lines[start : start + count]
        return reading(len(shown), start, len(lines)) + "\n".join(shown)

    @tool(reads=True, name="read_multiple_files")
    def tool_read_multiple_files(self, paths: list[str]) -> Verbatim:
        """Read several files, each in a block of its own after one that says how each went."""
        said: list[str] = []
        blocks: list[dict[str, str]] = []
        for path in paths:
            try:
                lines = self._lines(path)
            except FakeError as error:
                said.append(f"{path}: Error - {str(error).removeprefix('Error: ')}")
                continue
            said.append(f"{path}: text/plain (text)")
            content = reading(len(lines), 0, len(lines)) + "\n".join(lines)
            blocks.append({"type": "text", "text": f"\n--- {path} contents: ---\n{content}"})
        return Verbatim({"content": [{"type": "text", "text": "\n".join(said)}, *blocks], "isError": False})

    @tool(destroys=True, name="write_file")
    def tool_write_file(
        self,
        path: str,
        content: str,
        mode: Omittable[Literal["rewrite", "append"]] = None,
        origin: Omittable[Origin] = None,
    ) -> str:
        """Write a file, or append to it; one that has content is replaced only if the mode says so."""
        there = self.files.get(workspace_path(path), "")
        if there and mode is None:
            raise FakeError(
                f"Error: Write rejected to prevent accidental data loss: {path} already exists with content "
                f"({len(there.encode())} bytes), and no 'mode' was specified — the default mode 'rewrite' would "
                "REPLACE the entire file. Retry with an explicit mode: 'append' to add your content to the end of "
                "the existing file, or 'rewrite' to replace all existing content."
            )
        if self.is_folder(path):
            raise FakeError(f"Error: EISDIR: illegal operation on a directory, open '{path}'")
        self.files[workspace_path(path)] = (there if mode == "append" else "") + content
        done = "appended to" if mode == "append" else "wrote to"
        return f"Successfully {done} {path} ({content.count(chr(10)) + 1} lines) "

    @tool(destroys=True, name="edit_block")
    def tool_edit_block(
        self,
        file_path: str,
        old_string: Omittable[str] = None,
        new_string: Omittable[str] = None,
        expected_replacements: float = 1,
        range: Omittable[str] = None,  # noqa: A002 - the argument's name
        content: Any = None,
        options: Omittable[dict[str, Any]] = None,
        origin: Omittable[Origin] = None,
    ) -> str:
        """Replace a text that stands in a file as often as expected, and show what is there now."""
        if range or content is not None:
            raise FakeError(f"Error: Range-based editing not supported for {file_path}.")
        if old_string is None or new_string is None:
            raise FakeError("Error: Text replacement requires both old_string and new_string parameters")
        if not old_string:
            raise Unnoticed(
                "Empty search strings are not allowed. Please provide a non-empty string to search for."
            )
        before = self._content(file_path)
        count, expected = before.count(old_string), int(expected_replacements)
        if count == 0:
            raise Unnoticed(_not_found(file_path, before, old_string))
        if count != expected:
            raise Unnoticed(f"Expected {expected} occurrences but found {count} in {file_path}. ")
        after = before.replace(old_string, new_string)
        self.files[workspace_path(file_path)] = after
        lines = after.split("\n")
        changed = before[: before.index(old_string)].count("\n")
        first = max(0, changed - PREVIEW_LINES)
        last = min(len(lines), changed + new_string.count("\n") + 1 + PREVIEW_LINES)
        return reading(last - first, first, len(lines)) + "\n".join(lines[first:last])

    @tool(idempotent=True, name="create_directory")
    def tool_create_directory(self, path: str) -> str:
        """Create a folder, with those above it."""
        if workspace_path(path) in self.files:
            raise FakeError(f"Error: EEXIST: file already exists, mkdir '{path}'")
        self.make_folder(path)
        return f"Successfully created directory {path}"

    @tool(reads=True, name="list_directory")
    def tool_list_directory(self, path: str, depth: float = 2, origin: Omittable[Origin] = None) -> str:
        """List a folder and those below it, as deep as asked."""
        if not self.is_folder(path):
            raise Unnoticed(f"[NOT_FOUND] {path.rstrip('/').rpartition('/')[2]} — path does not exist")
        return "\n".join(self._entries(workspace_path(path), "", int(depth)))

    @tool(destroys=True, name="move_file")
    def tool_move_file(self, source: str, destination: str) -> str:
        """Move a file, over what was there."""
        content = self._content(source)
        if self.is_folder(destination):
            raise FakeError(
                f"Error: EISDIR: illegal operation on a directory, rename '{source}' -> '{destination}'"
            )
        del self.files[workspace_path(source)]
        self.files[workspace_path(destination)] = content
        return f"Successfully moved {source} to {destination}"

    @tool(reads=True, name="get_file_info")
    def tool_get_file_info(self, path: str) -> str:
        """Say how large a file is, and whether it is one."""
        if self.is_folder(path):
            return "isDirectory: true\nisFile: false"
        content = self._content(path)
        facts = {"size": len(content.encode()), "isDirectory": "false", "isFile": "true", "fileType": "text"}
        lines = len(self._lines(path))
        return "\n".join(f"{name}: {value}" for name, value in {**facts, "lineCount": lines}.items())

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder, be it empty or not."""
        folder = workspace_path(path)
        return folder == "." or folder in self.folders or bool(self.listing(path))

    def _content(self, path: str) -> str:
        if self.is_folder(path):
            raise FakeError(f"Error: EISDIR: illegal operation on a directory, read '{path}'")
        return self.file(path)

    def _lines(self, path: str) -> list[str]:
        lines = self._content(path).split("\n")
        return lines[:-1] if lines[-1] == "" else lines

    def _entries(self, folder: str, below: str, depth: int) -> Iterator[str]:
        for name in self.listing(folder) if depth > 0 else ():
            plain = name.removesuffix("/")
            shown = f"{below}{plain}"
            yield f"[{'DIR' if name.endswith('/') else 'FILE'}] {shown}"
            if name.endswith("/"):
                yield from self._entries(f"{folder}/{plain}", f"{shown}/", depth - 1)


def reading(count: int, start: int, total: int) -> str:
    """The line above what is read of a text."""
    where = f"line {start}" if start else "start"
    remaining = max(0, total - start - count)
    return f"[Reading {count} lines from {where} (total: {total} lines, {remaining} remaining)]\n\n"


def _not_found(path: str, content: str, wanted: str) -> str:
    """What the server says of a text that does not stand in a file: what comes nearest to it."""
    lines, size = content.split("\n"), wanted.count("\n") + 1
    windows = ["\n".join(lines[at : at + size]) for at in range(max(1, len(lines) - size + 1))]
    nearest = max(windows, key=lambda each: difflib.SequenceMatcher(None, each, wanted).ratio())
    likeness = difflib.SequenceMatcher(None, nearest, wanted).ratio()
    percent = round(likeness * 100)
    if likeness >= FUZZY_THRESHOLD:
        return (
            f"Exact match not found, but found a similar text with {percent}% similarity:\n\n"
            f"Differences:\n{_difference(nearest, wanted)}\n\n"
            "To replace this text, use the exact text found in the file."
        )
    return (
        f'Search content not found in {path}. The closest match was "{nearest}" with only {percent}% similarity, '
        f"which is below the {round(FUZZY_THRESHOLD * 100)}% threshold."
    )


def _difference(found: str, wanted: str) -> str:
    """What is wanted and what is there, as the server marks them: `{-wanted-}{+there+}` between what is common."""
    start = 0
    while start < min(len(found), len(wanted)) and found[start] == wanted[start]:
        start += 1
    end = 0
    while end < min(len(found), len(wanted)) - start and found[-1 - end] == wanted[-1 - end]:
        end += 1
    there, asked = found[start : len(found) - end], wanted[start : len(wanted) - end]
    return f"{wanted[:start]}{{-{asked}-}}{{+{there}+}}{wanted[len(wanted) - end :]}"
