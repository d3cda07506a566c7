"""The tools of Context7's own server (npm `@upstash/context7-mcp`) over the fake's libraries.

Names, arguments, answers and refusals are those of version 4.1.1: prose and Markdown, and each refusal a success in
prose. A search that finds nothing because the index is degraded says no more than one that finds nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_mcpflow.fake import ErrorStyle, FakeError, tool
from pytest_mcpflow.fakes.context7 import Context7, Example, Library, Match, Section

__all__ = ["Context7MCP"]

LARGEST_RESULT = 10
SEPARATOR = f"\n\n{'-' * 32}\n\n"
NOTHING_FOUND = "No libraries found matching the provided name."
NO_LIBRARY = "The library you are trying to access does not exist. Please try with a different library ID."
OVER_LIMIT = "Rate limited or quota exceeded. "
MORE_WITH_A_PLAN = "Upgrade your plan at https://context7.com/plans for higher limits."
MORE_WITH_A_KEY = "Create a free API key at https://context7.com/dashboard for higher limits."


@dataclass
class Context7MCP(Context7, in_place_of=Context7):
    """Libraries as Context7's own server shows them. It answers without a key, too."""

    service = "context7-mcp"
    service_error = "Request failed with status 500. Please try again later."
    service_error_style = ErrorStyle.PROSE
    structured = False

    @tool(reads=True, name="resolve-library-id")
    def tool_resolve_library_id(self, query: str, libraryName: str) -> str:
        """Find libraries by name; the query decides which of them comes first."""
        self._ask()
        found = [] if self.is_out("search") else self.matches(libraryName.casefold().split())
        if not found:
            raise FakeError(NOTHING_FOUND)
        words = _words(query)
        found.sort(key=lambda match: -len(words & _words(f"{match.name} {match.description}")))
        shown = "\n----------\n".join(self._shown(match) for match in found[:LARGEST_RESULT])
        return f"Available Libraries:\n\n{shown}"

    @tool(reads=True, name="query-docs")
    def tool_query_docs(self, libraryId: str, query: str) -> str:
        """Get what the documentation of a library says of a query, the best match first."""
        self._ask()
        library, version = self._library_of(libraryId)
        if not library.reachable or self.is_out("upstream"):
            raise FakeError("Request failed with status 502. Please try again later.")
        words = _words(query)
        sections = sorted(library.documentation[version], key=lambda each: -len(words & _words(_text(each))))
        examples = [each for each in library.examples if words & _words(f"{each.topic} {each.title}")]
        return SEPARATOR.join([*map(_section, sections), *map(_example, examples)])

    def _ask(self) -> None:
        """Count the request, in the words of this server where it is refused."""
        try:
            self.admit()
        except FakeError as error:
            status = str(error).partition(" ")[0]
            if status == "429":
                raise FakeError(
                    OVER_LIMIT + (MORE_WITH_A_PLAN if self.has_api_key else MORE_WITH_A_KEY)
                ) from error
            raise FakeError(f"Request failed with status {status}. Please try again later.") from error

    def _library_of(self, library_id: str) -> tuple[Library, str]:
        """A library and one of its versions: `/org/project` means the newest, `/org/project/version` that one."""
        for library in self.libraries.values():
            versions = [*library.documentation]
            if library_id == library.id and versions:
                return library, versions[-1]
            wanted = library_id.removeprefix(f"{library.id}/")
            if wanted != library_id and wanted in versions:
                return library, wanted
        raise FakeError(NO_LIBRARY)

    def _shown(self, match: Match) -> str:
        snippets = len(self.libraries[match.name].examples)
        reputation = "High" if match.trust >= 7 else "Medium" if match.trust >= 4 else "Low"
        lines = [f"- Title: {match.name}", f"- Context7-compatible library ID: {match.id}"]
        lines += [f"- Description: {match.description}", f"- Code Snippets: {snippets}"]
        lines.append(f"- Source Reputation: {reputation}")
        versions = [f"{match.id}/{version}" for version in match.versions]
        return "\n".join([*lines, *([f"- Versions: {', '.join(versions)}"] if versions else [])])


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _text(section: Section) -> str:
    return f"{section.title} {section.text}"


def _section(section: Section) -> str:
    return f"### {section.title}\n\nSource: {section.url}\n\n{section.text}"


def _example(example: Example) -> str:
    return f"### {example.title}\n\nSource: {example.url}\n\n```\n{example.code}\n```"
