"""What the delivery pipeline works on, and the gates it has to pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile, ScriptedCommand
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage, Version
from pytest_mcpflow.fakes.security_scanner import SecurityScanner
from pytest_mcpflow.scenarios._full_cicd_pipeline_workflow import BACKUP_KEY, COMMANDS, IMAGE

__all__ = ["GATES", "builder", "cluster", "desktop", "monitoring", "scanner", "storage"]

YESTERDAY = -86_400.0


def _command(name: str) -> Mapping[str, Any]:
    return {"command": COMMANDS[name]}


GATES: tuple[tuple[str, Mapping[str, Any], Callable[[Mapping[str, Any]], bool]], ...] = (
    ("security-scanner.bandit_scan", {"path": "src/"}, lambda found: not found["results"] + found["errors"]),
    (
        "security-scanner.npm_audit",
        {"package_json_path": "package.json"},
        lambda found: found["exit_code"] == 0,
    ),
    ("desktop-commander.execute_command", _command("black"), lambda ran: ran["exit_code"] == 0),
    ("desktop-commander.execute_command", _command("mypy"), lambda ran: ran["exit_code"] == 0),
    ("docker.docker_build", {"image_tag": IMAGE}, lambda built: built["exit_code"] == 0),
    ("docker.docker_run", {"image": IMAGE}, lambda ran: ran["exit_code"] == 0),
    ("security-scanner.container_scan", {"image": IMAGE}, lambda scan: not scan["vulnerabilities"]),
    ("desktop-commander.execute_command", _command("integration tests"), lambda ran: ran["exit_code"] == 0),
)
"""What must have been asked with which arguments, and what a good answer is."""


def scanner() -> SecurityScanner:
    """A scanner that finds nothing, and knows no image before one is built."""
    takes = {"bandit_scan": 20.0, "npm_audit": 10.0, "container_scan": 30.0}
    return SecurityScanner(dependencies={"package.json": []}, takes=takes)


def desktop() -> DesktopCommander:
    """A desktop on which all checks pass; the last script waits for the pods in production."""
    says = {
        "black": "12 files would be left unchanged.",
        "mypy": "Success: no issues found in 12 source files",
        "integration tests": "8 passed",
        "pods": "pod/app condition met",
    }
    scripts = [Script(COMMANDS[name], f"{words}\n") for name, words in says.items()]
    return DesktopCommander(scripts=scripts, takes={"execute_command": 5.0})


def cluster() -> Kubernetes:
    """A cluster that runs the release before in both environments."""
    replicas = {"staging": 1, "production": 3}
    return Kubernetes(
        manifests={
            f"k8s/{where}/app.yaml": Manifest("app", IMAGE, count) for where, count in replicas.items()
        },
        deployments={
            f"{where}/app": Deployment("app", where, count, [Revision(1, "app:1.9", {}, YESTERDAY, "apply")])
            for where, count in replicas.items()
        },
    )


def builder() -> Docker:
    """A Docker in which the application can be built and tested."""
    tests = ScriptedCommand("pytest tests/ --cov=src/", "112 passed, coverage 94%\n")
    takes = {"docker_build": 60.0, "docker_run": 90.0}
    return Docker({"Dockerfile": Dockerfile()}, commands=[tests], takes=takes)


def monitoring() -> PrometheusMonitoring:
    return PrometheusMonitoring({"app": WatchedService("production")})


def storage() -> S3Storage:
    """A bucket with yesterday's backup, of a release that nobody wants back."""
    old = Version("1", "image: app:1.8\n", YESTERDAY)
    return S3Storage({"production/app": "image: app:1.9\n"}, {BACKUP_KEY: [old]})
