"""The machine of `pytest_mcpflow.fakes.desktop_commander`: files, and a shell that never leaves the fake."""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass, field

from pytest_mcpflow.fake import Fake, FakeError
from pytest_mcpflow.fakes._repository import GitError, Repository
from pytest_mcpflow.fakes._shell import CommandResult, Pipeline, Ran, Script, parse
from pytest_mcpflow.fakes._workspace import lies_at, workspace_path

__all__ = ["Desktop"]


class Unmet(Exception):
    """A command has nothing to say, and fails: `test` of what is not so, `grep` of what is not there."""


@dataclass
class Desktop(Fake):
    """What the tools of a developer's machine stand on."""

    files: dict[str, str] = field(default_factory=dict[str, str])
    folders: list[str] = field(default_factory=list[str])
    environment: dict[str, str] = field(default_factory=dict[str, str])
    scripts: list[Script] = field(default_factory=list[Script])
    repository: Repository = field(default_factory=Repository)
    history: list[Ran] = field(default_factory=list[Ran])
    sudo_allowed: bool = False

    def run(self, command: str) -> CommandResult:
        """Run a command line, and remember that it ran."""
        if command.strip().startswith("sudo ") and not self.sudo_allowed:
            raise FakeError(f"Error: Command not allowed: {command}")
        script = next((each for each in self.scripts if _is_whole(command, each.pattern)), None)
        result = self._scripted(script) if script is not None else self._interpreted(command)
        self.history.append(Ran(command, result.exit_code, self.clock.now()))
        return result

    def _scripted(self, script: Script) -> CommandResult:
        for path, text in script.requires.items():
            if text not in self.files.get(workspace_path(path), ""):
                return CommandResult(False, 1, script.stdout and "", f"{path}: {text!r} not found")
        self.files.update({workspace_path(path): text for path, text in script.writes.items()})
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
            path = workspace_path(pipeline.output)
            if not self.has_folder(posixpath.dirname(path)):
                missing = f"sh: 1: cannot create {pipeline.output}: Directory nonexistent"
                return CommandResult(False, 2, "", missing)
            if self.has_folder(path):
                return CommandResult(False, 2, "", f"sh: 1: cannot create {pipeline.output}: Is a directory")
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
            return CommandResult(False, 128 if str(error).startswith("fatal: ") else 1, "", str(error))
        except Unmet:
            return CommandResult(False, 1, "")
        except FileExistsError as error:
            return CommandResult(False, 1, "", f"{words[0]}: {error}: File exists")
        except IsADirectoryError as error:
            return CommandResult(False, 1, "", f"{words[0]}: {error}: Is a directory")
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
                        self._mkdir(path, parents="-p" in arguments)
                return ""
            case ["echo", *arguments]:
                return " ".join(arguments) + "\n"
            case ["cat" | "gzip" | "tee", *paths]:
                return "".join(self.content(path) for path in paths if not path.startswith("-")) or stdin
            case ["ls", *paths]:
                return "".join(f"{name}\n" for name in self._listed(paths[-1] if paths else "."))
            case ["rm", *paths]:
                options = "".join(path for path in paths if path.startswith("-"))
                for path in [path for path in paths if not path.startswith("-")]:
                    self._remove(path, force="f" in options, folders="r" in options or "R" in options)
                return ""
            case ["cp", source, destination]:
                into = self.has_folder(destination)
                copy = f"{destination}/{posixpath.basename(source)}" if into else destination
                self._written(copy, self.content(source))
                return ""
            case ["touch", *paths]:
                for path in paths:
                    self._written(path, self.files.get(workspace_path(path), ""))
                return ""
            case ["test", "-f" | "-e" | "-d" as kind, path]:
                is_file, is_folder = workspace_path(path) in self.files, self.has_folder(path)
                if not {"-f": is_file, "-d": is_folder, "-e": is_file or is_folder}[kind]:
                    raise Unmet
                return ""
            case ["grep", text, *paths] if not text.startswith("-") and len(paths) < 2:
                lines = (self.content(paths[0]) if paths else stdin).splitlines()
                if not (found := "".join(f"{line}\n" for line in lines if text in line)):
                    raise Unmet
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
                self.files = repository.checkout(branch, self.files)
                return f"Switched to branch '{branch}'\n"
            case ["add", *paths]:
                named = [path for path in paths if path not in ("-A", "--all")]
                repository.stage(named or ["."], self.files)
                return ""
            case ["commit", "-m", message]:
                made = repository.commit(self.new_hex(40, kind="commit"), message, at=self.clock.now())
                return f"[{repository.branch} {made.id[:7]}] {message}\n"
            case ["log", *_]:
                if not repository.log():
                    raise GitError(
                        f"fatal: your current branch '{repository.branch}' does not have any commits yet"
                    )
                return "".join(f"{commit.id[:7]} {commit.message}\n" for commit in repository.log())
            case ["branch"]:
                return "".join(
                    f"{'*' if name == repository.branch else ' '} {name}\n" for name in repository.branches
                )
            case ["status", *_]:
                tree = repository.tree()
                changed = [f" M {path}\n" for path, text in self.files.items() if tree.get(path) != text]
                gone = [f" D {path}\n" for path in tree if path not in self.files]
                return f"On branch {repository.branch}\n{''.join(sorted(changed + gone, key=lambda line: line[3:]))}"
            case ["push", *rest]:
                branch = next(
                    (word for word in reversed(rest) if word not in ("origin", "-u")), repository.branch
                )
                repository.push(branch)
                return f"branch '{branch}' set up to track 'origin/{branch}'\n"
            case _:
                raise GitError(f"git: '{' '.join(arguments)}' is not a git command this machine knows")

    def file(self, path: str) -> str:
        """The content of a file, or what the machine says where there is none."""
        try:
            return self.content(path)
        except FileNotFoundError:
            raise FakeError(f"Error: ENOENT: no such file or directory, open '{path}'") from None

    def content(self, path: str) -> str:
        """The content of a file.

        Raises:
            FileNotFoundError: There is none.
        """
        if workspace_path(path) not in self.files:
            raise FileNotFoundError(path)
        return self.files[workspace_path(path)]

    def listing(self, path: str) -> list[str]:
        """What is in a folder; folders end in a slash."""
        folder = workspace_path(path)
        below = "" if folder == "." else f"{folder}/"
        inside = [name[len(below) :] for name in (*self.files, *self.folders) if name.startswith(below)]
        return sorted(
            {
                name.partition("/")[0] + ("/" if "/" in name or f"{below}{name}" in self.folders else "")
                for name in inside
            }
        )

    def has_folder(self, path: str) -> bool:
        """Whether there is a folder: made, or because something lies in it."""
        there = workspace_path(path)
        return there in (".", "/", "/tmp", *self.folders) or bool(self.listing(path))  # noqa: S108 - the fake's

    def make_folder(self, path: str) -> None:
        """Create a folder and those above it, if there is none."""
        if workspace_path(path) not in self.folders:
            self.folders.append(workspace_path(path))

    def _mkdir(self, path: str, *, parents: bool) -> None:
        there = workspace_path(path)
        if there in self.files or (self.has_folder(path) and not parents):
            raise FileExistsError(path)
        if not parents and not self.has_folder(posixpath.dirname(there)):
            raise FileNotFoundError(path)
        self.make_folder(path)

    def _listed(self, path: str) -> list[str]:
        if workspace_path(path) in self.files:
            return [path]
        if not self.has_folder(path):
            raise FileNotFoundError(path)
        return self.listing(path)

    def _written(self, path: str, content: str) -> None:
        there = workspace_path(path)
        if self.has_folder(path):
            raise IsADirectoryError(path)
        if not self.has_folder(posixpath.dirname(there)):
            raise FileNotFoundError(path)
        self.files[there] = content

    def files_at(self, path: str) -> list[str]:
        """The file of that path, or all files below it."""
        there = workspace_path(path)
        return [name for name in self.files if lies_at(name, there)]

    def _remove(self, path: str, *, force: bool, folders: bool) -> None:
        there, gone = workspace_path(path), self.files_at(path)
        if not gone and there not in self.folders:
            if force:
                return
            raise FileNotFoundError(path)
        if there not in self.files and not folders:
            raise IsADirectoryError(path)
        for name in gone:
            del self.files[name]
        self.folders = [each for each in self.folders if each != there and not each.startswith(f"{there}/")]


def _is_whole(command: str, pattern: str) -> bool:
    """Whether a pattern means a whole line; in a line of several commands it means one, unless it has several, too."""
    several = any(operator in command for operator in "|&;>") and not any(
        operator in pattern for operator in "|&;>"
    )
    return not several and fnmatch.fnmatchcase(command, pattern)
