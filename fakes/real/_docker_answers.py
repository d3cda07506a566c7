"""What the tools of `pytest_mcpflow.fakes.real.mcp_server_docker` take and answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Built",
    "ContainerFilters",
    "ContainerShown",
    "Details",
    "Done",
    "ImageFilters",
    "ImageShown",
    "Labels",
    "LogLines",
]

Labels = list[str] | dict[str, Any]


@dataclass
class ContainerFilters:
    label: list[str] | None = None


@dataclass
class ImageFilters:
    dangling: bool | None = None
    label: list[str] | None = None


@dataclass
class Details:
    """What a container was made with, besides its image and its command."""

    name: str
    labels: dict[str, str] = field(default_factory=dict[str, str])
    environment: dict[str, Any] = field(default_factory=dict[str, Any])
    ports: dict[str, Any] = field(default_factory=dict[str, Any])
    auto_remove: bool = False


@dataclass
class ImageShown:
    id: str
    tags: list[str]
    short_id: str
    labels: dict[str, str]
    repo_tags: list[str]
    created: str


@dataclass
class ContainerShown:
    id: str
    name: str
    short_id: str
    image: ImageShown | None
    status: Literal["created", "running", "exited", "removed"]
    labels: dict[str, str]
    ports: dict[str, Any]


@dataclass
class LogLines:
    logs: list[str]


@dataclass
class Done:
    """`status` says what was done to what."""

    status: str
    repository: str = ""
    tag: str | None = None
    image: str = ""


@dataclass
class Built:
    image: ImageShown
    logs: list[str]
