"""The hub: one way to call, the same outcome on every way and in both eras, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tenacity
from mcp import MCPError
from mcp.server import MCPServer
from mcp.types import TextResourceContents

from pytest_mcpflow import (
    Answer,
    ArgumentError,
    Call,
    CallResult,
    Change,
    Elicitation,
    Era,
    Failed,
    Fake,
    FakeDefinitionError,
    FakeError,
    Hub,
    HubError,
    Question,
    Refused,
    ToolError,
    UnansweredQuestionError,
    UnknownNameError,
    VacuousTestError,
    VirtualTimeError,
    Way,
    prompt,
    resource,
    run,
    tool,
)
from pytest_mcpflow.transcript import Interaction

PAIRS = [
    (Way.DIRECT, Era.STATELESS),
    *((way, era) for way in (Way.MEMORY, Way.STDIO, Way.HTTP) for era in Era),
]
every_way = pytest.mark.parametrize(("way", "era"), PAIRS, ids=[f"{way}-{era}" for way, era in PAIRS])
through_a_client = pytest.mark.parametrize(
    ("way", "era"), PAIRS[1:], ids=[f"{way}-{era}" for way, era in PAIRS[1:]]
)


@dataclass
class Approval:
    approve: bool
    reason: str = ""


@dataclass
class Bank(Fake):
    """Keeps money."""

    balance: int = 100
    log: list[str] = field(default_factory=list[str])

    @tool(idempotent=False)
    def deposit(self, amount: int) -> int:
        """Put money in and return the balance."""
        if amount <= 0:
            raise FakeError(f"cannot deposit {amount}")
        self.balance += amount
        return self.balance

    @tool(reads=True)
    def look(self) -> dict[str, int]:
        """Say how much there is."""
        return {"balance": self.balance}

    @tool()
    def crash(self) -> int:
        """Be broken."""
        return [1][self.balance]

    @tool()
    async def transfer(self, amount: int, call: Call) -> str:
        """Move money, if a person approves and the model agrees."""
        await call.progress(1, total=2, message="asking")
        approval = await call.elicit(f"Transfer {amount}?", Approval)
        if not approval.approve:
            raise FakeError("not approved")
        advice = await call.sample("Is that wise?")
        self.balance -= amount
        await call.progress(2, total=2)
        return f"{approval.reason}, {advice}"

    @tool()
    async def careless(self, call: Call) -> str:
        """Change state before asking."""
        self.balance = 0
        await call.elicit("Was that right?", Approval)
        return "done"

    @tool(reads=True)
    async def slow(self, seconds: float) -> str:
        """Answer late."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        return "at last"

    @resource("bank://balance")
    def balance_sheet(self) -> str:
        """The balance."""
        return f"{self.balance}"

    @resource("bank://balance/{currency}")
    def in_currency(self, currency: str) -> str:
        """The balance in a currency."""
        return f"{self.balance} {currency}"

    @prompt()
    def dunning(self, debtor: str) -> str:
        """A letter."""
        return f"Dear {debtor}, please pay."


def agree(question: Question) -> Answer:
    return {"approve": True, "reason": "fine"} if isinstance(question, Elicitation) else "yes"


def within(way: Way, era: Era, body: Callable[[Hub, Bank], Awaitable[Any]]) -> list[Interaction]:
    """Run a body with a bank; what it did, with resources and prompts."""

    async def main() -> list[Interaction]:
        async with Hub(way=way, era=era, virtual_time=True) as hub:
            bank = hub.serve(Bank())
            hub.answer_with(agree)
            await body(hub, bank)
            return list(hub.transcript)

    return run(main())


async def a_bit_of_everything(hub: Hub, bank: Bank) -> None:
    assert (await hub.call_tool("bank.deposit", {"amount": 5}, "ctx"))["result"] == 105
    assert await hub.call_tool("bank.look") == {"balance": 105}
    for name, arguments, expected in (
        ("bank.deposit", {"amount": -1}, ToolError),
        ("bank.deposit", {"amount": "5", "mount": 1}, ArgumentError),
        ("bank.crash", {}, IndexError),
        ("bank.depositt", {}, UnknownNameError),
    ):
        with pytest.raises(expected):
            await hub.call_tool(name, arguments)
    result = await hub.call_tool("bank.transfer", {"amount": 50})
    assert result.text == "fine, yes"
    with pytest.raises(MCPError, match="timed out"):
        await hub.call_tool("bank.slow", {"seconds": 60}, timeout=30)
    await asyncio.gather(*(hub.call_tool("bank.deposit", {"amount": 1}) for _ in range(5)))
    assert bank.balance == 60


def test_a_hub_says_what_it_reaches_and_how() -> None:
    hub = Hub(way=Way.DIRECT)
    assert repr(hub) == "<Hub over direct: no servers>"

    hub.serve(Bank())

    assert repr(hub) == "<Hub over direct: bank>"


@every_way
def test_every_way_leaves_the_same_transcript(way: Way, era: Era) -> None:
    assert within(way, era, a_bit_of_everything) == within(Way.DIRECT, Era.STATELESS, a_bit_of_everything)


@every_way
def test_effects_are_what_changed_the_world(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        with pytest.raises(ToolError):
            await hub.call_tool("bank.deposit", {"amount": 0})
        await hub.call_tool("bank.deposit", {"amount": 1})
        await hub.call_tool("bank.look")

    assert [each.effect for each in within(way, era, body)] == [False, True, False]


@every_way
def test_an_effect_is_told_before_the_answer_arrives(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        seen: list[object] = []
        hub.on_effect("bank.*", lambda interaction: seen.append((interaction.name, interaction.until)))
        await hub.call_tool("bank.look")
        await hub.call_tool("bank.deposit", {"amount": 1})
        assert seen == [("deposit", None)]

    within(way, era, body)


@every_way
def test_progress_arrives_in_order_and_once(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        reports: list[tuple[float, float | None, str | None]] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            reports.append((progress, total, message))

        await hub.call_tool("bank.transfer", {"amount": 1}, on_progress=note)
        assert reports == [(1, 2, "asking"), (2, 2, None)]

    within(way, era, body)


@every_way
def test_questions_and_answers_are_in_the_transcript(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        await hub.call_tool("bank.transfer", {"amount": 1})

    [transfer] = within(way, era, body)
    assert [(asked.question, asked.answer) for asked in transfer.asked] == [
        ("Transfer 1?", {"approve": True, "reason": "fine"}),
        ("Is that wise?", "yes"),
    ]


@every_way
def test_a_question_belongs_to_its_call_though_another_server_was_called_before(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        await hub.call_tool("bank.look", {})
        hub.serve(Bank(), name="other")
        await hub.call_tool("other.transfer", {"amount": 1})

    assert [len(each.asked) for each in within(way, era, body)] == [0, 2]


@every_way
def test_a_declined_question_refuses_and_changes_nothing(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        hub.answer_with(lambda _: None)
        with pytest.raises(ToolError, match="declined"):
            await hub.call_tool("bank.transfer", {"amount": 1})
        assert bank.balance == 100

    [transfer] = within(way, era, body)
    assert isinstance(transfer.outcome, Refused)


@every_way
def test_an_answer_that_does_not_fit_is_told_field_by_field(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        hub.answer_with(lambda _: {"reason": "why not"})
        with pytest.raises(ToolError) as refusal:
            await hub.call_tool("bank.transfer", {"amount": 1})
        assert str(refusal.value) == "bank.transfer: The answer does not fit the question: approve: required"
        assert bank.balance == 100

    within(way, era, body)


@every_way
def test_a_question_that_nobody_answers_is_an_error_of_its_own(way: Way, era: Era) -> None:
    async def main() -> None:
        async with Hub(way=way, era=era) as hub:
            hub.serve(Bank())
            with pytest.raises(UnansweredQuestionError, match=r"Transfer 1\?.*hub\.answer_with"):
                await hub.call_tool("bank.transfer", {"amount": 1})
            [transfer] = hub.transcript
            assert isinstance(transfer.outcome, Failed)
            assert transfer.outcome.code is None  # it did not come from the server, on none of the ways

    run(main())


@every_way
def test_an_answer_of_the_wrong_kind_is_an_error_of_its_own(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        hub.answer_with(lambda _: "a text")
        with pytest.raises(HubError, match="an answer is a mapping of fields"):
            await hub.call_tool("bank.transfer", {"amount": 1})

    within(way, era, body)


@every_way
def test_a_fake_that_changes_state_before_asking_is_told_so(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        with pytest.raises(FakeDefinitionError, match="ask first"):
            await hub.call_tool("bank.careless")

    within(way, era, body)


@every_way
def test_a_cancelled_call_is_cancelled_at_the_fake(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        call = asyncio.ensure_future(hub.call_tool("bank.slow", {"seconds": 60}))
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.wait([call])
        await asyncio.sleep(1)
        assert bank.log == ["cancelled"]

    [call] = within(way, era, body)
    assert (str(call.outcome), call.until) == ("cancelled", 1)


@every_way
def test_concurrent_calls_get_their_own_answers(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        results = await asyncio.gather(*(hub.call_tool("bank.deposit", {"amount": 1}) for _ in range(50)))
        assert sorted(result["result"] for result in results) == list(range(101, 151))

    assert len(within(way, era, body)) == 50


@every_way
def test_a_fakes_crash_fails_the_test_even_if_the_workflow_goes_on(way: Way, era: Era) -> None:
    async def main() -> Hub:
        async with Hub(way=way, era=era) as hub:
            hub.serve(Bank())
            with pytest.raises(IndexError):
                await hub.call_tool("bank.crash")
        return hub

    with pytest.raises(HubError, match=r"the fake behind bank\.crash crashed \(IndexError"):
        run(main()).verify()


@every_way
def test_withdrawn_tools_are_unknown_to_clients(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        bank.withdraw("look")
        with pytest.raises(MCPError, match="Unknown tool: look"):
            await hub.call_tool("bank.look")
        assert "bank.look" not in [each.qualified_name for each in await hub.list_tools()]
        bank.offer("look")
        assert await hub.call_tool("bank.look") == {"balance": 100}

    within(way, era, body)


@through_a_client
def test_a_client_is_a_real_one_and_is_recorded(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        client = await hub.client("bank")
        assert client.protocol_version == era
        sheet = (await client.read_resource("bank://balance/EUR")).contents[0]
        assert isinstance(sheet, TextResourceContents)
        assert sheet.text == "100 EUR"
        letter = await client.get_prompt("dunning", {"debtor": "Ada"})
        assert letter.messages[0].content.model_dump()["text"] == "Dear Ada, please pay."
        with pytest.raises(MCPError, match="bank://nothing"):
            await client.read_resource("bank://nothing")
        assert (await client.session.call_tool("deposit", {"amount": -1})).is_error

    recorded = within(way, era, body)
    assert [each.method for each in recorded] == [
        "resources/read",
        "prompts/get",
        "resources/read",
        "tools/call",
    ]
    assert isinstance(recorded[-1].outcome, Refused)


@through_a_client
def test_tools_say_what_they_promise(way: Way, era: Era) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        tools = {each.name: each for each in (await (await hub.client("bank")).list_tools()).tools}
        assert tools["deposit"].input_schema["properties"]["amount"]["type"] == "integer"
        assert tools["deposit"].input_schema["additionalProperties"] is False
        hints = tools["look"].annotations
        assert hints is not None
        assert (hints.read_only_hint, hints.destructive_hint) == (True, False)
        assert "call" not in tools["transfer"].input_schema["properties"]

    within(way, era, body)


@pytest.mark.parametrize("way", [Way.MEMORY, Way.STDIO, Way.HTTP])
def test_clients_of_2026_hear_of_changes_they_listen_for(way: Way) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        client = await hub.client("bank")
        async with client.listen(tools_list_changed=True) as changes:
            bank.withdraw("look")
            async with asyncio.timeout(5):
                async for change in changes:
                    assert type(change).__name__ == "ToolsListChanged"
                    break

    within(way, Era.STATELESS, body)


@pytest.mark.parametrize("way", [Way.MEMORY, Way.STDIO, Way.HTTP])
def test_clients_hear_of_a_resource_that_they_subscribed_to(way: Way) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        client = await hub.client("bank")
        async with client.listen(resource_subscriptions=["bank://balance"]) as changes:
            bank.announce(Change("resource", uri="bank://balance/eur"))
            bank.announce(Change("resource", uri="bank://balance"))
            async with asyncio.timeout(5):
                assert str(await anext(aiter(changes))) == "ResourceUpdated(uri='bank://balance')"

    within(way, Era.STATELESS, body)


def test_unknown_names_list_the_nearest() -> None:
    async def main() -> None:
        async with Hub() as hub:
            hub.serve(Bank())
            with pytest.raises(
                UnknownNameError, match=r"unknown tool 'bank\.depozit'.*nearest: bank\.deposit"
            ):
                await hub.call_tool("bank.depozit")
            with pytest.raises(
                UnknownNameError, match=r"unknown server of tool 'bnk\.deposit'.*bank\.deposit"
            ):
                await hub.call_tool("bnk.deposit")
            with pytest.raises(UnknownNameError, match="unknown tool 'deposit'"):
                await hub.call_tool("deposit")
            with pytest.raises(UnknownNameError, match="unknown server 'bnk'; there is: bank"):
                await hub.client("bnk")
            with pytest.raises(UnknownNameError, match="depositt"):
                hub.transcript.calls("bank.depositt")

    run(main())


def test_two_servers_of_one_name_are_refused_with_the_cure() -> None:
    hub = Hub()
    hub.serve(Bank())
    with pytest.raises(HubError, match="name='bank-2'"):
        hub.serve(Bank())
    hub.serve(Bank(), name="bank-2")
    assert hub.servers == ("bank", "bank-2")


def test_contexts_are_kept_apart_and_cleaned_up() -> None:
    async def main() -> None:
        async with Hub() as hub:
            hub.serve(Bank())
            mine, other = hub.create_context("mine"), hub.create_context()
            with pytest.raises(HubError, match="'mine' already"):
                hub.create_context("mine")
            await hub.call_tool("bank.look", {}, mine.id)
            await hub.call_tool("bank.look", {}, other.id)
            await hub.call_tool("bank.look", {}, "never opened")
            assert [len(mine.tool_calls), len(other.tool_calls)] == [1, 1]
            del hub.contexts[mine.id]
            assert list(hub.contexts) == [other.id]

    run(main())


def test_workflow_code_written_against_a_manager_runs_unchanged() -> None:
    async def audit(mcp_manager: Any, context_id: str) -> dict[str, Any]:
        collected: dict[str, Any] = {}
        call: Any = mcp_manager.call_tool
        pending: list[Awaitable[dict[str, Any]]] = [
            call("bank.look", {}, context_id),
            call("bank.deposit", {"amount": 1}, context_id),
        ]
        look, deposit = await asyncio.gather(*pending)
        collected.update(look)
        if not deposit.get("success", False):
            collected["missing"] = "success" not in deposit
        try:
            await mcp_manager.call_tool("bank.deposit", {"amount": -1}, context_id)
        except Exception as error:
            collected["error"] = str(error)
        return collected

    async def main() -> dict[str, Any]:
        async with Hub() as hub:
            hub.serve(Bank())
            context = hub.create_context("audit")
            try:
                return await audit(hub, context.id)
            finally:
                if context.id in hub.contexts:
                    del hub.contexts[context.id]

    assert run(main()) == {"balance": 100, "missing": True, "error": "bank.deposit: cannot deposit -1"}


def test_results_read_like_dicts_and_say_what_they_lack() -> None:
    result = CallResult({"content": [{"type": "text", "text": '{"a": 1}'}], "isError": False})
    assert (dict(result), result.get("b", 2), result.is_error) == ({"a": 1}, 2, False)
    with pytest.raises(KeyError, match="'b'; the answer has: a"):
        _ = result["b"]
    assert CallResult({"content": [{"type": "text", "text": "{prose"}]})["result"] == "{prose"
    assert result.content[0].model_dump()["text"] == '{"a": 1}'


def test_a_server_object_of_the_sdk_is_used_in_virtual_time() -> None:
    server = MCPServer("clock", log_level="WARNING")

    @server.tool()
    async def wait(seconds: float) -> str:
        """Wait."""
        await asyncio.sleep(seconds)
        return "waited"

    async def main() -> float:
        async with Hub(virtual_time=True) as hub:
            hub.use(server)
            assert (await hub.call_tool("clock.wait", {"seconds": 3600}))["result"] == "waited"
            return hub.clock.now()

    assert run(main()) == 3600


def test_a_server_from_outside_needs_real_time_and_a_name() -> None:
    with pytest.raises(VirtualTimeError, match="virtual_time=False"):
        Hub(virtual_time=True).use("http://127.0.0.1:9/mcp", name="far")
    with pytest.raises(HubError, match="needs a name="):
        Hub().use("http://127.0.0.1:9/mcp")


def test_a_hub_says_when_its_time_is_not_what_was_asked_for() -> None:
    async def main() -> None:
        async with Hub(virtual_time=True):
            pass

    with pytest.raises(VirtualTimeError, match="asks for virtual time"):
        asyncio.run(main())


def test_calls_that_were_never_awaited_are_told() -> None:
    hub = Hub()
    hub.serve(Bank())
    _ = hub.call_tool("bank.look")
    with pytest.raises(VacuousTestError, match=r"never awaited, so never sent: bank\.look"):
        hub.verify()


def test_servers_that_nobody_called_are_told() -> None:
    hub = Hub()
    hub.serve(Bank())
    with pytest.raises(VacuousTestError, match="no server was called"):
        hub.verify()
    hub.verify(calls_expected=False)


def test_plain_tests_run_workflows_one_after_the_other() -> None:
    hub = Hub(virtual_time=True)
    bank = hub.serve(Bank())

    async def save() -> None:
        await asyncio.sleep(60)
        await hub.call_tool("bank.deposit", {"amount": 1})

    hub.run(save())
    hub.run(save())

    assert (bank.balance, hub.clock.now()) == (102, 120)


def open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    return {os.readlink(each) for each in folder.iterdir() if each.is_symlink() and os.path.lexists(each)}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@every_way
@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_nothing_is_left_behind(way: Way, era: Era, error: type[BaseException] | None) -> None:
    async def body(hub: Hub, bank: Bank) -> None:
        await hub.call_tool("bank.look")
        if error is not None:
            raise error

    def sockets() -> set[str]:
        gc.collect()
        return {name for name in open_files() if "socket" in name or "pipe" in name}

    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before, had = sockets(), children.read_text()
    if error is None:
        within(way, era, body)
    else:
        with pytest.raises(error):
            within(way, era, body)
    assert sockets() <= before
    assert children.read_text() == had


def test_a_new_context_has_a_name_that_no_open_one_has() -> None:
    hub = Hub()
    first, second = hub.create_context(), hub.create_context()
    del hub.contexts[first.id]

    assert hub.create_context().id != second.id


@pytest.mark.filterwarnings("ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("is_coroutine_function", [inspect.iscoroutinefunction, asyncio.iscoroutinefunction])
def test_call_tool_is_a_coroutine_function_to_whoever_asks(
    is_coroutine_function: Callable[..., bool],
) -> None:
    hub = Hub()

    assert is_coroutine_function(hub.call_tool)
    assert is_coroutine_function(partial(hub.call_tool, "bank.look"))
    assert [*inspect.signature(hub.call_tool).parameters][:2] == ["name", "arguments"]
    assert (inspect.getdoc(hub.call_tool) or "").startswith("Call `server.tool`")


def test_tenacity_can_be_given_call_tool_itself() -> None:
    tries = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(1), reraise=True
    )

    async def main() -> tuple[Any, float]:
        async with Hub(way=Way.DIRECT, virtual_time=True) as hub:
            hub.serve(Bank())
            hub.fail("bank.look#1-2=refuse")
            answer: CallResult = await tries(hub.call_tool, "bank.look", timeout=5)
            return answer["balance"], hub.clock.now()

    assert run(main()) == (100, 2.0)
