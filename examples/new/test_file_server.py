"""The fake of file server answers as filesystem.jsonl does."""

from __future__ import annotations

from pytest_mcpflow import Hub

from file_server import FileServer


async def test_it_offers_the_recorded_tools(mcpflow: Hub) -> None:
    mcpflow.serve(FileServer())

    offered = await mcpflow.list_tools()

    assert [tool.name for tool in offered] == [
        "read_file",
        "read_text_file",
        "read_media_file",
        "read_multiple_files",
        "write_file",
        "edit_file",
        "create_directory",
        "list_directory",
        "list_directory_with_sizes",
        "directory_tree",
        "move_file",
        "search_files",
        "get_file_info",
        "list_allowed_directories",
    ]


async def test_read_text_file_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(FileServer())

    result = await mcpflow.call_tool("file-server.read_text_file", {"path": "note.txt"})

    assert result["content"] == "remember the milk\n"


async def test_write_file_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(FileServer())

    result = await mcpflow.call_tool(
        "file-server.write_file",
        {"content": "remember the milk\n", "path": "note.txt"},
    )

    assert result["content"] == "Successfully wrote to note.txt"


async def test_list_directory_answers_as_recorded(mcpflow: Hub) -> None:
    mcpflow.serve(FileServer())

    result = await mcpflow.call_tool("file-server.list_directory", {"path": "."})

    assert result["content"] == "[FILE] note.txt"
