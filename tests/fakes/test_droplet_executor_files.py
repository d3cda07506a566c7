"""The droplet executor: files on hosts, and what a firewall lets in."""

from __future__ import annotations

import copy

import pytest

from pytest_mcpflow import FakeError
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Host


def test_an_uploaded_file_can_be_read_and_is_replaced_whole() -> None:
    droplets = DropletExecutor(hosts={"web-1": Host()})

    droplets.upload_file("web-1", "/etc/motd", "a long greeting")
    upload = droplets.upload_file("web-1", "/etc/motd", "h\u00e9llo")

    assert (upload.success, upload.bytes_written) == (True, 6)
    assert droplets.read_remote_file("web-1", "/etc/motd") == "h\u00e9llo"


@pytest.mark.parametrize("path", ["motd", "/etc/"])
def test_what_is_no_path_of_a_file_is_refused_and_nothing_changes(path: str) -> None:
    droplets = DropletExecutor(hosts={"web-1": Host()})
    before = copy.deepcopy(droplets)

    with pytest.raises(FakeError, match="No such file or directory"):
        droplets.upload_file("web-1", path, "")
    with pytest.raises(FakeError, match="No such file or directory"):
        droplets.read_remote_file("web-1", path)

    assert droplets == before


def test_a_firewall_lets_in_what_it_was_told() -> None:
    droplets = DropletExecutor(hosts={"web-1": Host()})

    firewall = droplets.set_firewall("web-1", [443, 22, 443])

    assert firewall.inbound_ports == droplets.hosts["web-1"].open_ports == [22, 443]


@pytest.mark.parametrize(("host", "ports", "words"), [("web-1", [22, 0], "422"), ("web-2", [22], "404")])
def test_a_firewall_that_makes_no_sense_is_refused(host: str, ports: list[int], words: str) -> None:
    droplets = DropletExecutor(hosts={"web-1": Host()})

    with pytest.raises(FakeError, match=words):
        droplets.set_firewall(host, ports)

    assert droplets.hosts["web-1"].open_ports is None


def test_a_firewall_without_ssh_locks_everybody_out_until_it_is_changed() -> None:
    droplets = DropletExecutor(hosts={"web-1": Host()})
    droplets.set_firewall("web-1", [443])

    with pytest.raises(FakeError, match="port 22: Connection timed out"):
        droplets.check_health("web-1")
    droplets.set_firewall("web-1", [22, 443])

    assert droplets.check_health("web-1").healthy
