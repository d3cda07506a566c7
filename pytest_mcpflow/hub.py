"""The hub: the servers one workflow may use, by name. Every call passes through it.

async with Hub() as hub:
    cluster = hub.serve(Kubernetes())
    result = await hub.call_tool("kubernetes.kubectl_get", {"resource_type": "pods"})
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.calls import Calls
from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.clock import EPOCH
from pytest_mcpflow.connections import Connections
from pytest_mcpflow.context import Context, HubTool, new_context_id
from pytest_mcpflow.coroutine_function import coroutine_function
from pytest_mcpflow.direct import Directly, ProgressCallback
from pytest_mcpflow.effects import Effects
from pytest_mcpflow.errors import HubError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.hub_clock import HubClock
from pytest_mcpflow.intake import Intake
from pytest_mcpflow.journal import Journal
from pytest_mcpflow.members import Members
from pytest_mcpflow.question import Answerer
from pytest_mcpflow.result import CallResult
from pytest_mcpflow.transcript import Interaction, Transcript
from pytest_mcpflow.vacuity import Promises
from pytest_mcpflow.ways import Era, Way

if TYPE_CHECKING:
    from mcp import Client, StdioServerParameters
    from mcp.client import Transport
    from mcp.server import MCPServer, Server

    from pytest_mcpflow.cassette.live import Target
    from pytest_mcpflow.cassette.player import Player
    from pytest_mcpflow.cassette.redaction import Rule
    from pytest_mcpflow.cassette.turns import Turns
    from pytest_mcpflow.faults.injector import Injector
    from pytest_mcpflow.faults.plan import FaultPlan
    from pytest_mcpflow.redirect import Redirection

__all__ = ["Hub"]

F = TypeVar("F", bound=Fake)
T = TypeVar("T")
EXACT, HERE = Playback(), Path()


class Hub:
    """The servers one workflow may use, by name.

    Args:
        way: How calls reach the servers served here.
        era: The protocol era spoken with servers that speak both.
        virtual_time: Whether time must be virtual (`True`), must be real (`False`), or is what the loop has (`None`).
        starts_at: The calendar time at which virtual time begins.
        record: When servers that have a cassette are recorded, and when the cassette answers in their place.
        record_timing: Whether recordings note when each message came, for `Playback(timing=True)`.
        playback: How cassettes answer where nothing else is said; exactly by default.
        cassettes: The folder in which relative names of cassettes are looked for; by default the current one.
        redaction: What is taken out of recordings besides secrets.
        seed: Decides what a plan of faults leaves to chance.
        schedule: Draws the order in which ready tasks take their turns; their own if `None`.
    """

    def __init__(
        self,
        *,
        way: Way = Way.MEMORY,
        era: Era = Era.STATELESS,
        virtual_time: bool | None = None,
        starts_at: datetime = EPOCH,
        record: RecordMode = RecordMode.NONE,
        record_timing: bool = False,
        playback: Playback | None = None,
        cassettes: Path | None = None,
        redaction: Sequence[Rule] = (),
        seed: int = 0,
        schedule: int | None = None,
    ) -> None:
        self.way, self.era, self.record, self.seed, self.schedule = way, era, record, seed, schedule
        self.playback = playback or EXACT
        self.turns: Turns | None = None
        """Those of the test that the hub is made for with cassettes, where it records."""
        self.clock = HubClock(virtual_time, starts_at=starts_at)
        self.contexts: dict[str, Context] = {}
        self._members = Members()
        self._journal = Journal(self.clock)
        self._desk = Desk(self._journal)
        self._connections = Connections(self._members, self._journal, self._desk)
        self._promises = Promises()
        self._effects = Effects(self._journal)
        self._injector: Injector | None = None
        self._redirection: Redirection | None = None
        self._intake = Intake(
            way=way,
            era=era,
            clock=self.clock,
            members=self._members,
            desk=self._desk,
            effects=self._effects,
            promises=self._promises,
            record=record,
            record_timing=record_timing,
            cassettes=cassettes or HERE,
            playback=self.playback,
            redaction=tuple(redaction),
        )
        self._calls = Calls(
            way=way,
            members=self._members,
            journal=self._journal,
            promises=self._promises,
            connections=self._connections,
            directly=Directly(self._journal, self._desk, self._effects.answered, self.clock),
            clock=self.clock,
        )

    def __repr__(self) -> str:
        return f"<Hub over {self.way}: {', '.join(self.servers) or 'no servers'}>"

    # Servers in

    def serve(self, fake: F, *, name: str | None = None) -> F:
        """Add a fake and return it. Its server name is its service's unless `name` is given.

        Raises:
            HubError: There is a server of that name already.
            FakeDefinitionError: The fake's class cannot be described to a client.
        """
        return self._intake.serve(fake, name=name)

    def use(
        self,
        target: Server[Any] | MCPServer | StdioServerParameters | Transport | str,
        *,
        name: str | None = None,
        cassette: str | Path | None = None,
        playback: Playback | None = None,
        connect_timeout: float = 60.0,
    ) -> None:
        """Add a server nobody here wrote: a URL, a command to start, an SDK server object, or any transport.

        Args:
            target: The server.
            name: Its name in the hub; needed unless it is a server object, which has one.
            cassette: Where it is recorded to and replayed from, as `--mcp-record` says: by default it is replayed.
            playback: How the cassette answers, in place of what the hub's `playback` says.
            connect_timeout: Real seconds until it must have answered for the first time.

        Raises:
            HubError: There is a server of that name already, or no name.
            VirtualTimeError: It is outside of this process, has no cassette, and the hub's time is virtual.
            CassetteError: The cassette is missing or broken, or is to be recorded in CI.
        """
        self._intake.use(
            target,
            name=name,
            cassette=cassette,
            playback=playback,
            connect_timeout=connect_timeout,
            turns=self.turns,
        )

    def replay(
        self,
        cassette: str | Path,
        *,
        name: str | None = None,
        era: Era | None = None,
        playback: Playback | None = None,
    ) -> None:
        """Add a server that answers from a cassette, in process.

        A request is answered by what was recorded for the same method and parameters; each recorded tool call answers
        one. There is no approximate answer.

        Args:
            cassette: The file.
            name: The server's name in the hub, in place of what the server called itself.
            era: The protocol era to speak, in place of the one of the recording.
            playback: How it answers, in place of what the hub's `playback` says.

        Raises:
            CassetteError: The file is missing or broken.
            HubError: There is a server of that name already.
        """
        self._intake.replay(cassette, name=name, era=era, playback=playback)

    def redirect(self, target: StdioServerParameters | str, *, to: str) -> None:
        """Lead clients that code makes by itself to a server of this hub, until the hub is closed.

        It holds for `mcp.Client`, `stdio_client`, `streamable_http_client`, `sse_client`, and what is built on them, in
        this process. From here on a client that connects to anything else is refused, and fails the test.

        Args:
            target: What the code connects to: a URL, whose query counts only if it has one here, or a command with its
                arguments.
            to: The server's name in the hub.

        Raises:
            UnknownNameError: There is no server of that name.
            HubError: `target` is redirected already, or is neither a command nor a URL; or another hub redirects.
        """
        if self._redirection is None:
            from pytest_mcpflow.redirect import Redirection

            self._redirection = Redirection(self._members, self._journal, self._desk)
        self._redirection.add(target, to=to)

    def answer_with(self, answerer: Answerer) -> None:
        """Let `answerer` answer what servers ask: with fields (elicitation), text (sampling), or `None` to decline."""
        self._desk.answerer = answerer

    def on_effect(self, pattern: str, callback: Callable[[Interaction], None]) -> None:
        """Call back as soon as a call of a fake's tool has changed the world, before its answer is on its way.

        This is how an effect crosses from one service to another: fakes do not know each other.
        """
        self._effects.tell(pattern, callback)

    def fail(self, plan: FaultPlan | str, *, must_happen: bool = False) -> None:
        """Let calls go wrong from here on: `hub.fail("kubernetes.kubectl_apply#2=refuse")`.

        Args:
            plan: Which calls, and how, or in pytest the name of a plan of the ini file. A later plan adds to an earlier
                one.
            must_happen: Whether the test fails if one of its faults never happened.

        Raises:
            FaultPlanError: The text is not a plan, or it is empty. Sites that do not exist are found at the first call.
        """
        if isinstance(plan, str):
            plan = self.faults.plan(plan, seed=self.seed)
        self.faults.add(plan, self._journal.entries, must_happen=must_happen)

    @property
    def is_faulted(self) -> bool:
        """Whether anything was asked to go wrong."""
        return self._injector is not None and self._injector.has_plans

    @property
    def faults(self) -> Injector:
        """What goes wrong: changes that plans can name, what never happened, what is still on its way."""
        if self._injector is None:
            from pytest_mcpflow.faults.injector import Injector

            self._injector = self._journal.faults = Injector(self.clock, self._members, self.way)
        return self._injector

    @property
    def recorded(self) -> list[tuple[Player, Target]]:
        """The cassettes that answer in place of a server, with that server."""
        return [(each.tape, each.target) for each in self._members if each.tape and each.target is not None]

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of the servers, in the order in which they were added."""
        return self._members.names

    # Calls out

    @coroutine_function
    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context_id: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> Coroutine[Any, Any, CallResult]:
        """Call `server.tool` and return its answer, which reads like a dict.

        Args:
            name: Server and tool, `kubernetes.kubectl_apply`.
            arguments: By parameter name, JSON values.
            context_id: The context the call belongs to.
            timeout: Seconds to wait for the answer; for ever by default.
            on_progress: Is told of the server's progress reports.

        Raises:
            UnknownNameError: There is no such server, or its fake has no such tool.
            ToolError: The tool refused (`is_error`).
            MCPError: The protocol, the connection or the time limit failed.
            ServerStartError: The server could not be reached.
            CassetteError: The server is a recording that has no answer to this call.
        """
        return self._promises.track(
            name, self._calls.call(name, arguments or {}, context_id, timeout, on_progress)
        )

    async def client(self, name: str) -> Client:
        """The connected client of one server, a real `mcp.Client`. The hub closes it.

        Raises:
            UnknownNameError: There is no such server.
            ServerStartError: The server could not be reached.
        """
        self._members.get(name)
        self.clock.start()
        return await self._connections.client(name)

    async def list_tools(self) -> list[HubTool]:
        """The tools of all servers, as each server lists them."""
        found: list[HubTool] = []
        for name in self.servers:
            listed = await (await self.client(name)).list_tools()
            found += [
                HubTool(name, tool.name, tool.description or "", tool.input_schema, tool.output_schema)
                for tool in listed.tools
            ]
        return found

    def create_context(self, context_id: str | None = None) -> Context:
        """Open a context; calls join it by its id. Delete it from `contexts` when it is over.

        Raises:
            HubError: There is an open context of that id.
        """
        known_as = context_id or new_context_id(self.contexts)
        if known_as in self.contexts:
            raise HubError(f"there is a context {known_as!r} already; delete it from hub.contexts first")
        self.contexts[known_as] = context = Context(known_as, lambda: self.transcript)
        return context

    @property
    def transcript(self) -> Transcript:
        """What happened so far."""
        entries = [each if each.is_settled else each.freeze() for each in self._journal.entries]
        return Transcript(entries, is_known=self._members.may_be_called, known=self._members.sites)

    # Life

    async def __aenter__(self) -> Self:
        self.clock.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave every client, the last one connected first; servers can be connected again afterwards."""
        if self._redirection is not None:
            self._redirection.close()
        if self._injector is not None:
            await self._injector.close()
        try:
            errors = await self._connections.close()
        finally:
            if self.turns is not None:
                self.turns.release_all()
        self.clock.stop()
        if self._injector is not None:
            self._injector.forget()
        for server, error in errors:
            if self._injector is None or server not in self._injector.spoilt:
                raise error

    def run(self, workflow: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from a test that is not async, in virtual time unless the hub's is real."""
        from pytest_mcpflow.running import run_with

        return run_with(self, workflow)

    def verify(self, *, calls_expected: bool = True) -> None:
        """Fail a test that passed without having checked anything.

        Raises:
            VacuousTestError: A call was never awaited, or servers were given and none was called.
            HubError: A fake crashed, or a client went where nothing is redirected, even where the workflow went on.
            CassetteError: A recording was asked for what it does not have, or not for what it has.
        """
        if self._injector is not None:
            self._injector.verify()
        if self._redirection is not None:
            self._redirection.verify()
        self._promises.verify(self._journal.entries, self.servers, calls_expected=calls_expected)
