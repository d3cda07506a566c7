"""A world for each fake with the tools of a real server, and values that are good for its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_mcpflow import Fake
from pytest_mcpflow.fakes.communication_hub import Channel
from pytest_mcpflow.fakes.context7 import Library, Section
from pytest_mcpflow.fakes.desktop_commander import Script
from pytest_mcpflow.fakes.docker import Dockerfile, Image, ScriptedCommand
from pytest_mcpflow.fakes.github import repository
from pytest_mcpflow.fakes.kubernetes import Deployment, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import Sample, WatchedService
from pytest_mcpflow.fakes.real.context7_mcp import Context7MCP
from pytest_mcpflow.fakes.real.desktop_commander_mcp import DesktopCommanderMCP
from pytest_mcpflow.fakes.real.github_mcp_server import GitHubMCPServer
from pytest_mcpflow.fakes.real.kubernetes_mcp_server import KubernetesMCPServer
from pytest_mcpflow.fakes.real.mcp_server_docker import MCPServerDocker
from pytest_mcpflow.fakes.real.mcp_server_git import MCPServerGit
from pytest_mcpflow.fakes.real.prometheus_mcp_server import PrometheusMCPServer
from pytest_mcpflow.fakes.real.server_filesystem import ServerFilesystem
from pytest_mcpflow.fakes.real.server_slack import ServerSlack

__all__ = ["WORLDS"]

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  template:
    spec:
      containers:
      - image: app:2
"""
Known = Mapping[str, Sequence[Any]]


def account() -> GitHubMCPServer:
    server = GitHubMCPServer(repositories={"octo/app": repository({"a.py": "one\ntwo\n"})})
    server.create_branch("octo", "app", "fix")
    server.commit_to(server.repositories["octo/app"].branches["fix"], {"a.py": "one\nTWO\n"}, "Fix")
    server.create_pull_request("octo", "app", "Fix", "fix", "main")
    return server


def cluster() -> KubernetesMCPServer:
    running = Deployment("app", "default", 2, [Revision(1, "app:1", {}, 0.0, "apply")])
    return KubernetesMCPServer(deployments={"default/app": running}, logs={"default/app": ["started"]})


def machine() -> DesktopCommanderMCP:
    files = {"a.txt": "one\ntwo\n", "d/b.txt": "x"}
    return DesktopCommanderMCP(files=files, scripts=[Script("slow", "out\n")], durations={"slow": 3.0})


def libraries() -> Context7MCP:
    return Context7MCP(libraries={"react": Library("/f/react", "ui", {"1": [Section("a", "u", "t")]})})


def workspace() -> ServerSlack:
    server = ServerSlack(channels={"ops": Channel(["ann"])})
    server.send_notification("down", ["ops"])
    return server


def engine() -> MCPServerDocker:
    server = MCPServerDocker(
        images={"app:1": Image("sha256:aaa", "app:1", 0.0)},
        commands=[ScriptedCommand("serve*", "x\n")],
        dockerfiles={"src/Dockerfile": Dockerfile()},
        registry={"redis:latest": "sha256:b"},
    )
    server.run_container("app:1", name="web")
    return server


def files() -> ServerFilesystem:
    return ServerFilesystem(files={"a.txt": "one\ntwo\n", "d/b.txt": "x"})


def git() -> MCPServerGit:
    server = MCPServerGit(files={"a.txt": "one\n"})
    server.run("git add . && git commit -m First && git push")
    server.files["a.txt"] = "two\n"
    return server


def monitoring() -> PrometheusMCPServer:
    return PrometheusMCPServer(services={"db": WatchedService("production", {"used": [Sample(0.0, 5.0)]})})


WORLDS: Mapping[str, tuple[Callable[[], Fake], Known]] = {
    "github-mcp-server": (
        account,
        {
            "owner": ["octo"],
            "repo": ["app"],
            "branch": ["main", "fix"],
            "pullNumber": [1],
            "issue_number": [1],
            "path": ["a.py"],
            "line": [1],
        },
    ),
    "kubernetes-mcp-server": (
        cluster,
        {
            "kind": ["Deployment", "Pod"],
            "apiVersion": ["apps/v1", "v1"],
            "name": ["app", "app-1-0"],
            "namespace": ["default"],
            "resource": [MANIFEST],
        },
    ),
    "desktop-commander-mcp": (
        machine,
        {
            "path": ["a.txt", "d", "."],
            "file_path": ["a.txt"],
            "old_string": ["one"],
            "command": ["slow", "ls", "echo hi > c.txt"],
            "pid": [4000],
            "source": ["a.txt"],
            "sessionId": ["search-1"],
        },
    ),
    "context7-mcp": (libraries, {"libraryName": ["react"], "libraryId": ["/f/react"]}),
    "server-slack": (
        workspace,
        {
            "channel_id": ["ops"],
            "user_id": ["ann"],
            "thread_ts": ["1767225600.000001"],
            "timestamp": ["1767225600.000001"],
        },
    ),
    "mcp-server-docker": (
        engine,
        {
            "image": ["app:1"],
            "container_id": ["web"],
            "command": ["serve"],
            "path": ["src"],
            "repository": ["redis", "app"],
            "tag": ["1", "latest"],
        },
    ),
    "server-filesystem": (
        files,
        {"path": ["a.txt", "d", ".", "n.txt"], "source": ["a.txt"], "oldText": ["one"], "pattern": ["*.txt"]},
    ),
    "mcp-server-git": (
        git,
        {
            "repo_path": ["/workspace"],
            "files": [["."], ["a.txt"]],
            "branch_name": ["fix", "main"],
            "target": ["main"],
            "revision": ["main"],
            "branch_type": ["local", "all"],
        },
    ),
    "prometheus-mcp-server": (
        monitoring,
        {"query": ["used", "up"], "start": ["1767225600"], "end": ["1767225660"], "step": ["15s"]},
    ),
}
