"""How servers come into a hub: fakes, servers from outside, and cassettes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_mcpflow.answers import Desk
from pytest_mcpflow.cassette.modes import RecordMode
from pytest_mcpflow.cassette.playback import Playback
from pytest_mcpflow.effects import Effects
from pytest_mcpflow.errors import CassetteError, HubError
from pytest_mcpflow.fake import Fake
from pytest_mcpflow.hub_clock import HubClock
from pytest_mcpflow.members import Member, Members
from pytest_mcpflow.schema import contract_of
from pytest_mcpflow.vacuity import Promises
from pytest_mcpflow.ways import Era, Way

if TYPE_CHECKING:
    from pytest_mcpflow.cassette.live import Target
    from pytest_mcpflow.cassette.redaction import Rule
    from pytest_mcpflow.cassette.turns import Turns
    from pytest_mcpflow.served import CassetteSource, Source

__all__ = ["Intake"]

F = TypeVar("F", bound=Fake)
LEAVE = "let calls be left with Playback(allow_unused=True)"


@dataclass(eq=False, kw_only=True)
class Intake:
    """Takes servers into a hub. What stands behind a name is made when it is needed for the first time.

    Args:
        way: How calls reach fakes.
        era: The protocol era spoken with servers that speak both.
        clock: The hub's.
        members: The servers that there are.
        desk: Who answers what servers ask.
        effects: Who is told what fakes changed.
        promises: What must be looked at when the test is over.
        record: When servers that have a cassette are recorded.
        record_timing: Whether recordings note when each message came; they do for a playback that takes as long, too.
        cassettes: The folder of relative names of cassettes.
        playback: How cassettes answer where nothing else is said.
        redaction: What is taken out of recordings besides secrets.
    """

    way: Way
    era: Era
    clock: HubClock
    members: Members
    desk: Desk
    effects: Effects
    promises: Promises
    record: RecordMode
    record_timing: bool
    cassettes: Path
    playback: Playback
    redaction: Sequence[Rule]

    def serve(self, fake: F, *, name: str | None) -> F:
        """See `Hub.serve`."""
        if not isinstance(fake, Fake):  # pyright: ignore[reportUnnecessaryIsInstance]  # users
            cure = f"; make one: {fake.__name__}()" if isinstance(fake, type) else ""
            raise HubError(f"hub.serve() takes an object of a class derived from Fake, got {fake!r}{cure}")
        contract = contract_of(fake)
        # Not of `self`: a hub in a circle of references is freed by the garbage collector only.
        known_as, way, era, ledger = name or fake.service, self.way, self.era, self.effects.note

        def source() -> Source:
            from pytest_mcpflow.served import FakeSource

            return FakeSource(fake, known_as, way=way, era=era, ledger=ledger)

        member = self.members.add(known_as, source)
        member.fake, member.tools = fake, contract.tools
        fake.clock = self.clock
        return fake

    def use(
        self,
        target: Target,
        *,
        name: str | None,
        cassette: str | Path | None,
        playback: Playback | None,
        connect_timeout: float,
        turns: Turns | None,
    ) -> None:
        """See `Hub.use`.

        Args:
            turns: Those of the test with cassettes that other tests of the run record into; `None` without such a run.
        """
        known_as = name or getattr(target, "name", None)
        if not isinstance(known_as, str):
            raise HubError(f"hub.use({target!r}) needs a name=, the first half of `server.tool` in calls")
        from pytest_mcpflow.served import refuse_outside, source_of

        way, era = self.way, self.era

        def live() -> Source:
            return source_of(target, known_as, way=way, era=era, limit=connect_timeout)

        if cassette is not None:
            path, playback = self.cassettes / cassette, playback or self.playback
            self._use_with_cassette(target, known_as, live, path, playback, turns)
            return
        if playback is not None:
            raise HubError(
                f"hub.use(name={known_as!r}, playback=...) says how a cassette answers, and names none; give it a "
                "cassette=, or leave playback= out"
            )
        if self.clock.virtual_time:
            refuse_outside(known_as, target)
        self.members.add(known_as, live)

    def replay(
        self, cassette: str | Path, *, name: str | None, era: Era | None, playback: Playback | None
    ) -> None:
        """See `Hub.replay`."""
        from pytest_mcpflow.served import CassetteSource

        path, playback = self.cassettes / cassette, playback or self.playback
        source = CassetteSource(path, name=name, era=era, playback=playback, redaction=self.redaction)
        self._play(source, None, cure=f"{LEAVE}, or record the session again")

    def _use_with_cassette(
        self,
        target: Target,
        name: str,
        live: Callable[[], Source],
        path: Path,
        playback: Playback,
        turns: Turns | None,
    ) -> None:
        from pytest_mcpflow.served import CassetteSource, StandIn, recorded_source

        record, redaction = self.record, self.redaction
        record.refuse_in_ci()
        turn = turns.take(path) if turns is not None and record.takes_turns else None
        begun = None if turn is None else turn.recorded
        recorder = None if turn is None else turn.recorded_by
        rewrites = record is RecordMode.REWRITE
        clock = self.clock.taken if self.record_timing or playback.timing else None
        if not record.replays(path) and not (rewrites and recorder):
            self.members.add(
                name,
                lambda: recorded_source(
                    live(), target, path, redaction, rewrites=rewrites, begun=begun, clock=clock
                ),
            )
            return
        if not path.exists():
            raise CassetteError(
                f"there is no cassette {path} of {name}; record it where the server can be reached: "
                "pytest --mcp-record=once"
            )
        if record is RecordMode.NEW:
            playback = replace(playback, allow_unused=True)
        source = CassetteSource(path, name=name, playback=playback, redaction=redaction)
        cure = (
            f"{LEAVE}, give each test a cassette of its own, or record it again: pytest --mcp-record=rewrite"
        )
        if turns is not None and recorder is not None:
            source.player.cure = (
                f"since {recorder} recorded {path.name} in this run and {turns.test} does something else, give each a "
                "cassette of its own, or a session each with --mcp-record=all and Playback(allow_unused=True)"
            )
            cure = f"or, {source.player.cure}"
        member = self._play(source, target, cure=cure)
        if record is RecordMode.NEW:
            recorded = recorded_source(live(), target, path, redaction, begun=begun, clock=clock)
            member.stand_in = StandIn(name, recorded, self.desk, source.player.forgive)
        elif turn is not None and turns is not None:
            turns.release(path)

    def _play(self, source: CassetteSource, target: Target | None, *, cure: str) -> Member:
        member = self.members.add(source.name, lambda: source)
        member.tape, member.target = source.player, target
        allow_unused = source.player.tape.playback.allow_unused
        self.promises.replay(source.player, allow_unused=allow_unused, cure=cure)
        return member
