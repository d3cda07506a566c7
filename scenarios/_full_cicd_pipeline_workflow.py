"""From the code's quality to everybody hearing of the release: each gate only after the one before."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_mcpflow import CallResult, Hub
from pytest_mcpflow.scenarios._careful import Desk, together
from pytest_mcpflow.scenarios._cross_server import context_of
from pytest_mcpflow.scenarios._rollout import deploy, ready_revision, roll_back
from pytest_mcpflow.scenarios._storage import store_once, versions_of

__all__ = ["BACKUP_KEY", "COMMANDS", "IMAGE", "PipelineReport", "deliver"]

IMAGE, BACKUP_KEY = "app:latest", "deployments/production/app"
COMMANDS = {
    "black": "black --check src/",
    "mypy": "mypy src/",
    "integration tests": "pytest tests/integration/ --env=staging",
    "pods": "kubectl wait --for=condition=ready pod -l app=app -n production --timeout=300s",
}


@dataclass(frozen=True)
class PipelineReport:
    """How far the pipeline came: the steps that passed in order, and the one that stopped it."""

    success: bool
    passed: tuple[str, ...]
    security_issues: int
    deploy_ready: bool
    stopped_at: str | None = None
    error: str | None = None


class _Pipeline:
    def __init__(self, hub: Hub, context_id: str) -> None:
        self._desk = Desk(hub, timeout=120.0, context_id=context_id)
        self._context_id = context_id
        self._passed: list[str] = []
        self._step, self._issues = "", 0
        self._is_ready = False
        self._way_back: int | None = None
        """The revision that production had before it was touched."""

    async def run(self) -> PipelineReport:
        try:
            await self._steps()
        except Exception as error:
            return await self._stopped(error)
        await self._broadcast("completed")
        if self._desk.untold:
            unheard = f"not told: {'; '.join(self._desk.untold)}"
            await self._desk.alert(unheard, severity="high")
            return self._report(None, unheard)
        return self._report(None, None)

    async def _steps(self) -> None:
        await self._gate("quality", self._check_quality())
        await self._gate("build", self._build())
        await self._gate("test", self._test())
        await self._gate("security_scan", self._scan_image())
        self._is_ready = True
        await self._gate("staging_deploy", self._deploy("staging"))
        await self._gate("integration_tests", self._command("integration tests"))
        await self._gate("backup", self._back_up())
        await self._gate("production_deploy", self._deploy("production"))
        await self._gate("monitoring", self._watch())

    async def _gate(self, step: str, checked: Awaitable[object]) -> None:
        self._step = step
        await checked
        self._passed.append(step)

    async def _check_quality(self) -> None:
        code, packages, _, _ = await together(
            self._desk.repeat("security-scanner.bandit_scan", {"path": "src/"}),
            self._desk.repeat("security-scanner.npm_audit", {"package_json_path": "package.json"}),
            self._command("black"),
            self._command("mypy"),
        )
        self._issues += len(code["results"]) + len(packages["vulnerabilities"])
        _insist(code, "passed", "bandit")
        _insist(packages, "passed", "npm audit")

    async def _build(self) -> None:
        wanted = {"dockerfile_path": "Dockerfile", "image_tag": IMAGE}
        _insist(await self._desk.repeat("docker.docker_build", wanted), "success", "docker build")

    async def _test(self) -> None:
        tests = {"image": IMAGE, "command": "pytest tests/ --cov=src/", "volumes": ["/workspace:/app"]}
        _insist(await self._desk.repeat("docker.docker_run", tests), "success", "pytest tests/")

    async def _scan_image(self) -> None:
        scan = await self._desk.repeat("security-scanner.container_scan", {"image": IMAGE, "format": "json"})
        self._issues += len(scan["vulnerabilities"])
        _insist(scan, "passed", "trivy")

    async def _deploy(self, namespace: str) -> None:
        before = await ready_revision(self._desk, "app", namespace)
        if namespace == "production":
            self._way_back = before
        await deploy(self._desk, "app", namespace, f"k8s/{namespace}/", before=before)

    async def _back_up(self) -> None:
        """A backup of now: one of an earlier release is no way back."""
        known = await versions_of(self._desk, BACKUP_KEY)
        token = f"{self._context_id} after {known}"
        wanted = {"environment": "production", "service": "app", "idempotency_token": token}
        await store_once(self._desk, "backup_deployment", wanted, key=BACKUP_KEY, known=known)
        if await versions_of(self._desk, BACKUP_KEY) <= known:
            raise RuntimeError(f"there is no new version of {BACKUP_KEY}")

    async def _watch(self) -> None:
        rules = {"service": "app", "environment": "production"}
        await together(self._desk.repeat("prometheus-monitoring.setup_alerts", rules), self._command("pods"))

    async def _command(self, name: str) -> CallResult:
        ran = await self._desk.run(COMMANDS[name])
        _insist(ran, "success", name)
        return ran

    async def _stopped(self, error: Exception) -> PipelineReport:
        """Say so at once, and undo what production cannot run with."""
        reason = f"{self._step}: {error}"
        about = {"context_id": self._context_id, "partial_results": self._passed}
        await self._desk.alert(f"CI/CD pipeline failed: {reason}", about, severity="high")
        is_undone = False
        if self._way_back is not None:
            try:
                is_undone = await roll_back(self._desk, "app", "production", to_revision=self._way_back)
            except Exception as failure:
                await self._desk.alert(f"Production may need to be rolled back by hand: {failure}")
        await self._broadcast("rolled_back" if is_undone else "failed")
        return self._report(self._step, reason)

    async def _broadcast(self, status: Literal["completed", "failed", "rolled_back"]) -> None:
        details = {
            "pipeline_steps": len(self._passed),
            "security_issues": self._issues,
            "deploy_ready": self._is_ready,
        }
        environment = "staging" if self._way_back is None else "production"
        await self._desk.broadcast(environment, "app", status, version="latest", details=details)

    def _report(self, stopped_at: str | None, error: str | None) -> PipelineReport:
        passed = tuple(self._passed)
        return PipelineReport(error is None, passed, self._issues, self._is_ready, stopped_at, error)


def _insist(answer: Mapping[str, Any], key: str, gate: str) -> None:
    """A gate that does not say yes has said no."""
    if answer.get(key) is not True:
        raise RuntimeError(f"{gate} did not pass: {dict(answer)}")


async def deliver(hub: Hub) -> PipelineReport:
    """Take the application from its code to production."""
    with context_of(hub, "full-cicd-pipeline") as context_id:
        return await _Pipeline(hub, context_id).run()
