"""The tools of `mcp-server-docker` (PyPI, ckreiling/mcp-server-docker) over the fake engine.

Names, arguments and answers are those of version 0.3.0. With the SDK it runs on, whatever the engine refuses
reaches the client as "Error executing tool ..." and nothing else: what was wrong stands in the server's own log,
which is `refusals` here.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes.docker import Docker, Image
from pytest_mcpflow.fakes.real._docker_answers import (
    Built,
    ContainerFilters,
    ContainerShown,
    Details,
    Done,
    ImageFilters,
    ImageShown,
    Labels,
    LogLines,
)
from pytest_mcpflow.fakes.real._docker_engine import EngineView, has_labels

__all__ = ["ContainerShown", "Details", "ImageShown", "MCPServerDocker"]


@dataclass
class MCPServerDocker(EngineView, in_place_of=Docker):
    """The engine as `mcp-server-docker` shows it."""

    service = "mcp-server-docker"
    service_error = "Error executing tool"

    @tool(reads=True)
    def list_containers(
        self,
        all: bool = False,  # noqa: A002 - the argument's name
        filters: ContainerFilters | None = None,
    ) -> list[ContainerShown]:
        """List running containers, or all."""
        with self.doing("list_containers"):
            self.docker_ps()
        wanted = (filters.label if filters else None) or []
        return [
            self.shown(each)
            for each in self.containers
            if (all or each.status == "running") and has_labels(self.details_of(each).labels, wanted)
        ]

    @tool()
    def create_container(
        self,
        image: str,
        detach: bool = True,
        name: str | None = None,
        entrypoint: str | None = None,
        command: str | None = None,
        network: str | None = None,
        environment: dict[str, Any] | None = None,
        ports: dict[str, Any] | None = None,
        volumes: dict[str, Any] | list[str] | None = None,
        labels: Labels | None = None,
        auto_remove: bool = False,
    ) -> ContainerShown:
        """Create a container that does not run yet."""
        with self.doing("create_container"):
            details = self.new_details(name, network, environment, ports, labels, auto_remove)
            return self.make(image, entrypoint, command, details, starts=False)

    @tool()
    def run_container(
        self,
        image: str,
        detach: bool = True,
        name: str | None = None,
        entrypoint: str | None = None,
        command: str | None = None,
        network: str | None = None,
        environment: dict[str, Any] | None = None,
        ports: dict[str, Any] | None = None,
        volumes: dict[str, Any] | list[str] | None = None,
        labels: Labels | None = None,
        auto_remove: bool = False,
    ) -> ContainerShown:
        """Create a container and start it."""
        with self.doing("run_container"):
            if not detach:
                raise FakeError("'bytes' object has no attribute 'attrs'")
            details = self.new_details(name, network, environment, ports, labels, auto_remove)
            self.check_ports(details.ports)
            return self.make(image, entrypoint, command, details, starts=True)

    @tool(destroys=True)
    def recreate_container(
        self,
        image: str,
        container_id: str | None = None,
        name: str | None = None,
        detach: bool = True,
        entrypoint: str | None = None,
        command: str | None = None,
        network: str | None = None,
        environment: dict[str, Any] | None = None,
        ports: dict[str, Any] | None = None,
        volumes: dict[str, Any] | list[str] | None = None,
        labels: Labels | None = None,
        auto_remove: bool = False,
    ) -> ContainerShown:
        """Stop and remove a container, and run another in its place."""
        with self.doing("recreate_container"):
            old = self.find(container_id or name or "")
            self.check_image(image, entrypoint, command)
            details = self.new_details(name, network, environment, ports, labels, auto_remove, instead_of=old)
            self.check_ports(details.ports, besides=old)
            self.forget(old)
            return self.make(image, entrypoint, command, details, starts=True)

    @tool(idempotent=True)
    def start_container(self, container_id: str) -> ContainerShown:
        """Start a container; one that runs stays as it is."""
        with self.doing("start_container"):
            container = self.find(container_id)
            self.check_ports(self.details_of(container).ports, besides=container)
            container.status, container.exit_code = "running", None
            return self.shown(container)

    @tool(idempotent=True)
    def stop_container(self, container_id: str) -> ContainerShown:
        """Stop a container; one that was to be removed with its end is gone then."""
        with self.doing("stop_container"):
            container = self.find(container_id)
            self.docker_stop(container.id)
            shown = self.shown(container)
            if self.details_of(container).auto_remove:
                self.forget(container)
            return shown

    @tool(destroys=True)
    def remove_container(self, container_id: str, force: bool = False) -> ContainerShown:
        """Remove a container."""
        with self.doing("remove_container"):
            container = self.find(container_id)
            shown = self.shown(container)
            self.docker_rm(container.id, force)
            self.details.pop(container.id, None)
            shown.status = "removed"
            return shown

    @tool(reads=True)
    def fetch_container_logs(self, container_id: str, tail: int | Literal["all"] = 100) -> LogLines:
        """Read the last lines that a container wrote."""
        with self.doing("fetch_container_logs"):
            text = self.find(container_id).logs
        lines = text.split("\n")
        return LogLines(lines if tail == "all" else lines[-tail:] if tail > 0 else [])

    @tool(reads=True)
    def list_images(
        self,
        name: str | None = None,
        all: bool = False,  # noqa: A002 - the argument's name
        filters: ImageFilters | None = None,
    ) -> list[ImageShown]:
        """List images; none of them is dangling or has labels."""
        with self.doing("list_images"):
            self.docker_ps()
        if filters is not None and (filters.dangling or filters.label):
            return []
        return [
            self.image_shown(each)
            for tag, each in self.images.items()
            if name is None or name in (tag, tag.partition(":")[0])
        ]

    @tool(idempotent=True)
    def pull_image(self, repository: str, tag: str | None = "latest") -> ImageShown:
        """Get an image that the registry has."""
        with self.doing("pull_image"):
            self.docker_ps()
            full = f"{repository}:{tag or 'latest'}"
            if full not in self.registry:
                said = "repository does not exist or may require 'docker login'"
                raise FakeError(f"pull access denied for {repository}, {said}")
            self.images.setdefault(full, Image(self.registry[full], full, self.clock.now()))
            return self.image_shown(self.images[full])

    @tool(idempotent=True)
    def push_image(self, repository: str, tag: str | None = "latest") -> Done:
        """Send an image to the registry."""
        with self.doing("push_image"):
            self.docker_push(f"{repository}:{tag or 'latest'}")
        return Done("pushed", repository, tag)

    @tool()
    def build_image(self, path: str, tag: str, dockerfile: str | None = None) -> Built:
        """Build the Dockerfile of a folder."""
        with self.doing("build_image"):
            named = tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"
            built = self.docker_build(
                posixpath.normpath(posixpath.join(path, dockerfile or "Dockerfile")), named
            )
            if not built.success:
                raise FakeError(built.log)
            return Built(self.image_shown(self.images[named]), built.log.split("\n"))

    @tool(destroys=True)
    def remove_image(self, image: str, force: bool = False) -> Done:
        """Remove an image; by force also one that containers use."""
        with self.doing("remove_image"):
            if force and image in self.images:
                del self.images[image]
            else:
                self.docker_rmi(image)
        return Done("removed", image=image)
