"""`mcpflow serve`: a fake or a cassette for clients that know nothing of pytest."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from tapes import called, opened, write

SERVE = [sys.executable, "-m", "pytest_mcpflow", "serve"]


async def tools(client: Client) -> set[str]:
    async with client:
        return {tool.name for tool in (await client.list_tools()).tools}


def test_a_fake_speaks_stdio() -> None:
    command = StdioServerParameters(command=SERVE[0], args=[*SERVE[1:], "utility"])

    assert asyncio.run(tools(Client(stdio_client(command)))) == {"echo", "get_weather"}


@pytest.mark.parametrize("name", ["Shop", "full"])
def test_a_fake_of_ones_own_is_served_by_its_place(name: str, tmp_path: Path) -> None:
    """A class with nothing in it, or whatever a function has put into it."""
    shop = (ROOT / "examples" / "own_fake" / "shop.py").read_text(encoding="utf-8")
    full = '\n\ndef full() -> Shop:\n    return Shop(stock={"tea": 3})\n'
    (tmp_path / "shop.py").write_text(shop + full, encoding="utf-8")
    command = StdioServerParameters(command=SERVE[0], args=[*SERVE[1:], f"shop:{name}"], cwd=tmp_path)

    async def look() -> str:
        async with Client(stdio_client(command)) as client:
            (said,) = (await client.call_tool("look", {"item": "tea"})).content
            return str(said.model_dump()["text"])

    assert asyncio.run(look()) == {"Shop": "0", "full": "3"}[name]


def test_a_fake_speaks_http_and_ends_on_ctrl_c() -> None:
    server = subprocess.Popen([*SERVE, "utility", "--http", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server:
        url = server.stdout.readline().strip()
        assert asyncio.run(tools(Client(url))) == {"echo", "get_weather"}
        server.send_signal(signal.SIGINT)

    assert server.returncode == 0


def test_a_fake_says_no_as_it_is_told_to() -> None:
    async def ask(style: str) -> tuple[bool, str]:
        command = StdioServerParameters(command=SERVE[0], args=[*SERVE[1:], "utility", "--errors", style])
        async with Client(stdio_client(command)) as client:
            result = await client.call_tool("get_weather", {"city": "Paris"})
        (said,) = result.content
        return bool(result.is_error), said.model_dump()["text"]

    words = "404 Not Found: no city 'Paris' (there is: )"
    assert asyncio.run(ask("is-error")) == (True, words)
    assert asyncio.run(ask("prose")) == (False, words)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("kubernetis", "unknown fake 'kubernetis'; nearest: kubernetes"),
        ("nowhere:Shop", "no fake at 'nowhere:Shop': ModuleNotFoundError: No module named 'nowhere'"),
        (
            "pathlib:Shop",
            "no fake at 'pathlib:Shop': AttributeError: module 'pathlib' has no attribute 'Shop'",
        ),
        ("pathlib:Path", "'pathlib:Path' makes a PosixPath, which is no Fake"),
        ("nothing.jsonl", "cassette nothing.jsonl cannot be read: No such file or directory"),
        ("empty.jsonl", "cassette empty.jsonl is empty; record it again"),
    ],
)
def test_what_cannot_be_served_is_said(tmp_path: Path, what: str, said: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    done = subprocess.run([*SERVE, what], capture_output=True, text=True, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("port", ["a taken one", "99999"])
def test_a_port_that_cannot_be_listened_on_is_said(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1]) if port == "a taken one" else port
        done = subprocess.run([*SERVE, "utility", "--http", number], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mcpflow serve: cannot listen on port {number} of 127.0.0.1: ")
    assert done.stderr.endswith("; name another port, or 0 for a free one\n")


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--allow-unused"], 0)])
def test_a_cassette_that_was_not_asked_for_all_it_has_is_told(
    tmp_path: Path, options: list[str], code: int
) -> None:
    path = write(tmp_path / "t.jsonl", [*opened(), *called(1, "get", {}, "x")])
    done = subprocess.run([*SERVE, path, *options], input=b"not json\n", capture_output=True)

    assert done.returncode == code
    assert b'"code":-32700' in done.stdout
    assert (b"get() was recorded and never called" in done.stderr) == bool(code)
