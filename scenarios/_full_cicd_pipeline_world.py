"""What the delivery pipeline works on, and the gates it has to pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile, ScriptedCommand
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.prometheus_monitoring import PrometheusMonitoring, WatchedService
from pytest_mcpflow.fakes.s3_storage import S3Storage, Version
from pytest_mcpflow.fakes.security_scanner import SecurityScanner
from pytest_mcpflow.scenarios._cross_server import CrossServer
from pytest_mcpflow.scenarios._full_cicd_pipeline_workflow import BACKUP_KEY, COMMANDS, IMAGE

__all__ = ["APPLY", "GATES", "RUN", "DeliveryWorld"]

APPLY, RUN = "kubernetes.kubectl_apply", "desktop-commander.execute_command"
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
    (RUN, _command("black"), lambda ran: ran["exit_code"] == 0),
    (RUN, _command("mypy"), lambda ran: ran["exit_code"] == 0),
    ("docker.docker_build", {"image_tag": IMAGE}, lambda built: built["exit_code"] == 0),
    ("docker.docker_run", {"image": IMAGE}, lambda ran: ran["exit_code"] == 0),
    ("security-scanner.container_scan", {"image": IMAGE}, lambda scan: not scan["vulnerabilities"]),
    (RUN, _command("integration tests"), lambda ran: ran["exit_code"] == 0),
)
"""What must have been asked with which arguments, and what a good answer is."""


def _scanner() -> SecurityScanner:
    """A scanner that finds nothing, and knows no image before one is built."""
    takes = {"bandit_scan": 20.0, "npm_audit": 10.0, "container_scan": 30.0}
    return SecurityScanner(dependencies={"package.json": []}, takes=takes)


def _desktop() -> DesktopCommander:
    """A desktop on which all checks pass; the last script waits for the pods in production."""
    says = {
        "black": "12 files would be left unchanged.",
        "mypy": "Success: no issues found in 12 source files",
        "integration tests": "8 passed",
        "pods": "pod/app condition met",
    }
    scripts = [Script(COMMANDS[name], f"{words}\n") for name, words in says.items()]
    return DesktopCommander(scripts=scripts, takes={"execute_command": 5.0})


def _cluster() -> Kubernetes:
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


def _builder() -> Docker:
    """A Docker in which the application can be built and tested."""
    tests = ScriptedCommand("pytest tests/ --cov=src/", "112 passed, coverage 94%\n")
    takes = {"docker_build": 60.0, "docker_run": 90.0}
    return Docker({"Dockerfile": Dockerfile()}, commands=[tests], takes=takes)


def _monitoring() -> PrometheusMonitoring:
    return PrometheusMonitoring({"app": WatchedService("production")})


def _storage() -> S3Storage:
    """A bucket with yesterday's backup, of a release that nobody wants back."""
    old = Version("1", "image: app:1.8\n", YESTERDAY)
    return S3Storage({"production/app": "image: app:1.9\n"}, {BACKUP_KEY: [old]})


@dataclass
class DeliveryWorld(CrossServer):
    """Seven servers between the code and production, and what was so when staging and production were used."""

    scanner: SecurityScanner = field(default_factory=_scanner)
    desktop: DesktopCommander = field(default_factory=_desktop)
    docker: Docker = field(default_factory=_builder)
    cluster: Kubernetes = field(default_factory=_cluster)
    storage: S3Storage = field(default_factory=_storage)
    monitoring: PrometheusMonitoring = field(default_factory=_monitoring)
    touched: list[tuple[bool, bool]] = field(default_factory=list[tuple[bool, bool]], init=False, repr=False)
    """Each time production was touched: whether staging ran the image, and whether there was a new backup."""
    tried: list[bool] = field(default_factory=list[bool], init=False, repr=False)
    """Each time the integration tests ran: whether staging ran the image."""

    def connect(self, hub: Hub) -> None:
        super().connect(hub)

        def built(_: Interaction) -> None:
            if IMAGE in self.docker.images:
                self.scanner.images.setdefault(IMAGE, [])

        def applied(call: Interaction) -> None:
            if call.arguments["namespace"] == "production":
                backed_up = any(each.at >= 0 for each in self.storage.objects[BACKUP_KEY])
                self.touched.append((self._is_staged(), backed_up))
                self._let_pods_be_waited_for()

        def ran(call: Interaction) -> None:
            if call.arguments["command"] == COMMANDS["integration tests"]:
                self.tried.append(self._is_staged())

        hub.on_effect("docker.docker_build", built)
        hub.on_effect(RUN, ran)
        hub.on_effect(APPLY, applied)

    def _is_staged(self) -> bool:
        is_applied = self.cluster.deployments["staging/app"].image == IMAGE
        return is_applied and bool(self.cluster.running("staging", "app"))

    def _let_pods_be_waited_for(self) -> None:
        """What `kubectl wait` on the desktop says depends on the cluster."""
        pods = self.cluster.pods(self.cluster.deployments["production/app"])
        if not all(pod.phase in ("Pending", "Running") for pod in pods):
            words = "error: timed out waiting for the condition on pods/app"
            self.desktop.scripts[-1] = Script(COMMANDS["pods"], stderr=words, exit_code=1)
