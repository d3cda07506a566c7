"""The reference server for file systems over a fake machine."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import CallResult, Hub, ToolError, Way, run
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.real.server_filesystem import ServerFilesystem


def machine() -> ServerFilesystem:
    files = {"src/app.py": "one\ntwo\nthree\n", "README.md": "# App\n", "src/lib/x.py": "x" * 2048}
    return ServerFilesystem(files=files)


def ask(server: DesktopCommander, tool: str, **arguments: Any) -> CallResult:
    async def asked() -> CallResult:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="fs")
            return await hub.call_tool(f"fs.{tool}", arguments)

    return run(asked())


def said(server: DesktopCommander, tool: str, **arguments: Any) -> str:
    return str(ask(server, tool, **arguments)["content"])


def refusal(tool: str, **arguments: Any) -> str:
    """The words of a refusal, after which the state is as before."""
    server = machine()
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        ask(server, tool, **arguments)
    assert server == before
    return error.value.message


def test_the_text_is_the_content_without_json() -> None:
    answer = ask(machine(), "read_text_file", path="README.md")

    assert (answer.text, answer.structured_content) == ("# App\n", {"content": "# App\n"})


@pytest.mark.parametrize(
    ("part", "lines"), [({}, "one\ntwo\nthree\n"), ({"head": 1}, "one"), ({"tail": 2}, "two\nthree")]
)
def test_a_file_is_read_whole_or_from_one_end(part: dict[str, int], lines: str) -> None:
    assert said(machine(), "read_text_file", path="/workspace/src/app.py", **part) == lines
    assert said(machine(), "read_file", path="src/app.py", **part) == lines


def test_a_file_that_cannot_be_read_is_a_line_among_others() -> None:
    assert said(machine(), "read_multiple_files", paths=["README.md", "nope"]) == (
        "README.md:\n# App\n\n\n---\nnope: Error - ENOENT: no such file or directory, open '/workspace/nope'"
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        (
            "read_text_file",
            {"path": "/etc/passwd"},
            "Access denied - path outside allowed directories: /etc/passwd",
        ),
        (
            "read_text_file",
            {"path": "/workspace-of-others/a"},
            "Access denied - path outside allowed directories: /workspace-of-others/a",
        ),
        (
            "read_text_file",
            {"path": "../etc/passwd"},
            "Access denied - path outside allowed directories: /etc/passwd",
        ),
        ("read_text_file", {"path": "src"}, "EISDIR: illegal operation on a directory, read"),
        ("read_text_file", {"path": "README.md", "head": 1, "tail": 1}, "Cannot specify both head and tail"),
        (
            "write_file",
            {"path": "nowhere/x", "content": ""},
            "Parent directory does not exist: /workspace/nowhere",
        ),
        ("write_file", {"path": "src", "content": ""}, "EISDIR: illegal operation on a directory, open"),
        ("list_directory", {"path": "nope"}, "ENOENT: no such file or directory, scandir '/workspace/nope'"),
        ("list_directory", {"path": "README.md"}, "ENOTDIR: not a directory, scandir '/workspace/README.md'"),
        (
            "move_file",
            {"source": "README.md", "destination": "src/app.py"},
            "EEXIST: file already exists, rename",
        ),
        ("create_directory", {"path": "README.md"}, "EEXIST: file already exists, mkdir"),
        (
            "edit_file",
            {"path": "README.md", "edits": [{"oldText": "nope", "newText": ""}]},
            "Could not find exact match for edit:\nnope",
        ),
    ],
)
def test_what_is_refused(tool: str, arguments: dict[str, Any], words: str) -> None:
    assert refusal(tool, **arguments).startswith(words)


def test_an_edit_shows_the_difference_and_may_be_tried_first() -> None:
    server = machine()
    edit = {"path": "src/app.py", "edits": [{"oldText": "two", "newText": "TWO"}]}
    tried = said(server, "edit_file", **edit, dryRun=True)
    untouched = server.files["src/app.py"]
    done = said(server, "edit_file", **edit)

    assert tried == done
    names = "--- src/app.py\toriginal\n+++ src/app.py\tmodified\n"
    assert done.startswith(f"```diff\n{names}@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n")
    assert (untouched, server.files["src/app.py"]) == ("one\ntwo\nthree\n", "one\nTWO\nthree\n")


def test_files_are_written_moved_and_found() -> None:
    server = machine()
    said(server, "create_directory", path="docs")
    written = said(server, "write_file", path="docs/a.md", content="a")
    said(server, "move_file", source="docs/a.md", destination="docs/b.md")

    assert written == "Successfully wrote to docs/a.md"
    assert (
        said(server, "search_files", path=".", pattern="**/*.md")
        == "/workspace/README.md\n/workspace/docs/b.md"
    )
    assert said(server, "search_files", path=".", pattern="*.txt") == "No matches found"


def test_folders_are_listed_flat_with_sizes_and_as_a_tree() -> None:
    server = machine()

    assert said(server, "list_directory", path=".") == "[FILE] README.md\n[DIR] src"
    assert said(server, "list_directory_with_sizes", path="src").splitlines()[-2:] == [
        *("Total: 1 files, 1 directories", "Combined size: 14 B"),
    ]
    assert "2.00 KB" in said(server, "list_directory_with_sizes", path="src/lib", sortBy="size")
    assert json.loads(said(server, "directory_tree", path=".", excludePatterns=["lib"])) == [
        {"name": "README.md", "type": "file"},
        {"name": "src", "type": "directory", "children": [{"name": "app.py", "type": "file"}]},
    ]


def test_what_is_known_of_a_file() -> None:
    assert said(machine(), "get_file_info", path="README.md") == "size: 6\nisDirectory: false\nisFile: true"
    assert said(machine(), "list_allowed_directories") == "Allowed directories:\n/workspace"


def test_both_sets_of_tools_work_on_one_machine() -> None:
    documents = DesktopCommander(files={"a.txt": "a\n"})
    said(ServerFilesystem.over(documents), "write_file", path="b.txt", content="b\n")

    assert documents.files == {"a.txt": "a\n", "b.txt": "b\n"}
