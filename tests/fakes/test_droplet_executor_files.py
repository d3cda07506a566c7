"""The droplet executor: files on hosts."""

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
