"""The tools of Desktop Commander (npm `@wonderwhy-er/desktop-commander`) over a fake machine.

Names, arguments, answers and refusals are those of version 0.2.52: text only. Much that went wrong is said in results
that are no errors, and a command that fails looks like one that does not until its output is read to the end.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, workspace_path
from pytest_mcpflow.fakes.real._desktop_files import FileTools, Origin, Unnoticed
from pytest_mcpflow.fakes.real._desktop_processes import Process, ProcessTools

__all__ = ["DesktopCommanderMCP", "Process", "Search"]

INITIAL_RESULTS = 10
LONGEST_MATCH = 100


@dataclass
class Search:
    """A search that is over: what it was for, and what it found."""

    kind: Literal["files", "content"]
    pattern: str
    results: list[str]


@dataclass
class DesktopCommanderMCP(FileTools, ProcessTools, in_place_of=DesktopCommander):
    """A machine as Desktop Commander shows it."""

    service = "desktop-commander-mcp"
    structured = False

    searches: dict[str, Search] = field(default_factory=dict[str, Search], repr=False, compare=False)
    """By session; no state of the machine."""

    @tool(reads=True, name="start_search")
    def tool_start_search(
        self,
        path: str,
        pattern: str,
        searchType: Literal["files", "content"] = "files",
        filePattern: Omittable[str] = None,
        ignoreCase: bool = True,
        maxResults: Omittable[float] = None,
        includeHidden: bool = False,
        contextLines: float = 5,
        timeout_ms: Omittable[float] = None,
        earlyTermination: Omittable[bool] = None,
        literalSearch: bool = False,
        origin: Omittable[Origin] = None,
    ) -> str:
        """Search names or contents of files; a search is over when it is answered."""
        if not self.is_folder(path) and workspace_path(path) not in self.files:
            raise FakeError(
                f"Error starting search session: ENOENT: no such file or directory, stat '{path}'"
            )
        matcher = _matcher(pattern, literal=literalSearch or searchType == "files", ignore_case=ignoreCase)
        names = [
            name
            for name in self._below(path, hidden=includeHidden)
            if filePattern is None or _matches_any(name, filePattern)
        ]
        if searchType == "files":
            found = [f"📁 {name}" for name in names if _names(name, pattern, matcher)]
        else:
            found = [hit for name in names for hit in self._hits(name, matcher)]
        results = found if maxResults is None else found[: int(maxResults)]
        session = self.new_id("search")
        self.searches[session] = Search(searchType, pattern, results)
        kind = "content search" if searchType == "content" else "file search"
        said = [
            f"Started {kind} session: {session}",
            f'Pattern: "{pattern}"',
            f"Path: {path}",
            "Status: COMPLETED",
        ]
        said += ["Runtime: 0ms", f"Total results: {len(results)}", ""]
        if results:
            said += ["Initial results:", *results[:INITIAL_RESULTS]]
        if len(results) > INITIAL_RESULTS:
            said.append(f"... and {len(results) - INITIAL_RESULTS} more results")
        return "\n".join([*said, "", "✅ Search completed."])

    @tool(reads=True, name="get_more_search_results")
    def tool_get_more_search_results(self, sessionId: str, offset: float = 0, length: float = 100) -> str:
        """Read results of a search: from `offset` on, or the last ones if that is negative."""
        search = self.searches.get(sessionId)
        if search is None:
            raise FakeError(f"Error reading search results: Search session {sessionId} not found")
        start, count = int(offset), int(length)
        shown = search.results[start:] if start < 0 else search.results[start : start + count]
        total = len(search.results)
        said = [f"Search session: {sessionId}", "Status: COMPLETED", "Runtime: 0s"]
        said.append(f"Total results found: {total} ({total} matches)")
        part = f"last {len(shown)} results" if start < 0 else f"results {start}-{start + len(shown) - 1}"
        said += [f"Showing {part}", ""]
        said += (
            ["Results:", *shown] if shown else ["No results in this range." if total else "No matches found."]
        )
        if start >= 0 and start + len(shown) < total:
            more = f"offset: {start + len(shown)}"
            said += ["", f"📖 More results available. Use get_more_search_results with {more}"]
        return "\n".join([*said, "✅ Search completed."])

    @tool(name="stop_search")
    def tool_stop_search(self, sessionId: str) -> str:
        """End a search that still runs, of which there are none here: each is over when it is answered."""
        raise Unnoticed(f"Search session {sessionId} not found or already completed.")

    def _below(self, path: str, *, hidden: bool) -> list[str]:
        folder = workspace_path(path)
        names = [name for name in self.files if folder in (".", name) or name.startswith(f"{folder}/")]
        return sorted(
            name for name in names if hidden or not any(part.startswith(".") for part in name.split("/"))
        )

    def _hits(self, name: str, matcher: re.Pattern[str]) -> Iterator[str]:
        for number, line in enumerate(self.files[name].splitlines(), 1):
            if matcher.search(line):
                shown = line.strip()
                cut = f"{shown[:LONGEST_MATCH]}..." if len(shown) > LONGEST_MATCH else shown
                yield f"📄 {name}:{number} - {cut}"


def _matcher(pattern: str, *, literal: bool, ignore_case: bool) -> re.Pattern[str]:
    try:
        return re.compile(re.escape(pattern) if literal else pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise FakeError(f"Error starting search session: regex parse error: {error}") from None


def _names(name: str, pattern: str, matcher: re.Pattern[str]) -> bool:
    """Whether a pattern means a file: as a glob if it is one, else as a part of the name."""
    base = name.rpartition("/")[2]
    if any(sign in pattern for sign in "*?["):
        return fnmatch.fnmatchcase(base.lower(), pattern.lower())
    return matcher.search(base) is not None


def _matches_any(name: str, patterns: str) -> bool:
    return any(fnmatch.fnmatchcase(name.rpartition("/")[2], each.strip()) for each in patterns.split("|"))
