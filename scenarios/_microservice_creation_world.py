"""The world of `microservice-creation`, and what follows in it from what a workflow does."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import Droplet, DropletExecutor, Release
from pytest_mcpflow.fakes.github import GitHub, repository
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.scenarios._microservice_workflow import REPOSITORY, SECRETS, SERVICE, VERSION
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import SECRET, receive

__all__ = ["EmptyDesktop"]


def _desktop() -> DesktopCommander:
    needs = {"src/application/send.ts": "2 ** attempt", "test/send.test.ts": "test("}
    compose = {"docker-compose.yml": "rabbitmq:", "Dockerfile": "FROM "}
    return DesktopCommander(
        files={".env": f"SECRET={SECRET}\n"},
        scripts=[
            Script("npm test", stdout="Tests: 26 passed", requires=needs),
            Script("docker compose config --quiet", requires=compose),
        ],
    )


def _droplets() -> DropletExecutor:
    release = Release(requires=tuple(SECRETS), error_rate_when_unset=1.0)
    return DropletExecutor(releases={SERVICE: {VERSION: release}})


@dataclass
class EmptyDesktop(Guarded):
    """A desktop without files, an account without droplets, and a hosting whose `shop/api` is none of our business."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: GitHub(repositories={"shop/api": repository()}))
    droplets: DropletExecutor = field(default_factory=_droplets)
    monitoring: PrometheusMonitoring = field(default_factory=PrometheusMonitoring)

    def connect(self, hub: Hub) -> None:
        def push(_: Interaction) -> None:
            if REPOSITORY in self.hosting.repositories:
                receive(hub, self.desktop, self.hosting.repositories[REPOSITORY])

        def watch(_: Interaction) -> None:
            """Prometheus finds its targets by itself."""
            running = any(SERVICE in host.services for host in self.droplets.hosts.values())
            self.monitoring.services = {SERVICE: WatchedService("staging")} if running else {}

        hub.on_effect("desktop-commander.execute_command", push)
        hub.on_effect("droplet-executor.*", watch)

    def running(self) -> list[tuple[str, Droplet]]:
        """The droplets that cost money, by id."""
        return [each for each in self.droplets.droplets.items() if each[1].destroyed_at is None]
