"""A fake of file server, begun from filesystem.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class ReadFileResult:
    content: str


@dataclass
class ReadMediaFileResult:
    content: list[Content | Content2]


@dataclass
class Content:
    data: str
    mimeType: str
    type: Literal["image", "audio"]


@dataclass
class Content2:
    resource: Resource
    type: Literal["resource"]


@dataclass
class Resource:
    blob: str
    uri: str
    mimeType: str | None = None


@dataclass
class Edit:
    newText: str
    oldText: str


@dataclass
class FileServer(Fake):
    """What filesystem.jsonl has of file server; anything else is refused."""

    done: list[str] = field(default_factory=list[str])
    """What clients had it do, in order. Put what the service really remembers in its place."""

    @tool(reads=True)
    def read_file(
        self,
        path: str,
        head: float | None = None,
        tail: float | None = None,
    ) -> ReadFileResult:
        """Read the complete contents of a file as text. DEPRECATED: Use read_text_file
        instead.

        Args:
            head: If provided, returns only the first N lines of the file
            tail: If provided, returns only the last N lines of the file
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def read_text_file(
        self,
        path: str,
        head: float | None = None,
        tail: float | None = None,
    ) -> ReadFileResult:
        """Read the complete contents of a file from the file system as text. Handles
        various text encodings and provides detailed error messages if the file
        cannot be read. Use this tool when you need to examine the contents of a
        single file. Use the 'head' parameter to read only the first N lines of a
        file, or the 'tail' parameter to read only the last N lines of a file.
        Operates on the file as text regardless of extension. Only works within
        allowed directories.

        Args:
            head: If provided, returns only the first N lines of the file
            tail: If provided, returns only the last N lines of the file
        """
        if (path, head, tail) == ("note.txt", None, None):
            return ReadFileResult(content="remember the milk\n")
        if (path, head, tail) == ("note.txt", 1, 1):
            raise FakeError(
                "Cannot specify both head and tail parameters simultaneously",
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def read_media_file(self, path: str) -> ReadMediaFileResult:
        """Read a file and return it as a base64-encoded content block with its MIME
        type. Image and audio files are returned as image/audio content; any other
        file type is returned as an embedded resource. Only works within allowed
        directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def read_multiple_files(self, paths: list[str]) -> ReadFileResult:
        """Read the contents of multiple files simultaneously. This is more efficient
        than reading files one by one when you need to analyze or compare multiple
        files. Each file's content is returned with its path as a reference. Failed
        reads for individual files won't stop the entire operation. Only works
        within allowed directories.

        Args:
            paths: Array of file paths to read. Each path must be a string pointing
                to a valid file within allowed directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True, idempotent=True)
    def write_file(self, content: str, path: str) -> ReadFileResult:
        """Create a new file or completely overwrite an existing file with new content.
        Use with caution as it will overwrite existing files without warning.
        Handles text content with proper encoding. Only works within allowed
        directories.
        """
        if (content, path) == ("remember the milk\n", "note.txt"):
            call = f"write_file(content={content!r}, path={path!r})"
            if call not in self.done:
                self.done.append(call)
            return ReadFileResult(content="Successfully wrote to note.txt")
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True)
    def edit_file(
        self,
        edits: list[Edit],
        path: str,
        dryRun: bool = False,
    ) -> ReadFileResult:
        """Make line-based edits to a text file. Each edit replaces exact line
        sequences with new content. Returns a git-style diff showing the changes
        made. Only works within allowed directories.

        Args:
            dryRun: Preview changes using git-style diff format
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(idempotent=True)
    def create_directory(self, path: str) -> ReadFileResult:
        """Create a new directory or ensure a directory exists. Can create multiple
        nested directories in one operation. If the directory already exists, this
        operation will succeed silently. Perfect for setting up directory structures
        for projects or ensuring required paths exist. Only works within allowed
        directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def list_directory(self, path: str) -> ReadFileResult:
        """Get a detailed listing of all files and directories in a specified path.
        Results clearly distinguish between files and directories with [FILE] and
        [DIR] prefixes. This tool is essential for understanding directory structure
        and finding specific files within a directory. Only works within allowed
        directories.
        """
        if path == ".":
            return ReadFileResult(content="[FILE] note.txt")
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def list_directory_with_sizes(
        self,
        path: str,
        sortBy: Literal["name", "size"] = "name",
    ) -> ReadFileResult:
        """Get a detailed listing of all files and directories in a specified path,
        including sizes. Results clearly distinguish between files and directories
        with [FILE] and [DIR] prefixes. This tool is useful for understanding
        directory structure and finding specific files within a directory. Only
        works within allowed directories.

        Args:
            sortBy: Sort entries by name or size
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def directory_tree(
        self,
        path: str,
        excludePatterns: list[str] | None = None,
    ) -> ReadFileResult:
        """Get a recursive tree view of files and directories as a JSON structure. Each
        entry includes 'name', 'type' (file/directory), and 'children' for
        directories. Files have no children array, while directories always have a
        children array (which may be empty). The output is formatted with 2-space
        indentation for readability. Only works within allowed directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(destroys=True)
    def move_file(self, destination: str, source: str) -> ReadFileResult:
        """Move or rename files and directories. Can move files between directories and
        rename them in a single operation. If the destination exists, the operation
        will fail. Works across different directories and can be used for simple
        renaming within the same directory. Both source and destination must be
        within allowed directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def search_files(
        self,
        path: str,
        pattern: str,
        excludePatterns: list[str] | None = None,
    ) -> ReadFileResult:
        """Recursively search for files and directories matching a pattern. The
        patterns should be glob-style patterns that match paths relative to the
        working directory. Use pattern like '*.ext' to match files in current
        directory, and '**/*.ext' to match files in all subdirectories. Returns full
        paths to all matching items. Great for finding files when you don't know
        their exact location. Only searches within allowed directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def get_file_info(self, path: str) -> ReadFileResult:
        """Retrieve detailed metadata about a file or directory. Returns comprehensive
        information including size, creation time, last modified time, permissions,
        and type. This tool is perfect for understanding file characteristics
        without reading the actual content. Only works within allowed directories.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True)
    def list_allowed_directories(self) -> ReadFileResult:
        """Returns the list of directories that this server is allowed to access.
        Subdirectories within these allowed directories are also accessible. Use
        this to understand which directories and their nested paths are available
        before trying to access files.
        """
        raise FakeError("no answer is recorded")
