"""The world of `microservice-creation`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Release
from pytest_mcpflow.scenarios._microservice_workflow import SECRETS, SERVICE, VERSION
from pytest_mcpflow.scenarios._worlds import SECRET

__all__ = ["desktop", "droplets"]


def desktop() -> DesktopCommander:
    needs = {"src/application/send.ts": "2 ** attempt", "test/send.test.ts": "test("}
    compose = {"docker-compose.yml": "rabbitmq:", "Dockerfile": "FROM "}
    return DesktopCommander(
        files={".env": f"SECRET={SECRET}\n"},
        scripts=[
            Script("npm test", stdout="Tests: 26 passed", requires=needs),
            Script("docker compose config --quiet", requires=compose),
        ],
    )


def droplets() -> DropletExecutor:
    release = Release(requires=tuple(SECRETS), error_rate_when_unset=1.0)
    return DropletExecutor(releases={SERVICE: {VERSION: release}})
