"""A fake desktop: files, a git repository, and a shell whose commands are built in or scripted.

Nothing is ever executed on the host.
"""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool
from pytest_mcpflow.fakes._repository import Commit, GitError, Repository
from pytest_mcpflow.fakes._shell import Pipeline, parse

__all__ = ["CommandResult", "Commit", "DesktopCommander", "Ran", "Repository", "Script"]


@dataclass
class Script:
    """What a command that is not built in does.

    Args:
        pattern: The command line, with `*` for anything.
        stdout, stderr, exit_code: What it answers.
        writes: Files it writes, by path.
        requires: What files must contain for it to succeed, text by path; otherwise it exits with 1.
    """

    pattern: str
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    writes: dict[str, str] = field(default_factory=dict[str, str])
    requires: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class CommandResult:
    """`success` is an exit code of 0."""

    success: bool
    exit_code: int
    stdout: str
    stderr: str = ""


@dataclass
class Ran:
    """A command that was run; `at` is seconds on the fake's clock."""

    command: str
    exit_code: int
    at: float


@dataclass
class DesktopCommander(Fake):
    """A developer's machine."""

    service_error = "EIO: i/o error"
    files: dict[str, str] = field(default_factory=dict[str, str])
    folders: list[str] = field(default_factory=list[str])
    environment: dict[str, str] = field(default_factory=dict[str, str])
    scripts: list[Script] = field(default_factory=list[Script])
    repository: Repository = field(default_factory=Repository)
    history: list[Ran] = field(default_factory=list[Ran])
    sudo_allowed: bool = False

    @tool(idempotent=False)
    def execute_command(self, command: str) -> CommandResult:
        """Run a command line in the shell."""
        if command.strip().startswith("sudo ") and not self.sudo_allowed:
            raise FakeError(f"Error: Command not allowed: {command}")
        script = next((each for each in self.scripts if _is_whole(command, each.pattern)), None)
        result = self._scripted(script) if script is not None else self._interpreted(command)
        self.history.append(Ran(command, result.exit_code, self.clock.now()))
        return result

    @tool(reads=True)
    def read_file(self, path: str) -> str:
        """Read a file."""
        return self._file(path)

    @tool(destroys=True, idempotent=False)
    def write_file(self, path: str, content: str, mode: Literal["rewrite", "append"] = "rewrite") -> str:
        """Write a file, or append to it."""
        path = _normal(path)
        if path in self.folders:
            raise FakeError(f"Error: EISDIR: illegal operation on a directory, open '{path}'")
        self.files[path] = (self.files.get(path, "") if mode == "append" else "") + content
        return f"Successfully wrote to {path}"

    @tool(destroys=True, idempotent=False)
    def edit_block(self, file_path: str, old_string: str, new_string: str) -> str:
        """Replace a text that stands exactly once in a file."""
        content = self._file(file_path)
        if (count := content.count(old_string)) != 1:
            raise FakeError(f"Error: expected 1 occurrence of the search text in {file_path}, found {count}")
        self.files[_normal(file_path)] = content.replace(old_string, new_string)
        return f"Successfully applied 1 edit to {file_path}"

    @tool(idempotent=True)
    def create_directory(self, path: str) -> str:
        """Create a folder."""
        self._make_folder(path)
        return f"Successfully created directory {path}"

    @tool(reads=True)
    def list_directory(self, path: str = ".") -> list[str]:
        """List a folder; folders end in a slash."""
        return self._listing(path)

    @tool(destroys=True, idempotent=False)
    def move_file(self, source: str, destination: str) -> str:
        """Move a file."""
        content = self._file(source)
        if _normal(destination) in self.files:
            raise FakeError(f"Error: EEXIST: file already exists, rename '{source}' -> '{destination}'")
        del self.files[_normal(source)]
        self.files[_normal(destination)] = content
        return f"Successfully moved {source} to {destination}"

    @tool(reads=True)
    def search_code(self, path: str, pattern: str) -> list[str]:
        """Find a text in the files below a path; each hit as `file:line: text`."""
        below = "" if _normal(path) == "." else f"{_normal(path)}/"
        return [
            f"{name}:{number}: {line.strip()}"
            for name, content in sorted(self.files.items())
            if name.startswith(below)
            for number, line in enumerate(content.splitlines(), 1)
            if pattern in line
        ]

    def _scripted(self, script: Script) -> CommandResult:
        for path, text in script.requires.items():
            if text not in self.files.get(_normal(path), ""):
                return CommandResult(False, 1, script.stdout and "", f"{path}: {text!r} not found")
        self.files.update({_normal(path): text for path, text in script.writes.items()})
        return CommandResult(script.exit_code == 0, script.exit_code, script.stdout, script.stderr)

    def _interpreted(self, command: str) -> CommandResult:
        try:
            pipelines = parse(command, self.environment, int(self.clock.wall().timestamp()))
        except ValueError as error:
            return CommandResult(False, 2, "", f"sh: syntax error: {error}")
        result = CommandResult(True, 0, "")
        for pipeline in pipelines:
            if (pipeline.after == "&&" and not result.success) or (pipeline.after == "||" and result.success):
                continue
            ran = self._pipeline(pipeline)
            result = CommandResult(
                ran.success, ran.exit_code, result.stdout + ran.stdout, result.stderr + ran.stderr
            )
        return result

    def _pipeline(self, pipeline: Pipeline) -> CommandResult:
        result = CommandResult(True, 0, "")
        for words in pipeline.commands:
            result = self._command(list(words), result.stdout)
        if pipeline.output is not None and result.success:
            path = _normal(pipeline.output)
            self.files[path] = (self.files.get(path, "") if pipeline.appends else "") + result.stdout
            result = CommandResult(True, 0, "", result.stderr)
        return result

    def _command(self, words: list[str], stdin: str) -> CommandResult:
        line = " ".join(words)
        for script in self.scripts:
            if fnmatch.fnmatchcase(line, script.pattern):
                return self._scripted(script)
        try:
            return CommandResult(True, 0, self._built_in(words, stdin))
        except GitError as error:
            return CommandResult(False, 128, "", str(error))
        except FileNotFoundError as error:
            return CommandResult(False, 1, "", f"{words[0]}: {error}: No such file or directory")
        except LookupError:
            return CommandResult(False, 127, "", f"sh: 1: {words[0]}: not found")

    def _built_in(self, words: list[str], stdin: str) -> str:
        match words:
            case ["git", *arguments]:
                return self._git(arguments)
            case ["mkdir", *arguments]:
                for path in arguments:
                    if not path.startswith("-"):
                        self._make_folder(path)
                return ""
            case ["echo", *arguments]:
                return " ".join(arguments) + "\n"
            case ["cat" | "gzip" | "tee", *paths]:
                return "".join(self._content(path) for path in paths if not path.startswith("-")) or stdin
            case ["ls", *paths]:
                return "".join(f"{name}\n" for name in self._listing(paths[-1] if paths else "."))
            case ["rm", *paths]:
                for path in [path for path in paths if not path.startswith("-")]:
                    self._remove(
                        path, force=any(option.startswith("-") and "f" in option for option in paths)
                    )
                return ""
            case ["cp", source, destination]:
                self.files[_normal(destination)] = self._content(source)
                return ""
            case ["touch", *paths]:
                for path in paths:
                    self.files.setdefault(_normal(path), "")
                return ""
            case ["test", "-f" | "-e", path]:
                self._content(path)
                return ""
            case ["test", "-d", path] if _normal(path) in self.folders or self._listing(path):
                return ""
            case ["grep", text, path]:
                found = "".join(f"{line}\n" for line in self._content(path).splitlines() if text in line)
                if not found:
                    raise FileNotFoundError(f"{text} in {path}")
                return found
            case ["wc", "-l"]:
                return f"{stdin.count(chr(10))}\n"
            case ["pwd"]:
                return "/workspace\n"
            case _:
                raise LookupError(words)

    def _git(self, arguments: list[str]) -> str:
        repository = self.repository
        match arguments:
            case ["checkout" | "switch", "-b" | "-c", branch]:
                repository.switch(branch, create=True)
                return f"Switched to a new branch '{branch}'\n"
            case ["checkout" | "switch", branch]:
                tracked = set(repository.tree())
                tree = repository.switch(branch, create=False)
                self.files = {path: text for path, text in self.files.items() if path not in tracked} | tree
                return f"Switched to branch '{branch}'\n"
            case ["add", *paths]:
                for path in paths:
                    below = "" if path in (".", "-A") else _normal(path)
                    repository.staged.update(
                        {name: text for name, text in self.files.items() if name.startswith(below)}
                    )
                return ""
            case ["commit", "-m", message]:
                made = repository.commit(self.new_hex(40, kind="commit"), message)
                return f"[{repository.branch} {made.id[:7]}] {message}\n"
            case ["log", *_]:
                return "".join(f"{commit.id[:7]} {commit.message}\n" for commit in repository.log())
            case ["branch"]:
                return "".join(
                    f"{'*' if name == repository.branch else ' '} {name}\n" for name in repository.branches
                )
            case ["status", *_]:
                changed = [path for path, text in self.files.items() if repository.tree().get(path) != text]
                return f"On branch {repository.branch}\n" + "".join(
                    f" M {path}\n" for path in sorted(changed)
                )
            case ["push", *rest]:
                branch = next(
                    (word for word in reversed(rest) if word not in ("origin", "-u")), repository.branch
                )
                repository.push(branch)
                return f"branch '{branch}' set up to track 'origin/{branch}'\n"
            case _:
                raise GitError(f"git: '{' '.join(arguments)}' is not a git command this machine knows")

    def _file(self, path: str) -> str:
        try:
            return self._content(path)
        except FileNotFoundError:
            raise FakeError(f"Error: ENOENT: no such file or directory, open '{path}'") from None

    def _content(self, path: str) -> str:
        if _normal(path) not in self.files:
            raise FileNotFoundError(path)
        return self.files[_normal(path)]

    def _listing(self, path: str) -> list[str]:
        folder = _normal(path)
        below = "" if folder == "." else f"{folder}/"
        inside = [name[len(below) :] for name in (*self.files, *self.folders) if name.startswith(below)]
        return sorted(
            {
                name.partition("/")[0] + ("/" if "/" in name or f"{below}{name}" in self.folders else "")
                for name in inside
            }
        )

    def _make_folder(self, path: str) -> None:
        if _normal(path) not in self.folders:
            self.folders.append(_normal(path))

    def _remove(self, path: str, *, force: bool) -> None:
        gone = [name for name in self.files if name == _normal(path) or name.startswith(f"{_normal(path)}/")]
        if not gone and not force:
            raise FileNotFoundError(path)
        for name in gone:
            del self.files[name]


def _is_whole(command: str, pattern: str) -> bool:
    """Whether a pattern means a whole line; in a line of several commands it means one, unless it has several, too."""
    several = any(operator in command for operator in "|&;>") and not any(
        operator in pattern for operator in "|&;>"
    )
    return not several and fnmatch.fnmatchcase(command, pattern)


def _normal(path: str) -> str:
    return posixpath.normpath(path.removeprefix("/workspace/"))
