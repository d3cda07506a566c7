"""A fake Docker engine: images are built from scripted Dockerfiles, containers run scripted commands."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Build", "Container", "Docker", "Dockerfile", "Image", "ScriptedCommand"]

_REFERENCE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:\w[\w.-]{0,127})?",
    re.ASCII,
)


@dataclass
class Dockerfile:
    """What building a Dockerfile does: its steps, and the one that fails, if any."""

    steps: list[str] = field(default_factory=lambda: ["FROM python:3.12-slim", "COPY . /app"])
    fails_at: str | None = None
    error: str = ""


@dataclass
class ScriptedCommand:
    """What a command does in a container; `pattern` may have `*`."""

    pattern: str
    output: str = ""
    exit_code: int = 0


@dataclass
class Image:
    id: str
    tag: str
    built_at: float


@dataclass
class Container:
    id: str
    image: str
    command: str
    status: Literal["created", "running", "exited"]
    exit_code: int | None = None
    logs: str = ""


@dataclass
class Build:
    """`success` is false where a step failed; then there is no image."""

    success: bool
    image: str | None
    image_id: str | None
    log: str
    exit_code: int


@dataclass
class Run:
    success: bool
    container_id: str
    exit_code: int
    logs: str


@dataclass
class Containers:
    success: bool
    containers: list[Container]


@dataclass
class Docker(Fake):
    """One engine."""

    service_error = "Error response from daemon: Internal Server Error"
    dockerfiles: dict[str, Dockerfile] = field(default_factory=dict[str, Dockerfile])
    images: dict[str, Image] = field(default_factory=dict[str, Image])
    containers: list[Container] = field(default_factory=list[Container])
    commands: list[ScriptedCommand] = field(default_factory=list[ScriptedCommand])
    registry: dict[str, str] = field(default_factory=dict[str, str])
    """Pushed tags and their image ids."""
    stops: list[float] = field(default_factory=list[float])
    """When the daemon stops (seconds on the fake's clock)."""
    starts: list[float] = field(default_factory=list[float])
    """When it starts again."""

    @tool(idempotent=False)
    def docker_build(self, dockerfile_path: str, image_tag: str) -> Build:
        """Build an image and tag it; an image that had the tag loses it."""
        self._reach()
        if not _REFERENCE.fullmatch(image_tag):
            raise FakeError(f'invalid argument "{image_tag}" for "-t, --tag" flag: invalid reference format')
        if dockerfile_path not in self.dockerfiles:
            raise FakeError(
                f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat {dockerfile_path}: "
                "no such file or directory"
            )
        dockerfile = self.dockerfiles[dockerfile_path]
        log: list[str] = []
        for number, step in enumerate(dockerfile.steps, 1):
            log.append(f"Step {number}/{len(dockerfile.steps)} : {step}")
            if step == dockerfile.fails_at:
                log.append(f"The command {step!r} returned a non-zero code: {dockerfile.error}")
                return Build(False, None, None, "\n".join(log), 1)
        image = Image(f"sha256:{self.new_hex(64, kind='image')}", image_tag, self.clock.now())
        self.images[self._known_as(image_tag) or image_tag] = image
        return Build(True, image_tag, image.id, "\n".join([*log, f"Successfully tagged {image_tag}"]), 0)

    @tool(idempotent=False)
    def docker_run(
        self, image: str, command: str = "", volumes: list[str] | None = None, detach: bool = False
    ) -> Run:
        """Run a command in a new container, and wait for it unless detached."""
        self._reach()
        if self._known_as(image) is None:
            raise FakeError(
                f"Unable to find image '{image}' locally; pull access denied for {image.partition(':')[0]}"
            )
        for volume in volumes or []:
            if not 1 <= volume.count(":") + 1 <= 3 or "" in volume.split(":"):
                raise FakeError(f"invalid volume specification: '{volume}'")
        script = next((each for each in self.commands if fnmatch.fnmatchcase(command, each.pattern)), None)
        if script is None and command:
            raise FakeError(f'exec: "{command.split()[0]}": executable file not found in $PATH')
        container = Container(self.new_hex(12, kind="container"), image, command, "running")
        if script is not None and not detach:
            container.status, container.exit_code, container.logs = "exited", script.exit_code, script.output
        self.containers.append(container)
        return Run(not container.exit_code, container.id, container.exit_code or 0, container.logs)

    @tool(reads=True)
    def docker_ps(self, all: bool = False) -> Containers:  # noqa: A002 - the tool's name for it
        """List running containers, or all of them."""
        self._reach()
        return Containers(True, [each for each in self.containers if all or each.status == "running"])

    @tool(idempotent=True)
    def docker_stop(self, container_id: str) -> str:
        """Stop a container."""
        self._reach()
        container = self._container(container_id)
        if container.status == "running":
            container.status, container.exit_code = "exited", 143
        return container_id

    @tool(destroys=True, idempotent=False)
    def docker_rm(self, container_id: str, force: bool = False) -> str:
        """Remove a container."""
        self._reach()
        container = self._container(container_id)
        if container.status == "running" and not force:
            raise FakeError(
                f"cannot remove container {container_id!r}: container is running: stop the container before "
                "removing or force remove"
            )
        self.containers.remove(container)
        return container_id

    @tool(destroys=True, idempotent=False)
    def docker_rmi(self, image: str) -> str:
        """Remove an image that no container uses."""
        self._reach()
        known = self._known_as(image)
        if known is None:
            raise FakeError(f"No such image: {image}")
        if used := [each.id for each in self.containers if _with_tag(each.image) == _with_tag(image)]:
            raise FakeError(
                f"conflict: unable to remove repository reference {image!r} - container {used[0]} is using it"
            )
        del self.images[known]
        return f"Untagged: {image}"

    @tool(reads=True)
    def docker_logs(self, container_id: str) -> str:
        """What a container wrote."""
        self._reach()
        return self._container(container_id).logs

    @tool(idempotent=True)
    def docker_push(self, image: str) -> str:
        """Push an image to the registry."""
        self._reach()
        known = self._known_as(image)
        if known is None:
            raise FakeError(f"An image does not exist locally with the tag: {image}")
        self.registry[known] = self.images[known].id
        return self.images[known].id

    @property
    def is_up(self) -> bool:
        """Whether the daemon runs."""
        now = self.clock.now()
        stopped = max((at for at in self.stops if at <= now), default=float("-inf"))
        return max((at for at in self.starts if at <= now), default=float("-inf")) >= stopped

    def restart(self, *, after: float = 0.0) -> None:
        """Stop the daemon now, and start it again `after` seconds; for tests and effects of other services."""
        now = self.clock.now()
        self.stops.append(now)
        self.starts = [*(at for at in self.starts if at <= now), now + after]

    def _reach(self) -> None:
        if not self.is_up:
            raise FakeError(
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
            )

    def _known_as(self, image: str) -> str | None:
        """The reference under which there is an image."""
        return next((each for each in self.images if _with_tag(each) == _with_tag(image)), None)

    def _container(self, container_id: str) -> Container:
        for container in self.containers:
            if container.id == container_id:
                return container
        raise FakeError(f"No such container: {container_id}")


def _with_tag(image: str) -> str:
    """The same reference with the tag that it has where it names none."""
    is_tagged = ":" in image.rpartition("/")[2] or "@" in image
    return image if is_tagged else f"{image}:latest"
