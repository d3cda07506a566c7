"""The servers of a hub by name, and which of them a call means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mcpflow.errors import HubError, UnknownNameError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.schema import ToolSpec
from pytest_mcpflow.transcript import matches

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.live import Target
    from pytest_mcpflow.cassette.player import Player
    from pytest_mcpflow.connection import Connection
    from pytest_mcpflow.line import Line
    from pytest_mcpflow.served import Source, StandIn
    from pytest_mcpflow.ways import Way

__all__ = ["Member", "Members"]


@dataclass(slots=True)
class Member:
    """A server of a hub.

    `fake` and its `tools` are known where it is served here; `tape` answers in place of the server `target`, and
    `stand_in` what the tape has not got.
    """

    name: str
    make_source: Callable[[], Source]
    fake: Fake | None = None
    tools: Mapping[str, ToolSpec] | None = None
    source: Source | None = None
    connection: Connection | None = None
    line: Line | None = None
    stand_in: StandIn | None = None
    tape: Player | None = None
    target: Target | None = None

    @property
    def behind(self) -> Source:
        """What stands behind the name, made when it is asked for the first time."""
        self.source = self.source or self.make_source()
        return self.source

    @property
    def wire(self) -> Way | None:
        """The way whose bytes it is reached by, if answers can be spoilt on them."""
        return None if self.tape is not None else self.behind.wire


class Members:
    """The servers of a hub, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_name: dict[str, Member] = {}
        self._has_dotted_names = False

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._by_name.values()))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    @property
    def sites(self) -> list[str]:
        """Every `server.tool` that is known."""
        return [f"{member.name}.{tool}" for member in self for tool in member.tools or ()]

    def add(self, name: str, make_source: Callable[[], Source]) -> Member:
        """Add a server.

        Raises:
            HubError: There is one of that name already.
        """
        if name in self._by_name:
            raise HubError(
                f"there is a server {name!r} already; give this one a name of its own: name='{name}-2'"
            )
        self._by_name[name] = member = Member(name, make_source)
        self._has_dotted_names = self._has_dotted_names or "." in name
        return member

    def get(self, name: str) -> Member:
        """The server of a name.

        Raises:
            UnknownNameError: There is none.
        """
        if name not in self._by_name:
            raise UnknownNameError(
                "server", name, self._by_name, advice="Add it with hub.serve() or hub.use()"
            )
        return self._by_name[name]

    def resolve(self, call: str) -> tuple[Member, str]:
        """The server and the tool that `server.tool` means; names of servers may have dots.

        Raises:
            UnknownNameError: No server's name begins it.
            HubError: It is no text.
        """
        __tracebackhide__ = True
        if not isinstance(call, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            raise HubError(f"a call names a tool as 'server.tool', got {call!r}")
        first, _, rest = call.partition(".")
        if first in self._by_name and not self._has_dotted_names:
            return self._by_name[first], rest
        servers = [name for name in self._by_name if call.startswith(f"{name}.")]
        if not servers:
            known = [f"{member.name}.{tool}" for member in self for tool in member.tools or ("...",)]
            kind = "server of tool" if "." in call else "tool"
            advice = "A call reads `server.tool`; servers are added with hub.serve() or hub.use()"
            raise UnknownNameError(kind, call, known, advice=advice)
        server = max(servers, key=len)
        return self._by_name[server], call[len(server) + 1 :]

    def tool(self, site: str) -> tuple[Member, ToolSpec] | None:
        """The tool that a pattern names outright, as most do; `None` for one that names others, or none."""
        server, _, tool = site.rpartition(".")
        member = self._by_name.get(server)
        spec = None if member is None or member.tools is None else member.tools.get(tool)
        return None if member is None or spec is None else (member, spec)

    def may_be_called(self, pattern: str) -> bool:
        """Whether a pattern can name a call; what tools a server from outside has is not known here."""
        if self.tool(pattern) is not None:
            return True
        if any(matches(pattern, site) for site in self.sites):
            return True
        server = pattern.rpartition(".")[0]
        open_ended = [member.name for member in self if member.tools is None]
        if not server:
            return bool(open_ended)
        return server in open_ended or any(matches(pattern, f"{name}.*") for name in open_ended)
