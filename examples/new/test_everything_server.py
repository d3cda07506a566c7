"""The fake of everything server answers as everything.jsonl does."""

from __future__ import annotations

from pytest_mcpflow import Hub

from everything_server import EverythingServer


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == [
        "echo",
        "get-annotated-message",
        "get-env",
        "get-resource-links",
        "get-resource-reference",
        "get-structured-content",
        "get-sum",
        "get-tiny-image",
        "gzip-file-as-resource",
        "toggle-simulated-logging",
        "toggle-subscriber-updates",
        "trigger-long-running-operation",
        "trigger-elicitation-request",
        "trigger-url-elicitation",
        "trigger-sampling-request",
        "simulate-research-query",
    ]


async def test_echo_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    result = await mcpflow.call_tool("everything-server.echo", {"message": "hello"})

    assert result.text == "Echo: hello"


async def test_get_sum_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    result = await mcpflow.call_tool("everything-server.get-sum", {"a": 2, "b": 40})

    assert result.text == "The sum of 2 and 40 is 42."


async def test_trigger_long_running_operation_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    result = await mcpflow.call_tool(
        "everything-server.trigger-long-running-operation",
        {"duration": 0.4, "steps": 4},
    )

    expected = "Long running operation completed. Duration: 0.4 seconds, Steps: 4."
    assert result.text == expected


async def test_trigger_elicitation_request_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    result = await mcpflow.call_tool(
        "everything-server.trigger-elicitation-request",
        {},
    )

    expected = (
        "✅ User provided the requested information!\n"
        "User inputs:\n"
        "- Name: Ada\n"
        "\n"
        "Raw result: {\n"
        '  "action": "accept",\n'
        '  "content": {\n'
        '    "name": "Ada"\n'
        "  }\n"
        "}"
    )
    assert result.text == expected


async def test_trigger_sampling_request_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(EverythingServer())

    result = await mcpflow.call_tool(
        "everything-server.trigger-sampling-request",
        {"prompt": "tea"},
    )

    expected = (
        "LLM sampling result: \n"
        "{\n"
        '  "model": "pytest-mcpflow",\n'
        '  "role": "assistant",\n'
        '  "content": {\n'
        '    "type": "text",\n'
        '    "text": "a poem"\n'
        "  }\n"
        "}"
    )
    assert result.text == expected
