"""Every public name, used the way a user would. Type checkers read this file in strict mode; nothing runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, assert_never, assert_type

import pytest
from hypothesis import strategies as st
from mcp import Client, ClientSession, StdioServerParameters
from mcp.server import MCPServer
from mcp.types import ContentBlock

from pytest_mcpflow import (
    Answer,
    Answered,
    ArgumentError,
    Call,
    CallResult,
    Cancelled,
    CannotVerifyError,
    CassetteError,
    Change,
    Clock,
    Context,
    DeadlockError,
    Declined,
    DifferentArgumentsError,
    Effect,
    Elicitation,
    Era,
    ErrorStyle,
    ExhaustedError,
    ExplorationError,
    Failed,
    Fake,
    FakeDefinitionError,
    FakeError,
    Fault,
    FaultedCall,
    FaultKind,
    FaultPlan,
    FaultPlanError,
    FuzzError,
    FuzzReport,
    Hub,
    HubError,
    HubTool,
    Injected,
    Interaction,
    Latency,
    Law,
    LawBrokenError,
    LeakedError,
    ManualClock,
    MCPFlowError,
    NeverRecordedError,
    Omittable,
    Order,
    Outcome,
    OutOfOrderError,
    Pending,
    Playback,
    Question,
    Recording,
    RecordMode,
    Refused,
    ReplayTransport,
    Run,
    Sampling,
    Scenario,
    ScenarioError,
    SchemaError,
    ServerStartError,
    StateError,
    ToolError,
    ToolReport,
    Transcript,
    UnansweredQuestionError,
    UnknownNameError,
    UnusedRecordingError,
    VacuousTestError,
    VirtualTimeError,
    Way,
    Workflow,
    answered,
    assert_survives,
    invariant,
    load_state,
    mcpflow_fuzz,
    parameter_of,
    prompt,
    refused,
    resource,
    run,
    save_state,
    sent,
    tool,
)
from pytest_mcpflow.strategies import arguments, invalid_arguments, plans, worlds

# A fake


@dataclass
class Approval:
    approved: bool
    reason: str = ""


class OutOfStock(FakeError):
    """The shop's own words."""


@dataclass
class Shop(Fake):
    """Sells."""

    stock: dict[str, int] = field(default_factory=dict[str, int])

    @tool(reads=True)
    def count(self, item: str) -> int:
        """Count an item."""
        return self.stock.get(item, 0)

    @tool(destroys=True, idempotent=False)
    async def order(self, call: Call, item: str, amount: int = 1) -> dict[str, str]:
        """Order an item."""
        try:
            answer = await call.elicit(f"Order {amount} {item}?", Approval)
        except Declined as error:
            raise OutOfStock("nobody wants it") from error
        assert_type(answer, Approval)
        assert_type(await call.sample("Thank them.", max_tokens=20), str)
        await call.progress(1, total=2, message="packed")
        await call.log("ordered", level="notice")
        self.stock[item] -= amount
        self.announce(Change("resource", uri=f"shop://stock/{item}"))
        return {"id": self.new_id("order"), "receipt": self.new_hex(12), "at": self.clock.wall().isoformat()}

    @resource("shop://stock/{item}", mime_type="application/json")
    def shelf(self, item: str) -> int:
        return self.stock[item]

    @prompt()
    def sell(self, item: str) -> str:
        return f"Sell {item}."


@dataclass
class Kiosk(Shop, in_place_of=Shop):
    """The same shop, as another server."""

    structured = False

    @tool(reads=True, name="get-stock")
    def get_stock(self, item: str, unit: Omittable[str] = None) -> str:
        """Count an item."""
        assert_type(unit, str | None)
        return f"{self.stock.get(item, 0)} {unit or 'pieces'}"


assert_type(Shop.count(Shop(), "tea"), int)


def a_fake_by_itself() -> None:
    shop = Shop(stock={"tea": 1}, seed=7)
    clock = ManualClock(starts_at=datetime(2026, 3, 1, tzinfo=UTC))
    clock.advance(60)
    shop.clock = clock
    assert_type(Shop().clock, Clock)
    assert_type(shop.clock.now(), float)
    assert_type(shop.clock.wall() + timedelta(hours=1), datetime)
    assert_type(Shop.service, str)
    assert_type(Shop(error_style=ErrorStyle.SAYS_NO).style_of_errors, ErrorStyle)
    assert_type(Kiosk.over(shop), Kiosk)
    shop.withdraw("order")
    assert_type(shop.withdrawn, frozenset[str])
    shop.offer("order")


# A workflow and its tests


async def restock(hub: Hub) -> list[str]:
    result = await hub.call_tool("shop.count", {"item": "tea"}, timeout=30.0)
    assert_type(result, CallResult)
    as_mapping: Mapping[str, Any] = result
    assert_type(result.content, list[ContentBlock])
    assert_type(result.text, str)
    assert_type(result.is_error, bool)
    try:
        await hub.call_tool("shop.order", {"item": "tea"}, "night-shift")
    except ArgumentError:
        raise
    except ToolError as error:
        return [error.server, error.tool, error.message]
    return [*as_mapping]


async def test_in_a_hub(mcpflow: Hub) -> None:
    shop = mcpflow.serve(Shop())
    assert_type(shop, Shop)
    assert_type(mcpflow.serve(Shop(), name="second-shop"), Shop)
    mcpflow.use(StdioServerParameters(command="server"), name="command")
    mcpflow.use("http://localhost:8000/mcp", name="address", connect_timeout=5.0)
    mcpflow.use(MCPServer("object"))
    mcpflow.redirect("http://localhost:8000/mcp", to="object")
    mcpflow.redirect(StdioServerParameters(command="server"), to="object")
    mcpflow.replay(Path("tape.jsonl"), name="tape")
    mcpflow.answer_with(answer)
    mcpflow.answer_with(answer_later)
    context = mcpflow.create_context("night-shift")
    assert_type(context, Context)
    assert_type(context.tool_calls, Transcript)
    assert_type(mcpflow.contexts, dict[str, Context])
    assert_type(await restock(mcpflow), list[str])
    assert_type(await mcpflow.client("shop"), Client)
    assert_type(await mcpflow.list_tools(), list[HubTool])
    assert_type([each.qualified_name for each in await mcpflow.list_tools()], list[str])
    assert_type(mcpflow.servers, tuple[str, ...])
    assert_type(mcpflow.way, Way)
    assert_type(mcpflow.era, Era)


def test_that_is_not_async(mcpflow: Hub) -> None:
    assert_type(mcpflow.run(restock(mcpflow)), list[str])


@pytest.mark.mcpflow(transport="http", protocol="2025-11-25", virtual_time=False, starts_at="2026-02-03")
def test_with_options(mcpflow: Hub) -> None:
    mcpflow.verify(calls_expected=False)


async def a_hub_by_itself() -> list[str]:
    starts_at = datetime(2026, 1, 1, tzinfo=UTC)
    async with Hub(way=Way.DIRECT, era=Era.HANDSHAKE, virtual_time=True, starts_at=starts_at) as hub:
        assert_type(hub, Hub)
        return await restock(hub)


assert_type(run(a_hub_by_itself()), list[str])
assert_type(run(a_hub_by_itself(), virtual_time=False), list[str])


# What servers ask


def answer(question: Question) -> Answer:
    match question:
        case Elicitation(server=server, message=message, schema=schema):
            return {"approved": server in message, "reason": ", ".join(schema)}
        case Sampling(prompt=text, max_tokens=limit):
            return text[:limit]
        case _:
            assert_never(question)


async def answer_later(question: Question) -> Answer:
    return None


# What happened


def look_at(transcript: Transcript) -> None:
    assert_type(transcript[0], Interaction)
    assert_type(transcript[1:], Transcript)
    assert_type(transcript.calls("shop.*").effects().failures().in_context("night-shift"), Transcript)
    assert_type(transcript.by_server("shop").with_protocol(), Transcript)
    assert_type(transcript.before("shop.count", "shop.order"), Order)
    assert_type(transcript.latency(), Latency)
    assert_type(transcript.latency().p95, float)
    assert_type(transcript.counts().total(), int)
    assert_type([how_it_ended(each.outcome) for each in transcript], list[str])
    assert transcript.calls("order") == [
        sent({"item": "tea"}, to="shop.order"),
        answered({"id": "order-1"}, by="shop.order"),
        refused("nobody wants it", by="shop.order"),
    ]


def how_it_ended(outcome: Outcome) -> str:
    match outcome:
        case Answered(value=value):
            return str(value)
        case Refused(message=message) | Failed(message=message):
            return message
        case Cancelled() | Pending():
            return str(outcome)
        case _:
            assert_never(outcome)


# A scenario


@dataclass
class Restock(Scenario):
    """The tea is running out. Order more, once."""

    tags = ("shop",)
    shop: Shop = field(default_factory=Shop)

    async def workflow(self, hub: Hub) -> list[str]:
        return await restock(hub)

    def expect(self, run: Run) -> None:
        assert self.shop.stock == {"tea": 50}
        assert run.error is None
        assert_type(run.seconds, float)
        assert_type(run.calls("shop.order"), Transcript)

    @invariant
    def orders_once(self, run: Run) -> None:
        """A lost answer must not order twice."""
        assert len(run.effects("shop.order").by("item")) <= 1

    def answer(self, question: Question) -> Answer:
        return answer(question)

    def connect(self, hub: Hub) -> None:
        self.shop.on_change(print)


async def mine(hub: Hub, /) -> int:
    return len(await restock(hub))


def takes_any(workflow: Workflow, hub: Hub) -> Awaitable[object]:
    return workflow(hub)


takes_any(mine, Hub())
takes_any(restock, Hub())


# What goes wrong

ALL: tuple[type[MCPFlowError], ...] = (
    CannotVerifyError,
    CassetteError,
    DeadlockError,
    DifferentArgumentsError,
    ExhaustedError,
    ExplorationError,
    FakeDefinitionError,
    FaultPlanError,
    HubError,
    LeakedError,
    NeverRecordedError,
    OutOfOrderError,
    ScenarioError,
    ServerStartError,
    UnansweredQuestionError,
    UnknownNameError,
    UnusedRecordingError,
    VacuousTestError,
    VirtualTimeError,
)


# Calls that go wrong


@dataclass(frozen=True)
class BankHoliday(FaultKind, effect=Effect.NONE, sees="bank holiday"):
    """The bank takes no orders for some days."""

    days: float = 1

    async def happen(self, call: FaultedCall) -> dict[str, Any]:
        assert_type(call.server, str)
        assert_type(call.tool, str)
        assert_type(call.number, int)
        assert_type(call.now, float)
        assert_type(call.timeout, float | None)
        assert_type(call.fake, Fake | None)
        assert_type(call.chance("salt"), float)
        if call.chance() < 0.5:
            raise call.closed()
        call.when_given_up(lambda: call.deliver_later(self.days))
        assert_type(await call.deliver(arguments=call.arguments), dict[str, Any])
        return call.refusal("closed")


def pytest_mcpflow_faults() -> list[type[FaultKind]]:
    return [BankHoliday]


def a_plan() -> FaultPlan:
    plan = FaultPlan.parse("shop.order#1=lose_reply", seed=7)
    holiday = Fault("shop.*", BankHoliday(2), first=2, last=None, since=30, until=90, probability=0.5)
    assert_type(plan.faults, tuple[Fault, ...])
    assert_type(plan.with_fault(holiday).without(plan.faults[0]), FaultPlan)
    assert_type(str(plan), str)
    assert_type(holiday.kind, FaultKind)
    assert_type(holiday.kind.effect, Effect)
    return plan


async def goes_wrong(hub: Hub) -> None:
    hub.fail(a_plan(), must_happen=True)
    hub.fail("shop.count#*=stale")
    hub.faults.define_change("sold out", lambda: None)
    hub.faults.check()
    await hub.faults.settle(limit=60)
    assert_type(hub.is_faulted, bool)
    assert_type(hub.faults.never_happened(), list[Fault])
    assert_type(hub.transcript[0].fault, Injected | None)


@pytest.mark.mcpflow(faults="shop.order#1=refuse", faults_must_happen=True)
def test_under_a_plan(mcpflow: Hub) -> None:
    assert_type(mcpflow.seed, int)


@pytest.mark.mcpflow(like=test_under_a_plan, transport="memory", protocol="2025-11-25", seed=7)
async def test_like_another(mcpflow: Hub) -> None:
    assert callable(parameter_of(test_under_a_plan, "book", "book_hastily"))


@pytest.mark.mcp_chaos(depth=2, kinds=["refuse", "delay(60)"], runs=500, seconds=60, schedules=20)
def test_under_every_plan(mcpflow: Hub, pytestconfig: pytest.Config) -> None:
    assert_survives(
        pytestconfig,
        "trip",
        "hotel.book#1=lose_reply",
        seed=7,
        transport="memory",
        protocol="2025-11-25",
        workflow="booking:book_carefully",
        schedule=None,
    )


class Patient(Scenario):
    """Waits for its servers, and says how long."""

    depth = 2
    faults = ("refuse", "delay(60)")
    accepts = MappingProxyType({"mail.send#*=delay(60)": "nobody waits for a mail"})


# Cassettes


@dataclass
class Notes(Fake):
    """A recorded server with a state."""

    kept: list[str] = field(default_factory=list[str])

    def begin_with(self, recording: Recording) -> None:
        assert_type(recording.answer("list", list[str]), list[str])
        assert_type(recording.answers("list", {"day": 1}), list[Mapping[str, Any]])
        assert_type(recording.tools["list"].reads, bool)


def a_fake_of_a_tape(hub: Hub, tape: Path) -> None:
    notes = hub.serve(Notes.from_tape(tape, steady=["time", "docs://*"]))
    assert_type(notes, Notes)
    assert_type(notes.is_as_recorded, bool)
    assert_type(Fake.from_tape(tape), Fake)
    assert_type(Recording.read(tape).server, str)


async def a_client_of_ones_own(tape: Path) -> None:
    transport = ReplayTransport.from_tape(tape, playback=Playback(ignore=("/arguments/now",), ordered=True))
    async with transport as streams, ClientSession(*streams) as session:
        await session.initialize()
    transport.verify()


def recorded(server: StdioServerParameters, tape: Path) -> Hub:
    playback = Playback(ignore=["/arguments/now"], ordered=True, timing=True)
    hub = Hub(record=RecordMode.ONCE, playback=playback, cassettes=tape.parent, schedule=None)
    hub.use(server, name="recorded", cassette=tape.name, playback=Playback())
    hub.replay(tape, name="replayed", era=Era.HANDSHAKE)
    loose = Playback(same=lambda recorded, live: recorded["name"] == live["name"], allow_unused=True)
    hub.replay(tape, name="loose", playback=loose)
    assert_type(hub.record, RecordMode)
    assert_type(hub.playback, Playback)
    return hub


def keeps_its_promises(server: StdioServerParameters, saved: str) -> None:
    assert_type(save_state(Shop()), str)
    try:
        shop = load_state(Shop, saved)
    except StateError as error:
        raise SchemaError(str(error)) from error
    assert_type(shop, Shop)
    report = mcpflow_fuzz(shop, examples=10, steps=5, seed=1, known={"item": ["tea"]}, laws=[Law.READS])
    assert_type(report, FuzzReport)
    assert_type(report.tools["order"], ToolReport)
    assert_type(report.never_answered, tuple[str, ...])
    try:
        mcpflow_fuzz(server, tools=["read_*"], without=["read_all"], patience=30.0)
        mcpflow_fuzz("https://mcp.example.com/mcp")
        mcpflow_fuzz(Shop, replay="[]")
        mcpflow_fuzz(lambda: MCPServer("shop"))
        mcpflow_fuzz(worlds(Shop, vary=["stock"]))
    except LawBrokenError as broken:
        assert_type(broken.replay, str)
    except FuzzError:
        pass


def drawn() -> None:
    assert_type(arguments({"type": "object"}), st.SearchStrategy[dict[str, Any]])
    assert_type(invalid_arguments({"type": "object"}), st.SearchStrategy[dict[str, Any]])
    assert_type(plans(Shop(), kinds=[BankHoliday], max_faults=2), st.SearchStrategy[FaultPlan])
    assert_type(worlds(Shop(), vary=["stock"]), st.SearchStrategy[Shop])


def unknown(error: UnknownNameError) -> None:
    assert_type(error.asked, str)
    assert_type(error.known, tuple[str, ...])
