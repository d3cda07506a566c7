"""mcp-server-docker over the fake engine: what it shows, and how it keeps the engine's words to itself."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import CallResult, Hub, ToolError, Way, run
from pytest_mcpflow.fakes.docker import Docker, Dockerfile, Image, ScriptedCommand
from pytest_mcpflow.fakes.real.mcp_server_docker import MCPServerDocker


def engine() -> MCPServerDocker:
    return MCPServerDocker(
        images={"app:1": Image("sha256:aaa", "app:1", 0.0)},
        dockerfiles={
            "src/Dockerfile": Dockerfile(),
            "bad/Dockerfile": Dockerfile(["FROM x", "RUN false"], "RUN false", "1"),
        },
        commands=[ScriptedCommand("serve *", "listening\n")],
        registry={"redis:7": "sha256:bbb"},
    )


def ask(server: Docker, tool: str, **arguments: Any) -> CallResult:
    async def asked() -> CallResult:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="docker")
            return await hub.call_tool(f"docker.{tool}", arguments)

    return run(asked())


def refused(server: MCPServerDocker, tool: str, **arguments: Any) -> str:
    """What the engine said; the client heard only that the tool failed, and the state is as before."""
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        ask(server, tool, **arguments)
    assert error.value.message == f"Error executing tool {tool}"
    assert server == before
    return server.refusals[-1]


def test_a_container_runs_with_its_name_labels_and_ports() -> None:
    server = engine()
    made = ask(
        server, "run_container", image="app:1", name="web", labels={"tier": "front"}, ports={"80/tcp": 8080}
    )
    listed = ask(server, "list_containers", filters={"label": ["tier=front"]})["result"]

    assert (made["name"], made["status"], made["image"]["tags"]) == ("web", "running", ["app:1"])
    assert [each["id"] for each in listed] == [made["id"]]
    assert listed[0]["ports"] == {"80/tcp": 8080}
    assert ask(server, "list_containers", filters={"label": ["tier=back"]})["result"] == []


def test_a_container_that_was_only_created_does_not_run() -> None:
    server = engine()
    made = ask(server, "create_container", image="app:1", name="job", labels=["batch"])
    shown = ask(server, "list_containers")["result"], ask(server, "list_containers", all=True)["result"]
    started = ask(server, "start_container", container_id="job")

    assert (made["status"], shown[0], shown[1][0]["status"]) == ("created", [], "created")
    assert (started["status"], started["labels"]) == ("running", {"batch": ""})


def test_a_port_that_is_taken_is_found_out_when_a_container_starts() -> None:
    server = engine()
    ask(server, "run_container", image="app:1", name="web", ports={"80/tcp": 8080})
    made = ask(server, "create_container", image="app:1", name="job", ports={"80/tcp": 8080})

    assert made["status"] == "created"
    assert refused(server, "start_container", container_id="job") == (
        "Bind for 0.0.0.0:8080 failed: port is already allocated"
    )
    ask(server, "stop_container", container_id="web")
    assert ask(server, "start_container", container_id="job")["status"] == "running"


def test_a_container_is_replaced_by_one_of_the_same_name() -> None:
    server = engine()
    old = ask(server, "run_container", image="app:1", name="web", ports={"80/tcp": 80})
    new = ask(
        server, "recreate_container", image="app:1", name="web", command="serve all", ports={"80/tcp": 80}
    )

    assert old["id"] != new["id"]
    assert [(each.id, each.command) for each in server.containers] == [(new["id"], "serve all")]


def test_a_container_that_is_to_be_removed_is_gone_when_it_stops() -> None:
    server = engine()
    ask(server, "run_container", image="app:1", name="web", auto_remove=True)

    assert ask(server, "stop_container", container_id="web")["status"] == "exited"
    assert (server.containers, server.details) == ([], {})


def test_a_stopped_container_is_removed() -> None:
    server = engine()
    made = ask(server, "run_container", image="app:1")
    running = refused(server, "remove_container", container_id=made["id"])
    ask(server, "stop_container", container_id=made["name"])

    assert "container is running" in running
    assert ask(server, "remove_container", container_id=made["id"])["status"] == "removed"
    assert server.containers == []


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("run_container", {"image": "nope"}, "Unable to find image 'nope' locally"),
        ("run_container", {"image": "app:1", "command": "mine"}, 'exec: "mine": executable file not found'),
        (
            "run_container",
            {"image": "app:1", "name": "taken"},
            'The container name "/taken" is already in use',
        ),
        ("run_container", {"image": "app:1", "ports": {"81/tcp": 80}}, "port is already allocated"),
        ("run_container", {"image": "app:1", "network": "blue"}, "network blue not found"),
        ("recreate_container", {"image": "nope", "name": "taken"}, "No such image: nope"),
        ("create_container", {"image": "app:1", "name": "taken"}, "is already in use by container"),
        (
            "recreate_container",
            {"image": "app:1", "name": "taken", "command": "mine"},
            "executable file not found",
        ),
        ("stop_container", {"container_id": "nope"}, "No such container: nope"),
        ("fetch_container_logs", {"container_id": "nope"}, "No such container: nope"),
        ("pull_image", {"repository": "private"}, "pull access denied for private"),
        ("push_image", {"repository": "nope"}, "An image does not exist locally"),
        ("build_image", {"path": "bad", "tag": "bad"}, "returned a non-zero code"),
        ("build_image", {"path": "nowhere", "tag": "x"}, "no such file or directory"),
        ("remove_image", {"image": "app:1"}, "is using it"),
    ],
)
def test_the_client_does_not_hear_why_the_engine_refused(
    tool: str, arguments: dict[str, Any], words: str
) -> None:
    server = engine()
    ask(server, "run_container", image="app:1", name="taken", ports={"80/tcp": 80})

    assert words in refused(server, tool, **arguments)


def test_images_are_built_pushed_pulled_and_removed() -> None:
    server = engine()
    built = ask(server, "build_image", path="src", tag="web")
    ask(server, "push_image", repository="web")
    pulled = ask(server, "pull_image", repository="redis", tag="7")
    ask(server, "remove_image", image="web:latest")

    assert built["image"]["tags"] == ["web:latest"]
    assert server.registry["web:latest"] == built["image"]["id"]
    assert (pulled["id"], [*server.images]) == ("sha256:bbb", ["app:1", "redis:7"])
    assert [each["tags"] for each in ask(server, "list_images", name="redis")["result"]] == [["redis:7"]]


def test_logs_come_line_by_line() -> None:
    server = engine()
    made = ask(server, "run_container", image="app:1", name="web")
    server.containers[0].logs = "one\ntwo\nthree"

    assert ask(server, "fetch_container_logs", container_id="web", tail=2)["logs"] == ["two", "three"]
    assert ask(server, "fetch_container_logs", container_id=made["id"], tail="all")["logs"] == [
        "one",
        "two",
        "three",
    ]


def test_nothing_works_while_the_daemon_is_down() -> None:
    server = engine()
    server.stops.append(0.0)
    server.starts.append(-1.0)

    assert "Cannot connect to the Docker daemon" in refused(server, "list_containers")


def test_both_sets_of_tools_work_on_one_engine() -> None:
    documents = Docker(images={"app:1": Image("sha256:aaa", "app:1", 0.0)})
    real = MCPServerDocker.over(documents)
    made = ask(real, "run_container", image="app:1")

    assert [each["id"] for each in ask(documents, "docker_ps")["containers"]] == [made["id"]]
