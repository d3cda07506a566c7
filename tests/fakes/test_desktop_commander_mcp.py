"""Desktop Commander's own tools over a fake machine: what they show, and how little they say of failures."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import Answered, Hub, ToolError, Transcript, Way, run
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.real.desktop_commander_mcp import DesktopCommanderMCP


def machine() -> DesktopCommanderMCP:
    files = {
        "src/app.py": "import os\nprint('one')\nprint('two')\n",
        "README.md": "# App\n",
        ".env": "KEY=1\n",
    }
    return DesktopCommanderMCP(
        files=files,
        scripts=[
            Script("pytest", stdout="2 failed\n", stderr="E assert\n", exit_code=1),
            Script("sleep *", "done\n"),
        ],
    )


def ask(server: DesktopCommander, *calls: tuple[str, dict[str, Any]]) -> tuple[list[str], Transcript]:
    """The texts that a client gets of calls in a row, and the transcript."""

    async def asked() -> tuple[list[str], Transcript]:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="desktop")
            said = [(await hub.call_tool(f"desktop.{tool}", arguments)).text for tool, arguments in calls]
            return said, hub.transcript

    return run(asked())


def one(server: DesktopCommander, tool: str, **arguments: Any) -> str:
    return ask(server, (tool, arguments))[0][0]


def refusal(server: DesktopCommanderMCP, tool: str, **arguments: Any) -> str:
    """The words of a refusal that is an error, after which the state is as before."""
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        one(server, tool, **arguments)
    assert server == before
    return error.value.message


def unnoticed(server: DesktopCommanderMCP, tool: str, **arguments: Any) -> str:
    """The words of a refusal that looks like a success, after which the state is as before."""
    before = deepcopy(server)
    (words,), transcript = ask(server, (tool, arguments))
    assert server == before
    assert transcript[0].outcome == Answered(words, says_no=True)
    assert (transcript[0].ok, transcript[0].effect) == (False, False)
    return words


@pytest.mark.parametrize(
    ("where", "read"),
    [
        (
            {},
            "[Reading 3 lines from start (total: 3 lines, 0 remaining)]\n\nimport os\nprint('one')\nprint('two')",
        ),
        (
            {"offset": 1, "length": 1},
            "[Reading 1 lines from line 1 (total: 3 lines, 1 remaining)]\n\nprint('one')",
        ),
        ({"offset": -1}, "[Reading last 1 lines (total: 3 lines)]\n\nprint('two')"),
    ],
)
def test_a_file_is_read_under_a_line_that_says_how_much(where: dict[str, int], read: str) -> None:
    assert one(machine(), "read_file", path="src/app.py", **where) == read


def test_files_are_read_together_and_one_that_is_missing_is_only_a_line() -> None:
    async def blocks() -> list[str]:
        async with Hub() as hub:
            hub.serve(machine(), name="desktop")
            answer = await hub.call_tool("desktop.read_multiple_files", {"paths": ["README.md", "nope"]})
            return [block.model_dump()["text"] for block in answer.content]

    summary, content = run(blocks())

    assert summary == (
        "README.md: text/plain (text)\nnope: Error - ENOENT: no such file or directory, open 'nope'"
    )
    assert content.startswith("\n--- README.md contents: ---\n[Reading 1 lines")


def test_a_file_with_content_is_not_replaced_by_accident() -> None:
    server = machine()
    words = refusal(server, "write_file", path="README.md", content="gone")
    appended = one(server, "write_file", path="README.md", content="More\n", mode="append")
    new = one(server, "write_file", path="new.md", content="x")

    assert "already exists with content (6 bytes), and no 'mode' was specified" in words
    assert (appended, new) == (
        "Successfully appended to README.md (2 lines) ",
        "Successfully wrote to new.md (1 lines) ",
    )
    assert server.files["README.md"] == "# App\nMore\n"


def test_an_edit_shows_what_is_there_now() -> None:
    server = machine()
    said = one(server, "edit_block", file_path="src/app.py", old_string="'one'", new_string="'three'")

    assert said == (
        "[Reading 4 lines from start (total: 4 lines, 0 remaining)]\n\nimport os\nprint('three')\nprint('two')\n"
    )
    assert server.files["src/app.py"].count("three") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"old_string": "print", "new_string": "p"}, "Expected 1 occurrences but found 2 in src/app.py. "),
        ({"old_string": "", "new_string": "p"}, "Empty search strings are not allowed."),
        (
            {"old_string": "zzzz", "new_string": "p"},
            "Search content not found in src/app.py. The closest match was",
        ),
        (
            {"old_string": "print('ane')", "new_string": "p"},
            "Exact match not found, but found a similar text with 92% similarity:\n\n"
            "Differences:\nprint('{-a-}{+o+}ne')",
        ),
    ],
)
def test_an_edit_that_does_not_fit_looks_like_a_success(change: dict[str, str], words: str) -> None:
    assert unnoticed(machine(), "edit_block", file_path="src/app.py", **change).startswith(words)


def test_an_edit_of_as_many_places_as_expected_changes_all() -> None:
    server = machine()
    one(
        server,
        "edit_block",
        file_path="src/app.py",
        old_string="print",
        new_string="log",
        expected_replacements=2,
    )

    assert server.files["src/app.py"] == "import os\nlog('one')\nlog('two')\n"


def test_a_folder_is_listed_as_deep_as_asked() -> None:
    server = machine()
    one(server, "create_directory", path="docs")

    assert one(server, "list_directory", path=".").splitlines() == [
        *("[FILE] .env", "[FILE] README.md", "[DIR] docs", "[DIR] src", "[FILE] src/app.py"),
    ]
    assert "src/app.py" not in one(server, "list_directory", path=".", depth=1)


def test_a_folder_that_is_not_there_is_no_error() -> None:
    assert (
        unnoticed(machine(), "list_directory", path="/workspace/nope")
        == "[NOT_FOUND] nope — path does not exist"
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("read_file", {"path": "nope"}, "Error: ENOENT: no such file or directory, open 'nope'"),
        ("read_file", {"path": "src"}, "Error: EISDIR: illegal operation on a directory, read 'src'"),
        (
            "move_file",
            {"source": "nope", "destination": "x"},
            "Error: ENOENT: no such file or directory, open 'nope'",
        ),
        (
            "move_file",
            {"source": "README.md", "destination": "src"},
            "Error: EISDIR: illegal operation on a directory, rename 'README.md' -> 'src'",
        ),
        ("get_file_info", {"path": "nope"}, "Error: ENOENT: no such file or directory, open 'nope'"),
        (
            "edit_block",
            {"file_path": "src/app.py"},
            "Error: Text replacement requires both old_string and new_string",
        ),
        ("start_process", {"command": "sudo ls", "timeout_ms": 1000}, "Error: Command not allowed: sudo ls"),
        ("read_process_output", {"pid": 1}, "No session found for PID 1"),
        (
            "get_more_search_results",
            {"sessionId": "x"},
            "Error reading search results: Search session x not found",
        ),
        ("start_search", {"path": "nope", "pattern": "x"}, "Error starting search session: ENOENT"),
        (
            "start_search",
            {"path": ".", "pattern": "(", "searchType": "content"},
            "Error starting search session: regex",
        ),
    ],
)
def test_what_is_refused_as_an_error(tool: str, arguments: dict[str, Any], words: str) -> None:
    assert refusal(machine(), tool, **arguments).startswith(words)


def test_a_command_that_fails_looks_like_one_that_does_not_until_its_output_is_read() -> None:
    server = machine()
    said, transcript = ask(
        server,
        ("start_process", {"command": "pytest", "timeout_ms": 5000}),
        ("read_process_output", {"pid": 4000}),
    )

    assert said[0] == "Process started with PID 4000 (shell: /bin/sh)\nInitial output:\n2 failed\nE assert\n"
    assert said[1] == (
        "[Reading 2 new lines (total: 2 lines)]\n\n2 failed\nE assert\n"
        "✅ Process completed with exit code 1 (runtime: 0.00s)"
    )
    assert all(each.ok for each in transcript)


def test_a_long_command_is_waited_for_in_turns() -> None:
    server = machine()
    server.durations["sleep *"] = 12.0
    read = ("read_process_output", {"pid": 4000, "timeout_ms": 10000})
    said, transcript = ask(
        server,
        ("start_process", {"command": "sleep 12", "timeout_ms": 1000}),
        ("list_sessions", {}),
        read,
        read,
        ("list_sessions", {}),
    )

    assert said[0].endswith("\n⏳ Process is running. Use read_process_output to get more output.")
    assert said[1] == "PID: 4000, Blocked: true, Runtime: 1s"
    assert said[2] == "[Reading 0 new lines (total: 0 lines)]\n\n(No output in requested range)"
    assert said[3].endswith("done\n✅ Process completed with exit code 0 (runtime: 12.00s)")
    assert said[4] == "No active sessions"
    assert [each.seconds for each in transcript] == [1.0, 0.0, 10.0, 1.0, 0.0]


def test_new_output_is_read_once_and_old_output_by_its_line() -> None:
    server = machine()
    said, _ = ask(
        server,
        ("start_process", {"command": "pytest", "timeout_ms": 5000}),
        ("read_process_output", {"pid": 4000, "length": 1}),
        ("read_process_output", {"pid": 4000}),
        ("read_process_output", {"pid": 4000, "offset": -1}),
    )

    assert said[1].startswith("[Reading 1 new lines from line 0 (total: 2 lines, 1 remaining)]\n\n2 failed\n")
    assert said[2].startswith("[Reading 1 new lines (total: 2 lines)]\n\nE assert\n")
    assert said[3].startswith("[Reading last 1 lines (total: 2 lines)]\n\nE assert\n")


def test_a_process_that_runs_can_be_ended_and_one_that_does_not_cannot() -> None:
    server = machine()
    server.durations["sleep *"] = 60.0
    said, _ = ask(
        server,
        ("start_process", {"command": "sleep 60", "timeout_ms": 100}),
        ("force_terminate", {"pid": 4000}),
        ("read_process_output", {"pid": 4000}),
    )

    assert said[1] == "Successfully initiated termination of session 4000"
    assert "exit code null" in said[2]
    assert unnoticed(server, "force_terminate", pid=4000) == "No active session found for PID 4000"


def test_a_search_keeps_its_results_in_a_session() -> None:
    server = machine()
    said, _ = ask(
        server,
        ("start_search", {"path": ".", "pattern": "PRINT", "searchType": "content"}),
        ("get_more_search_results", {"sessionId": "search-1", "offset": 1}),
        ("start_search", {"path": ".", "pattern": "*.md"}),
    )

    assert "Total results: 2\n\nInitial results:\n📄 src/app.py:2 - print('one')\n" in said[0]
    assert "Showing results 1-1\n\nResults:\n📄 src/app.py:3 - print('two')" in said[1]
    assert "📁 README.md" in said[2]
    assert unnoticed(server, "stop_search", sessionId="search-1").endswith("not found or already completed.")


def test_hidden_files_are_searched_only_if_asked() -> None:
    server = machine()

    assert "Total results: 0" in one(server, "start_search", path=".", pattern="KEY", searchType="content")
    assert ".env:1" in one(
        server, "start_search", path=".", pattern="KEY", searchType="content", includeHidden=True
    )


def test_both_sets_of_tools_work_on_one_machine() -> None:
    documents = DesktopCommander(files={"a.txt": "a\n"})
    real = DesktopCommanderMCP.over(documents)
    one(real, "start_process", command="echo hello > b.txt", timeout_ms=1000)

    assert documents.files["b.txt"] == "hello\n"
    assert [each.command for each in documents.history] == ["echo hello > b.txt"]
