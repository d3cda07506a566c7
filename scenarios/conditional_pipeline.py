"""A pipeline whose steps have conditions, and are undone when a later one fails."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.security_scanner import SecurityScanner
from pytest_mcpflow.scenarios._careful import Desk
from pytest_mcpflow.scenarios._conditional_workflow import Pipeline, PipelineReport, release_steps
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of

__all__ = ["ConditionalPipeline", "PipelineReport"]


def _cluster() -> Kubernetes:
    running = Deployment("app", "production", 2, [Revision(1, "app:1.4", {}, 0.0, "apply")])
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:latest", replicas=2)},
        deployments={"production/app": running},
    )


def _desktop() -> DesktopCommander:
    return DesktopCommander(
        files={"Dockerfile": "FROM python:3.12-slim\n", "src/app.py": "print('hello')\n"},
        scripts=[Script("python manage.py migrate", stdout="Applying migrations... OK")],
    )


@dataclass
class ConditionalPipeline(CrossServer):
    """Run the steps whose conditions hold. If one fails, undo what was done, the last step first."""

    tags = ("pipeline",)
    depth = 2

    scanner: SecurityScanner = field(default_factory=SecurityScanner)
    desktop: DesktopCommander = field(default_factory=_desktop)
    docker: Docker = field(default_factory=lambda: Docker(dockerfiles={"Dockerfile": Dockerfile()}))
    cluster: Kubernetes = field(default_factory=_cluster)

    async def workflow(self, hub: Hub) -> PipelineReport:
        with context_of(hub, self.name) as context_id:
            desk = Desk(hub, context_id=context_id)
            return await Pipeline(desk, release_steps(desk)).execute()

    def expect(self, run: Run) -> None:
        assert list(self.docker.images) == ["app:latest"]
        app = self.cluster.deployments["production/app"]
        assert [revision.image for revision in app.revisions] == ["app:1.4", "app:latest"]
        assert "python manage.py migrate" not in [ran.command for ran in self.desktop.history]
        assert "test -f Dockerfile" in [ran.command for ran in self.desktop.history]
        assert [sent.message for sent in self.people.notifications] == [
            "Pipeline step 1 completed: scan",
            "Pipeline step 2 completed: build",
            "Pipeline step 4 completed: deploy",
        ]
        assert {(tuple(sent.channels), sent.priority) for sent in self.people.notifications} == {
            (("dashboard",), "normal")
        }
        assert self.people.alerts == []
        assert run.transcript.before("security-scanner.comprehensive_scan", "docker.docker_build")
        assert run.transcript.before("docker.docker_build", "kubernetes.kubectl_apply")
        assert run.result == PipelineReport(
            success=True, executed=("scan", "build", "deploy"), skipped=("migrate",)
        )

    @invariant
    def undone_at_most_once(self, run: Run) -> None:
        """What was done is undone at most once."""
        assert len(run.effects("docker.docker_rmi")) <= 1
        assert len(run.effects("kubernetes.kubectl_rollout_undo")) <= 1

    @invariant
    def undone_in_reverse(self, run: Run) -> None:
        """A later step is undone before an earlier one."""
        if run.effects("docker.docker_rmi") and run.effects("kubernetes.kubectl_rollout_undo"):
            assert run.transcript.before("kubernetes.kubectl_rollout_undo", "docker.docker_rmi")

    @invariant
    def nothing_is_left_of_a_failure(self, run: Run) -> None:
        """After a failure everything is undone, or each thing that is not has a critical alert of its own."""
        report = run.result
        failed = run.error is not None or (isinstance(report, PipelineReport) and report.error is not None)
        image_left = "app:latest" in self.docker.images
        deployed = self.cluster.deployments["production/app"].image == "app:latest"
        if failed:
            told = [alert for alert in self.people.alerts if alert.severity == "critical"]
            assert image_left + deployed <= len(told) or not all(each.ok for each in run.calls("send_alert"))

    @invariant
    def skipped_steps_do_nothing(self, run: Run) -> None:
        """A step whose condition is false does not run."""
        assert "python manage.py migrate" not in [ran.command for ran in self.desktop.history]
