"""The fake desktop: a shell that touches nothing but its own files, and a repository."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mcpflow import FakeError
from pytest_mcpflow.fakes.desktop_commander import CommandResult, DesktopCommander, Script


def sh(fake: DesktopCommander, command: str) -> str:
    result = fake.execute_command(command)
    assert result.success, result
    return result.stdout


def refused(fake: DesktopCommander, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def test_folders_files_and_pipes() -> None:
    fake = DesktopCommander(environment={"NAME": "world"})
    sh(fake, "mkdir -p deploy/{config,logs,backup}")
    assert sh(fake, "ls deploy") == "backup/\nconfig/\nlogs/\n"
    sh(fake, "echo hello $NAME > a.txt && echo again >> a.txt")
    assert fake.files == {"a.txt": "hello world\nagain\n"}
    assert sh(fake, "cat a.txt | wc -l") == "2\n"
    assert sh(fake, "grep again a.txt") == "again\n"
    sh(fake, "cp a.txt b.txt; rm a.txt; touch c.txt")
    assert sorted(fake.files) == ["b.txt", "c.txt"]
    assert sh(fake, "echo $(date +%s)") == "1767225600\n"


def test_conditions_of_the_shell() -> None:
    fake = DesktopCommander(files={"here": ""})
    assert sh(fake, "test -f here && echo yes || echo no") == "yes\n"
    assert sh(fake, "test -f gone && echo yes || echo no") == "no\n"
    assert fake.execute_command("test -f gone; echo after").stdout == "after\n"


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("make coffee", 127, "make: not found"),
        ("cat nowhere", 1, "No such file or directory"),
        ("rm nowhere", 1, "No such file or directory"),
        ("echo 'open", 2, "syntax error"),
        ("git frobnicate", 1, "is not a git command"),
        ("git checkout nowhere", 1, "did not match any file"),
        ("git commit -m nothing", 1, "nothing to commit"),
        ("git add nowhere", 128, "did not match any files"),
        ("git log", 128, "does not have any commits yet"),
    ],
)
def test_commands_that_fail_say_so_with_their_code(command: str, code: int, words: str) -> None:
    result = DesktopCommander().execute_command(command)
    assert (result.success, result.exit_code) == (False, code)
    assert words in result.stderr


@pytest.mark.parametrize("command", ["test -f gone", "test -d gone", "test -d a.txt", "grep tea a.txt"])
def test_a_question_with_the_answer_no_fails_without_a_word(command: str) -> None:
    fake = DesktopCommander(files={"a.txt": "coffee\n"})
    assert fake.execute_command(command) == CommandResult(False, 1, "")


def test_a_copy_goes_into_a_folder_and_grep_reads_a_pipe() -> None:
    fake = DesktopCommander(files={"src/a.txt": "tea\ncoffee\n", "old/b.txt": ""})
    assert sh(fake, "cp src/a.txt old && cat old/a.txt | grep tea | wc -l") == "1\n"
    assert sorted(fake.files) == ["old/a.txt", "old/b.txt", "src/a.txt"]


def test_scripts_stand_for_programs_and_need_what_they_need() -> None:
    fake = DesktopCommander(
        scripts=[
            Script("npm test*", stdout="passed", requires={"src/a.ts": "fixed"}),
            Script("npm run build", stdout="built", writes={"dist/a.js": "x"}),
            Script("false", exit_code=3, stderr="no"),
        ]
    )
    assert fake.execute_command("npm test -- a").exit_code == 1
    fake.write_file("src/a.ts", "fixed")
    assert sh(fake, "npm test") == "passed"
    assert sh(fake, "npm run build && cat dist/a.js") == "builtx"
    assert fake.execute_command("false") == CommandResult(False, 3, "", "no")
    assert [(ran.command, ran.exit_code) for ran in fake.history][-1] == ("false", 3)


def test_a_repository_keeps_branches_apart() -> None:
    fake = DesktopCommander(files={"a": "1"})
    sh(fake, 'git add . && git commit -m "First commit"')
    sh(fake, "git checkout -b feature && echo 2 > a && git add a && git commit -m second")
    assert sh(fake, "git log --oneline").count("\n") == 2
    sh(fake, "git checkout main")
    assert fake.files["a"] == "1"
    assert sh(fake, "git branch") == "* main\n  feature\n"
    sh(fake, "git push -u origin feature")
    assert list(fake.repository.pushed) == ["feature"]
    fake.write_file("a", "3")
    assert " M a" in sh(fake, "git status")


@pytest.mark.parametrize(
    "add", ["git add -A", "git add --all", "git add .", "git add old", "git add a b old"]
)
def test_a_file_that_was_removed_is_committed_as_deleted(add: str) -> None:
    fake = DesktopCommander(files={"a": "1", "b": "1", "old/c": "1"})
    sh(fake, "git add . && git commit -m one")

    assert sh(fake, "rm -r old && git status") == "On branch main\n D old/c\n"
    sh(fake, f"{add} && git commit -m two")

    assert fake.repository.tree() == {"a": "1", "b": "1"}
    assert sh(fake, "git status") == "On branch main\n"


def test_of_paths_of_which_one_is_wrong_nothing_is_staged() -> None:
    fake = DesktopCommander(files={"a": "1"})

    assert not fake.execute_command("git add a nope").success
    assert fake.repository.staged == {}


def test_files_are_refused_in_the_servers_words() -> None:
    fake = DesktopCommander(files={"a": "x x", "b": ""}, folders=["folder"])
    refused(fake, "ENOENT: no such file or directory, open 'c'", lambda: fake.read_file("c"))
    refused(fake, "EISDIR", lambda: fake.write_file("folder", ""))
    refused(fake, "EEXIST", lambda: fake.move_file("a", "b"))
    refused(fake, "expected 1 occurrence .* found 2", lambda: fake.edit_block("a", "x", "y"))
    refused(fake, "Command not allowed: sudo", lambda: fake.execute_command("sudo reboot"))


def test_files_are_edited_moved_and_searched() -> None:
    fake = DesktopCommander(files={"src/a.py": "one\ntwo\n", "docs/b": "two"})
    fake.edit_block("src/a.py", "one", "1")
    fake.write_file("src/a.py", "three\n", "append")
    assert fake.read_file("./src/a.py") == "1\ntwo\nthree\n"
    assert fake.search_code("src", "two") == ["src/a.py:2: two"]
    fake.move_file("docs/b", "docs/c")
    assert (fake.list_directory("docs"), fake.list_directory()) == (["c"], ["docs/", "src/"])
    fake.create_directory("new")
    assert "new/" in fake.list_directory()


@given(st.text(max_size=40))
def test_nothing_is_ever_executed_on_the_host(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    marker = Path(tmp_path_factory.getbasetemp(), "ran")
    result = DesktopCommander().execute_command(
        f'python3 -c \'open("{marker}", "w")\' ; touch {marker} ; {text}'
    )
    assert isinstance(result, CommandResult)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("command", "exit_code", "words"),
    [
        ("ls nope", 1, "ls: nope: No such file or directory"),
        ("mkdir src", 1, "mkdir: src: File exists"),
        ("mkdir a/b", 1, "mkdir: a/b: No such file or directory"),
        ("mkdir -p a.txt", 1, "mkdir: a.txt: File exists"),
        ("echo x > nope/a.txt", 2, "cannot create nope/a.txt: Directory nonexistent"),
        ("echo x > src", 2, "cannot create src: Is a directory"),
        ("touch nope/a.txt", 1, "touch: nope/a.txt: No such file or directory"),
        ("rm src", 1, "rm: src: Is a directory"),
        ("git add nope", 128, "fatal: pathspec 'nope' did not match any files"),
    ],
)
def test_the_shell_says_what_cannot_be(command: str, exit_code: int, words: str) -> None:
    fake = DesktopCommander(files={"a.txt": "a", "src/m.py": "m"})
    files = dict(fake.files)
    result = fake.execute_command(command)
    assert (result.success, result.exit_code) == (False, exit_code)
    assert words in result.stderr
    assert fake.files == files


def test_a_folder_that_is_removed_is_gone() -> None:
    fake = DesktopCommander(files={"src/m.py": "m", "srcs.txt": "s"})
    sh(fake, "mkdir -p src/sub && rm -rf src nope")
    assert sh(fake, "ls") == "srcs.txt\n"


def test_adding_a_file_stages_no_other_whose_name_begins_like_it() -> None:
    fake = DesktopCommander(files={"app": "1", "app.secret": "2"})
    sh(fake, "git add app && git commit -m one")
    assert fake.repository.tree() == {"app": "1"}


def test_another_branch_does_not_overwrite_what_was_not_committed() -> None:
    fake = DesktopCommander(files={"a.txt": "1", "b.txt": "1"})
    sh(fake, "git add . && git commit -m one && git checkout -b next && echo 2 > a.txt")
    sh(fake, "git add a.txt && git commit -m two && echo 3 > a.txt && echo 3 > b.txt && echo 3 > c.txt")
    before = dict(fake.files)
    refused_by_git = fake.execute_command("git checkout main")
    assert "local changes to the following files would be overwritten by checkout:\n\ta.txt\n" in (
        refused_by_git.stderr
    )
    assert (fake.repository.branch, fake.files) == ("next", before)
    sh(fake, "echo 2 > a.txt && git checkout main")
    assert fake.files == {"a.txt": "1", "b.txt": "3\n", "c.txt": "3\n"}


def test_the_tools_say_what_is_no_folder_and_no_file() -> None:
    fake = DesktopCommander(files={"a.txt": "a", "src/m.py": "m"})
    refused(fake, "ENOENT: .* scandir 'nope'", lambda: fake.list_directory("nope"))
    refused(fake, "ENOTDIR: .* scandir 'a.txt'", lambda: fake.list_directory("a.txt"))
    refused(fake, "ENOENT: .* stat 'nope'", lambda: fake.search_code("nope", "x"))
    refused(fake, "EISDIR: .* open 'src'", lambda: fake.write_file("src", "x"))
    refused(fake, "EISDIR: .* open ''", lambda: fake.write_file("", "x"))
    refused(fake, "ENOTDIR: .* open 'a.txt/b'", lambda: fake.write_file("a.txt/b", "x"))
    refused(fake, "EEXIST: .* mkdir 'a.txt'", lambda: fake.create_directory("a.txt"))
    refused(fake, "ENOTDIR: .* mkdir 'a.txt/b'", lambda: fake.create_directory("a.txt/b"))
    refused(fake, "EISDIR: .* rename 'src'", lambda: fake.move_file("a.txt", "src"))
    assert fake.search_code("src/m.py", "m") == ["src/m.py:1: m"]
