"""How `pytest_mcpflow.fakes.real.mcp_server_docker` looks at the engine."""

from __future__ import annotations

import fnmatch
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.docker import Container, Docker, Image
from pytest_mcpflow.fakes.real._docker_answers import ContainerShown, Details, ImageShown, Labels

__all__ = ["EngineView", "has_labels"]


@dataclass
class EngineView(Docker):
    """The engine, and what containers were made with."""

    details: dict[str, Details] = field(default_factory=dict[str, Details])
    """By container id."""
    refusals: list[str] = field(default_factory=list[str], repr=False, compare=False)
    """What the engine said, which clients do not get to hear; for tests."""

    @contextmanager
    def doing(self, name: str) -> Generator[None]:
        """Refuse as the server does, which keeps the engine's words to itself."""
        try:
            yield
        except FakeError as error:
            self.refusals.append(str(error))
            raise FakeError(f"Error executing tool {name}") from error

    def find(self, wanted: str) -> Container:
        """A container by its id or its name."""
        self.docker_ps()
        for container in self.containers:
            if wanted in (container.id, self.details_of(container).name):
                return container
        raise FakeError(f"No such container: {wanted}")

    def new_details(
        self,
        name: str | None,
        network: str | None,
        environment: dict[str, Any] | None,
        ports: dict[str, Any] | None,
        labels: Labels | None,
        auto_remove: bool,
        instead_of: Container | None = None,
    ) -> Details:
        """What a new container is made with, unless its name is taken."""
        if network is not None:
            raise FakeError(f"network {network} not found")
        for each in self.containers:
            known = self.details_of(each)
            if name is not None and known.name == name and each is not instead_of:
                said = f'The container name "/{name}" is already in use by container "{each.id}"'
                raise FakeError(f"Conflict. {said}")
        given = dict.fromkeys(labels, "") if isinstance(labels, list) else labels or {}
        texts = {key: str(value) for key, value in given.items()}
        return Details(name or "", texts, environment or {}, ports or {}, auto_remove)

    def check_ports(self, ports: dict[str, Any], *, besides: Container | None = None) -> None:
        """Refuse ports of the host that a running container has; the engine looks when a container starts."""
        for each in self.containers:
            taken = {*map(str, self.details_of(each).ports.values())} & {*map(str, ports.values())}
            if taken and each.status == "running" and each is not besides:
                raise FakeError(f"Bind for 0.0.0.0:{min(taken)} failed: port is already allocated")

    def make(
        self, image: str, entrypoint: str | None, command: str | None, details: Details, *, starts: bool
    ) -> ContainerShown:
        """Make a container, and start it if it is to start."""
        made = self.docker_run(image, " ".join(filter(None, [entrypoint, command])), detach=True)
        container = self.find(made.container_id)
        if not starts:
            container.status = "created"
        details.name = details.name or f"container-{container.id[:6]}"
        self.details[container.id] = details
        return self.shown(container)

    def forget(self, container: Container) -> None:
        """Remove a container."""
        self.containers.remove(container)
        self.details.pop(container.id, None)

    def details_of(self, container: Container) -> Details:
        """What a container was made with."""
        return self.details.get(container.id, Details(f"container-{container.id[:6]}"))

    def shown(self, container: Container) -> ContainerShown:
        """A container as clients see it."""
        details, image = self.details_of(container), self.images.get(container.image)
        shown = None if image is None else self.image_shown(image)
        return ContainerShown(
            *(container.id, details.name, container.id[:10], shown, container.status),
            labels={**details.labels},
            ports={**details.ports} if container.status == "running" else {},
        )

    def image_shown(self, image: Image) -> ImageShown:
        """An image as clients see it."""
        built = (self.clock.starts_at + timedelta(seconds=image.built_at)).isoformat()
        return ImageShown(image.id, [image.tag], image.id[:17], {}, [image.tag], built)

    def check_image(self, image: str, entrypoint: str | None, command: str | None) -> None:
        """Refuse what cannot be run, before anything is removed for it."""
        line = " ".join(filter(None, [entrypoint, command]))
        if image not in self.images:
            raise FakeError(f"No such image: {image}")
        if line and not any(fnmatch.fnmatchcase(line, each.pattern) for each in self.commands):
            raise FakeError(f'exec: "{line.split()[0]}": executable file not found in $PATH')


def has_labels(labels: dict[str, str], wanted: list[str]) -> bool:
    """Whether there are all of these labels, each wanted as `name` or `name=value`."""
    pairs = {f"{name}={value}" for name, value in labels.items()}
    return all(each in labels or each in pairs for each in wanted)
