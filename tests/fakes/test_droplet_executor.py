"""The droplet executor: hosts, commands, logs, droplets, and its contract."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import pytest
from pydantic import TypeAdapter

from pytest_mcpflow.clock import EPOCH, ManualClock
from pytest_mcpflow.fake import Call, Declined, FakeError, LogLevel
from pytest_mcpflow.fakes.droplet_executor import (
    Approval,
    CommandResult,
    Database,
    Deployment,
    DropletExecutor,
    Host,
    LogLine,
    Order,
    Release,
    Service,
    Snapshot,
    TransactionLog,
)
from pytest_mcpflow.schema import RawResult, contract_of, invoke

T = TypeVar("T")


class Person(Call):
    """Someone who answers every question the same way and remembers the questions."""

    def __init__(
        self, answer: Approval | None = None, *, meanwhile: Callable[[], object] | None = None
    ) -> None:
        self.answer, self.meanwhile = answer, meanwhile
        self.questions: list[str] = []

    async def progress(self, done: float, *, total: float | None = None, message: str | None = None) -> None:
        raise AssertionError(f"no progress is expected: {done} of {total}, {message}")

    async def log(self, message: str, *, level: LogLevel = "info") -> None:
        raise AssertionError(f"no log message is expected: {level} {message}")

    async def elicit(self, question: str, answer: type[T]) -> T:
        assert answer is Approval
        self.questions.append(question)
        if self.meanwhile is not None:
            self.meanwhile()
        if self.answer is None:
            raise Declined("the user declined")
        return cast("T", self.answer)

    async def sample(self, prompt: str, *, max_tokens: int = 1000) -> str:
        raise AssertionError(f"no sampling is expected: {prompt} ({max_tokens})")


def leaking() -> DropletExecutor:
    """195 of 200 connections, 106 of them leaked by two services; a fixed version is on staging."""
    production = Host(
        services={
            "api": Service("2.4.0", database="shop", connections=20, replicas=2, leaked=70),
            "admin": Service("1.0.0", database="shop", connections=29, leaked=36),
            "reports": Service("3.1.0", database="shop", connections=20),
        },
        databases={"shop": Database(max_connections=200, rows=850)},
    )
    production.services["api"].logs.append(
        LogLine("2026-01-01T00:00:00Z", "WARN", "healthCheck: client not released")
    )
    return DropletExecutor(
        hosts={"prod-1": production, "staging-1": Host("staging", services={"api": Service("2.4.1")})},
        releases={"api": {"2.4.0": Release(leaks_per_second=0.1), "2.4.1": Release(), "2.4.2": Release()}},
    )


def dropped() -> DropletExecutor:
    """A database dropped at 04:00 with a snapshot of 02:00 and a log with 17 of its 50 orders unreadable."""
    orders = tuple(
        Order(f"order-{n}", (EPOCH + timedelta(hours=2, minutes=1 + 2 * n)).isoformat(), n >= 17)
        for n in range(50)
    )
    shop = Database(
        exists=False,
        dropped_at="2026-01-01T04:00:00Z",
        snapshots={
            "snap-0100": Snapshot("2026-01-01T01:00:00Z", 700),
            "snap-0200": Snapshot("2026-01-01T02:00:00Z", 800),
        },
        logs={"wal-0200": TransactionLog("2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z", orders)},
    )
    services = {
        name: Service("1.0.0", database="shop", connections=5) for name in ("api", "admin", "reports")
    }
    hosts = DropletExecutor(hosts={"prod-1": Host(services=services, databases={"shop": shop})})
    hosts.clock = ManualClock(EPOCH + timedelta(hours=4, minutes=5))
    return hosts


def restored() -> DropletExecutor:
    hosts = dropped()
    hosts.create_database("prod-1", "shop-2")
    advance(hosts, 60)
    hosts.restore_snapshot("snap-0200", "shop-2")
    return hosts


def advance(hosts: DropletExecutor, seconds: float) -> None:
    clock = hosts.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds)


def deploy(
    hosts: DropletExecutor,
    host: str,
    service: str,
    version: str,
    *,
    call: Call | None = None,
    skip_staging: bool = False,
    blue_green: bool = False,
    idempotency_key: str | None = None,
) -> Deployment:
    return asyncio.run(
        hosts.deploy(
            host,
            service,
            version,
            call=call or Person(),
            skip_staging=skip_staging,
            strategy="blue-green" if blue_green else "rolling",
            idempotency_key=idempotency_key,
        )
    )


def ask(hosts: DropletExecutor, name: str, call: Call | None = None, /, **arguments: object) -> RawResult:
    return asyncio.run(invoke(hosts, contract_of(DropletExecutor).tools[name], arguments, call or Person()))


def refused(hosts: DropletExecutor, words: str, action: Callable[[], object]) -> None:
    """The action is refused in these words and changes nothing."""
    before = copy.deepcopy(hosts)
    with pytest.raises(FakeError, match=words):
        action()
    assert hosts == before


# Hosts


def test_hosts_are_listed_with_what_runs_on_them() -> None:
    production, staging = leaking().list_hosts()
    assert (production.environment, production.services) == ("production", ["admin", "api", "reports"])
    assert (staging.environment, staging.databases) == ("staging", [])


@pytest.mark.parametrize(
    ("host", "words"),
    [("nowhere", "Could not resolve hostname nowhere"), ("prod-1", "ssh: connect to host prod-1 port 22")],
)
def test_an_unreachable_host_refuses_everything(host: str, words: str) -> None:
    hosts = leaking()
    hosts.hosts["prod-1"].reachable = False
    for action in (
        lambda: hosts.check_health(host),
        lambda: hosts.run_command(host, "uptime"),
        lambda: hosts.restart_service(host, "api"),
        lambda: hosts.set_feature_flag(host, "x", True),
    ):
        refused(hosts, words, action)


def test_an_unknown_service_is_refused_in_the_words_of_systemd() -> None:
    hosts = leaking()
    refused(
        hosts, r"Unit nope\.service could not be found\.", lambda: hosts.restart_service("prod-1", "nope")
    )


def test_commands_answer_as_scripted_and_are_logged() -> None:
    hosts = leaking()
    hosts.hosts["prod-1"].commands["./smoke.sh"] = CommandResult("1 failed", exit_code=1)
    output = hosts.run_command("prod-1", "./smoke.sh")
    assert (output.success, output.stdout, output.exit_code) == (False, "1 failed", 1)
    assert [run.command for run in hosts.hosts["prod-1"].command_log] == ["./smoke.sh"]


@pytest.mark.parametrize(
    ("command", "exit_code", "says"),
    [
        ("systemctl status api", 0, "Active: active"),
        ("systemctl is-active reports.service", 0, "active"),
        ("systemctl status nope", 4, "Unit nope.service could not be found."),
        ("frobnicate --all", 127, "frobnicate: command not found"),
    ],
)
def test_commands_that_are_not_scripted_answer_like_a_shell(command: str, exit_code: int, says: str) -> None:
    output = leaking().run_command("prod-1", command)
    assert output.exit_code == exit_code
    assert says in output.stdout + output.stderr


def test_a_restart_by_systemctl_counts_too() -> None:
    hosts = leaking()
    hosts.run_command("prod-1", "systemctl restart api")
    assert hosts.hosts["prod-1"].services["api"].restarts == 1


def test_logs_are_cut_to_the_newest_lines_and_a_time() -> None:
    hosts = leaking()
    advance(hosts, 60)
    hosts.restart_service("prod-1", "api")
    assert len(hosts.get_logs("prod-1", "api").lines) == 2
    for cut in (
        hosts.get_logs("prod-1", "api", lines=1),
        hosts.get_logs("prod-1", "api", since="2026-01-01T00:00:30Z"),
    ):
        assert [line.message for line in cut.lines] == ["started version 2.4.0"]
    refused(hosts, "Failed to parse timestamp: soon", lambda: hosts.get_logs("prod-1", "api", since="soon"))
    refused(hosts, "Failed to parse lines: 0", lambda: hosts.get_logs("prod-1", "api", lines=0))


def test_feature_flags_are_kept_per_host() -> None:
    hosts = leaking()
    hosts.set_feature_flag("prod-1", "read-only", True)
    assert hosts.hosts["prod-1"].flags == {"read-only": True}


# Droplets


def test_a_droplet_boots_and_costs_until_it_is_destroyed() -> None:
    hosts = DropletExecutor()
    created = hosts.create_droplet("web-1", size="s-2vcpu-4gb")
    assert created.status == "new"
    refused(hosts, "Connection refused", lambda: hosts.check_health("web-1"))
    advance(hosts, 3600)
    assert hosts.check_health("web-1").healthy
    assert hosts.list_droplets()[0].cost_dollars == 0.03571
    hosts.destroy_droplet(created.droplet_id)
    advance(hosts, 3600)
    (droplet,) = hosts.list_droplets()
    assert (droplet.status, droplet.cost_dollars) == ("archive", 0.03571)
    assert hosts.list_hosts() == []


def test_the_same_droplet_created_twice_is_two_droplets() -> None:
    hosts = DropletExecutor()
    first, second = hosts.create_droplet("web-1"), hosts.create_droplet("web-1")
    assert first.droplet_id != second.droplet_id
    hosts.destroy_droplet(first.droplet_id)
    refused(hosts, "404 The resource you requested", lambda: hosts.destroy_droplet(first.droplet_id))
    assert [each.name for each in hosts.list_hosts()] == ["web-1"]


def test_impossible_droplets_are_refused() -> None:
    hosts = DropletExecutor()
    refused(hosts, "422 You specified an invalid size", lambda: hosts.create_droplet("x", size="huge"))
    refused(hosts, "422 You specified an invalid region", lambda: hosts.create_droplet("x", region="moon"))
    refused(hosts, "404 The resource you requested", lambda: hosts.destroy_droplet("droplet-9"))


# Contract


def test_the_world_survives_a_round_trip_through_json() -> None:
    hosts = restored()
    deploy_to = Host("staging")
    hosts.hosts["staging-1"] = deploy_to
    hosts.releases["api"] = {"1.1.0": Release(requires=("TOKEN",))}
    deploy(hosts, "staging-1", "api", "1.1.0")
    hosts.replay_transaction_log("wal-0200", "shop-2")
    adapter = TypeAdapter(DropletExecutor)
    assert adapter.validate_json(adapter.dump_json(hosts)) == hosts


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("restart_service", {"host": "prod-1", "servise": "api"}, "servise: unknown argument"),
        ("set_connection_pool", {"database": "shop", "size": "300"}, "size: "),
        ("switch_live_colour", {"host": "prod-1", "service": "api", "colour": "red"}, "colour: "),
        ("set_connection_pool", {"database": "nope", "size": 3}, 'database "nope" does not exist'),
    ],
)
def test_wrong_arguments_are_refused_at_the_door(tool: str, arguments: dict[str, object], words: str) -> None:
    hosts = leaking()
    before = copy.deepcopy(hosts)
    answer = ask(hosts, tool, **arguments)
    assert answer["isError"]
    assert words in answer["content"][0]["text"]
    assert hosts == before


def test_every_reading_tool_leaves_the_state_alone_at_any_time() -> None:
    hosts = restored()
    hosts.set_backup_interval("shop-2", 5)
    hosts.upload_file("prod-1", "/etc/motd", "hello")
    advance(hosts, 1000)
    before = copy.deepcopy(hosts)
    values = {"host": "prod-1", "service": "api", "database": "shop-2", "path": "/etc/motd"}
    tools = [spec for spec in contract_of(DropletExecutor).tools.values() if spec.mark.reads]
    assert len(tools) == 15
    for spec in tools:
        needed = cast("list[str]", spec.parameters.json_schema.get("required", []))
        assert not ask(hosts, spec.name, **{name: values[name] for name in needed})["isError"]
    assert hosts == before
