"""The droplet executor: hosts, commands, logs, droplets, and its contract."""

from __future__ import annotations

import copy
from typing import cast

import pytest
from droplet_hosts import advance, ask, deploy, leaking, refused, restored
from pydantic import TypeAdapter

from pytest_mcpflow.fakes.droplet_executor import (
    CommandResult,
    DropletExecutor,
    Host,
    Release,
)
from pytest_mcpflow.schema import contract_of

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
