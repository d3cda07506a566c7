"""What no message can carry: said with cause and cure, in the transcript once, and the rest of the run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from pytest_mcpflow import ArgumentError, Fake, Hub, HubError, Way, run, tool


@dataclass
class Shop(Fake):
    """A shop."""

    @tool(reads=True)
    def look(self, item: str = "tea") -> str:
        """Look."""
        return item


CYCLE: dict[str, Any] = {}
CYCLE["item"] = CYCLE

IMPOSSIBLE = {
    "a list": (["tea"], r"go by the names of parameters, \{'name': value\}, got \['tea'\]"),
    "a text": ("tea", "got 'tea'"),
    "an object": ({"item": object()}, r"not JSON \(.*object"),
    "a circle": ({"item": CYCLE}, r"not JSON \(.*[Cc]ircular"),
}


@pytest.mark.parametrize("way", [Way.DIRECT, Way.MEMORY, Way.STDIO])
@pytest.mark.parametrize(("arguments", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_arguments_that_no_message_can_carry_are_refused(way: Way, arguments: object, said: str) -> None:
    async def main() -> None:
        async with Hub(way=way) as hub:
            hub.serve(Shop())
            with pytest.raises(ArgumentError, match=f"shop.look: Invalid arguments for look: .*{said}"):
                await hub.call_tool("shop.look", cast("dict[str, Any]", arguments))
            assert (await hub.call_tool("shop.look"))["result"] == "tea"
            assert [each.ok for each in hub.transcript] == [False, True]
            assert "Invalid arguments for look" in str(hub.transcript)

    run(main())


def test_a_call_names_its_tool_in_words() -> None:
    async def main() -> None:
        async with Hub() as hub:
            hub.serve(Shop())
            with pytest.raises(HubError, match=r"as 'server\.tool', got None"):
                await hub.call_tool(cast("str", None))

    run(main())


def test_only_an_object_of_a_fake_is_served() -> None:
    with pytest.raises(HubError, match=r"derived from Fake, got <class '.*Shop'>; make one: Shop\(\)$"):
        Hub().serve(cast("Shop", Shop))
    with pytest.raises(HubError, match=r"derived from Fake, got 42$"):
        Hub().serve(cast("Shop", 42))


def test_an_impossible_call_ends_its_test_and_not_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_mcpflow.fakes.docker import Docker

        async def test_a_list(mcpflow):
            mcpflow.serve(Docker())
            await mcpflow.call_tool("docker.docker_ps", ["all"])

        def test_another(): ...
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:asyncio", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E  *docker.docker_ps: Invalid arguments for docker_ps: *got ?'all'?"])
