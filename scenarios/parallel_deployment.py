"""Three scans and two builds at the same time, each kind with a time limit; one deployment if all five are well."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.docker import Docker, Dockerfile
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision
from pytest_mcpflow.fakes.security_scanner import SecurityScanner
from pytest_mcpflow.scenarios._cross_server import CrossServer, context_of, said
from pytest_mcpflow.scenarios._parallel_workflow import (
    APPLY,
    BUILD_LIMIT,
    BUILDS,
    SCAN_LIMIT,
    SCANS,
    Rollout,
    deploy,
)

__all__ = ["ParallelDeployment", "Rollout"]


def _cluster() -> Kubernetes:
    running = Deployment("app", "production", 3, [Revision(1, "app:1.4", {}, -3600.0, "apply")])
    return Kubernetes(
        manifests={"k8s/app.yaml": Manifest("app", "app:latest", replicas=3)},
        deployments={"production/app": running},
    )


@dataclass
class ParallelDeployment(CrossServer):
    """Scan (300 s at most) and build (600 s at most) the application side by side; deploy it if all is well.

    To be scanned: the Python code in `src/`, `package.json`, and the `Dockerfile`. To be built: `app:latest` from the
    `Dockerfile`, and the frontend by `npm run build`. To be applied: `k8s/` in the namespace `production`.
    """

    tags = ("parallel",)

    scanner: SecurityScanner = field(
        default_factory=lambda: SecurityScanner(
            dependencies={"package.json": []},
            images={"Dockerfile": []},
            takes={"bandit_scan": 30.0, "npm_audit": 45.0, "container_scan": 120.0},
        )
    )
    docker: Docker = field(
        default_factory=lambda: Docker(
            dockerfiles={"Dockerfile": Dockerfile()}, takes={"docker_build": 240.0}
        )
    )
    desktop: DesktopCommander = field(
        default_factory=lambda: DesktopCommander(
            scripts=[Script("npm run build", stdout="built", writes={"dist/app.js": "app()"})],
            takes={"execute_command": 180.0},
        )
    )
    cluster: Kubernetes = field(default_factory=_cluster)

    async def workflow(self, hub: Hub) -> Rollout:
        with context_of(hub, self.name) as context_id:
            return await deploy(hub, context_id)

    def expect(self, run: Run) -> None:
        app = self.cluster.deployments["production/app"]
        assert [revision.image for revision in app.revisions] == ["app:1.4", "app:latest"]
        assert list(self.docker.images) == ["app:latest"]
        assert self.desktop.files["dist/app.js"] == "app()"
        for tool, arguments in {**SCANS, **BUILDS}.items():
            assert run.calls(tool)[-1].arguments == arguments
            assert run.transcript.before(tool, APPLY)
            # Side by side: the last of the five begins before the first one is over.
            others = [_end(run, run.calls(other)[-1]) for other in {**SCANS, **BUILDS}]
            assert run.calls(tool)[0].at < min(others)
        assert run.calls(APPLY)[-1].arguments == {"manifest_path": "k8s/", "namespace": "production"}
        assert self.people.messages == []
        assert run.result == Rollout(success=True)

    @invariant
    def nothing_is_applied_unless_all_five_are_well(self, run: Run) -> None:
        """Production changes only after three scans that found nothing and two builds that succeeded."""
        if run.effects(APPLY):
            for tools, key in ((SCANS, "passed"), (BUILDS, "success")):
                for tool in tools:
                    assert run.transcript.before(tool, APPLY)
                    assert said(run.calls(tool)[-1]).get(key) is True

    @invariant
    def time_limits_are_honoured(self, run: Run) -> None:
        """Scans take at most 300 seconds in all, builds at most 600."""
        for tools, limit in ((SCANS, SCAN_LIMIT), (BUILDS, BUILD_LIMIT)):
            calls = [each for tool in tools for each in run.calls(tool)]
            assert not calls or max(_end(run, each) for each in calls) - calls[0].at <= limit

    @invariant
    def alerts_name_the_context(self, run: Run) -> None:
        """Whoever is alerted is told the context in which to look, and that it is urgent."""
        contexts = {each.context_id for each in run.transcript}
        assert all(alert.metadata.get("context_id") in contexts for alert in self.people.alerts)
        assert {alert.severity for alert in self.people.alerts} <= {"high"}

    @invariant
    def no_call_outlives_the_workflow(self, run: Run) -> None:
        """When the workflow ends, nothing it began is still under way."""
        assert [each.call for each in run.transcript if each.until is None] == []

    @invariant
    def production_changes_once(self, run: Run) -> None:
        """However answers are lost, there is one rollout."""
        assert len(self.cluster.deployments["production/app"].revisions) <= 2


def _end(run: Run, call: Interaction) -> float:
    return run.seconds if call.until is None else call.until
