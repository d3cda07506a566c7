"""A fake desktop: files, a git repository, and a shell whose commands are built in or scripted.

Nothing is ever executed on the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._desktop import Desktop
from pytest_mcpflow.fakes._repository import Commit, GitError, Repository
from pytest_mcpflow.fakes._shell import CommandResult, Ran, Script
from pytest_mcpflow.fakes._workspace import workspace_path

__all__ = [
    "CommandResult",
    "Commit",
    "DesktopCommander",
    "GitError",
    "Ran",
    "Repository",
    "Script",
    "workspace_path",
]


@dataclass
class DesktopCommander(Desktop):
    """A developer's machine."""

    service_error = "EIO: i/o error"

    @tool(idempotent=False)
    def execute_command(self, command: str) -> CommandResult:
        """Run a command line in the shell."""
        return self.run(command)

    @tool(reads=True)
    def read_file(self, path: str) -> str:
        """Read a file."""
        return self.file(path)

    @tool(destroys=True, idempotent=False)
    def write_file(self, path: str, content: str, mode: Literal["rewrite", "append"] = "rewrite") -> str:
        """Write a file, or append to it."""
        path = self._place_for(path, "open")
        self.files[path] = (self.files.get(path, "") if mode == "append" else "") + content
        return f"Successfully wrote to {path}"

    @tool(destroys=True, idempotent=False)
    def edit_block(self, file_path: str, old_string: str, new_string: str) -> str:
        """Replace a text that stands exactly once in a file."""
        content = self.file(file_path)
        if (count := content.count(old_string)) != 1:
            raise FakeError(f"Error: expected 1 occurrence of the search text in {file_path}, found {count}")
        self.files[workspace_path(file_path)] = content.replace(old_string, new_string)
        return f"Successfully applied 1 edit to {file_path}"

    @tool(idempotent=True)
    def create_directory(self, path: str) -> str:
        """Create a folder."""
        if workspace_path(path) in self.files:
            raise FakeError(f"Error: EEXIST: file already exists, mkdir '{path}'")
        if self._lies_in_a_file(path):
            raise FakeError(f"Error: ENOTDIR: not a directory, mkdir '{path}'")
        self.make_folder(path)
        return f"Successfully created directory {path}"

    @tool(reads=True)
    def list_directory(self, path: str = ".") -> list[str]:
        """List a folder; folders end in a slash."""
        if workspace_path(path) in self.files:
            raise FakeError(f"Error: ENOTDIR: not a directory, scandir '{path}'")
        if not self.has_folder(path):
            raise FakeError(f"Error: ENOENT: no such file or directory, scandir '{path}'")
        return self.listing(path)

    @tool(destroys=True, idempotent=False)
    def move_file(self, source: str, destination: str) -> str:
        """Move a file."""
        content = self.file(source)
        if workspace_path(destination) in self.files:
            raise FakeError(f"Error: EEXIST: file already exists, rename '{source}' -> '{destination}'")
        target = self._place_for(destination, "rename")
        del self.files[workspace_path(source)]
        self.files[target] = content
        return f"Successfully moved {source} to {destination}"

    @tool(reads=True)
    def search_code(self, path: str, pattern: str) -> list[str]:
        """Find a text in the files below a path; each hit as `file:line: text`."""
        if workspace_path(path) not in self.files and not self.has_folder(path):
            raise FakeError(f"Error: ENOENT: no such file or directory, stat '{path}'")
        return [
            f"{name}:{number}: {line.strip()}"
            for name, content in sorted((name, self.files[name]) for name in self.files_at(path))
            for number, line in enumerate(content.splitlines(), 1)
            if pattern in line
        ]

    def _place_for(self, path: str, operation: str) -> str:
        """Where a file may be written; folders that it needs are made."""
        if not path or self.has_folder(path):
            raise FakeError(f"Error: EISDIR: illegal operation on a directory, {operation} '{path}'")
        if self._lies_in_a_file(path):
            raise FakeError(f"Error: ENOTDIR: not a directory, {operation} '{path}'")
        return workspace_path(path)

    def _lies_in_a_file(self, path: str) -> bool:
        parts = workspace_path(path).split("/")
        return any("/".join(parts[:count]) in self.files for count in range(1, len(parts)))
