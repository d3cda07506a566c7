"""A fake Kubernetes cluster: manifests are applied, deployments roll out, pods come up in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Applied", "Deployment", "Kubernetes", "Manifest", "Outage", "Pod", "Resource", "Revision"]

Phase = Literal["Pending", "Running", "CrashLoopBackOff", "ImagePullBackOff"]
ResourceType = Literal["pods", "deployments"]


@dataclass
class Manifest:
    """A deployment as a manifest describes it."""

    name: str
    image: str
    replicas: int = 1
    env: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Revision:
    """One rollout of a deployment; `at` is seconds on the fake's clock."""

    number: int
    image: str
    env: dict[str, str]
    at: float
    cause: str


@dataclass
class Deployment:
    name: str
    namespace: str
    replicas: int
    revisions: list[Revision]
    crashing: bool = False
    """Told by the test: the pods of this deployment crash."""

    @property
    def image(self) -> str:
        return self.revisions[-1].image

    @property
    def env(self) -> dict[str, str]:
        return self.revisions[-1].env


@dataclass
class Pod:
    name: str
    phase: Phase
    ready: bool
    restarts: int = 0


@dataclass
class Resource:
    """What `kubectl get` shows of a resource."""

    kind: str
    name: str
    namespace: str
    status: str
    ready: bool
    restarts: int = 0


@dataclass
class Listing:
    success: bool
    items: list[Resource]


@dataclass
class Applied:
    """What `kubectl apply` says, a line for each resource, and the images that run now."""

    success: bool
    namespace: str
    applied: list[str]
    images: list[str]


@dataclass
class Rollout:
    success: bool
    name: str
    revision: int
    ready: int
    replicas: int
    message: str


@dataclass
class Outage:
    """Nothing answers from `starts_at` until `ends_at` (seconds on the fake's clock)."""

    starts_at: float
    ends_at: float


@dataclass
class Kubernetes(Fake):
    """A cluster, and the manifests that its users can apply by path."""

    service_error = (
        "Error from server (InternalError): an error on the server prevented the request from succeeding"
    )
    manifests: dict[str, Manifest] = field(default_factory=dict[str, Manifest])
    """By file, `k8s/production/app.yaml`."""
    deployments: dict[str, Deployment] = field(default_factory=dict[str, Deployment])
    """By `namespace/name`."""
    images: list[str] | None = None
    """The images that can be pulled; any if `None`."""
    startup_seconds: float = 5.0
    """How long a pod takes to become ready."""
    unreachable: bool = False
    outages: list[Outage] = field(default_factory=list[Outage])

    @tool(idempotent=True)
    def kubectl_apply(self, manifest_path: str, namespace: str = "default") -> Applied:
        """Apply a manifest, or all manifests of a folder. Applying what runs already changes nothing."""
        self._reach()
        found = [
            each
            for path, each in sorted(self.manifests.items())
            if path == manifest_path or _below(path, manifest_path)
        ]
        if not found:
            raise FakeError(f'error: the path "{manifest_path}" does not exist')
        lines = [f"deployment.apps/{manifest.name} {self._apply(manifest, namespace)}" for manifest in found]
        return Applied(True, namespace, lines, [manifest.image for manifest in found])

    @tool(reads=True)
    def kubectl_get(
        self, resource_type: ResourceType, namespace: str = "default", name: str | None = None
    ) -> Listing:
        """List resources of a namespace, or one by its name."""
        self._reach()
        shown = [
            resource
            for deployment in self.deployments.values()
            if deployment.namespace == namespace
            for resource in self._resources(resource_type, deployment)
            if name in (None, resource.name)
        ]
        if name is not None and not shown:
            kind = "pods" if resource_type == "pods" else "deployments.apps"
            raise FakeError(f'Error from server (NotFound): {kind} "{name}" not found')
        return Listing(True, shown)

    @tool(idempotent=True)
    def kubectl_scale(self, name: str, replicas: int, namespace: str = "default") -> Rollout:
        """Set how many pods a deployment runs."""
        if replicas < 0:
            raise FakeError(
                f"The Deployment {name!r} is invalid: spec.replicas: must be greater than or equal to 0"
            )
        deployment = self._deployment(name, namespace)
        deployment.replicas = replicas
        return self._rollout(deployment, "scaled")

    @tool(idempotent=True)
    def kubectl_patch(self, name: str, env: dict[str, str], namespace: str = "default") -> Rollout:
        """Set environment variables of a deployment, which rolls it out anew if they differ."""
        deployment = self._deployment(name, namespace)
        if {**deployment.env, **env} == deployment.env:
            return self._rollout(deployment, "patched (no change)")
        self._revise(deployment, deployment.image, {**deployment.env, **env}, "patch")
        return self._rollout(deployment, "patched")

    @tool(destroys=True, idempotent=False)
    def kubectl_rollout_undo(
        self, name: str, namespace: str = "default", to_revision: int | None = None
    ) -> Rollout:
        """Go back to the revision before, or to a revision by its number.

        Undoing twice ends where it began, as in Kubernetes; with a number, the second time changes nothing.
        """
        deployment = self._deployment(name, namespace)
        known = {revision.number: revision for revision in deployment.revisions}
        if to_revision is None:
            if len(known) < 2:
                raise FakeError(f"error: no rollout history found for deployment {name!r}")
            before = deployment.revisions[-2]
        elif to_revision not in known:
            raise FakeError(f"error: unable to find specified revision {to_revision} in history")
        else:
            before, now = known[to_revision], deployment.revisions[-1]
            if (before.image, before.env) == (now.image, now.env):
                same = f"skipped rollback (current template already matches revision {to_revision})"
                return self._rollout(deployment, same)
        self._revise(deployment, before.image, before.env, f"undo to revision {before.number}")
        deployment.crashing = False
        return self._rollout(deployment, "rolled back")

    @tool(idempotent=False)
    def kubectl_rollout_restart(self, name: str, namespace: str = "default") -> Rollout:
        """Replace all pods of a deployment by new ones."""
        deployment = self._deployment(name, namespace)
        self._revise(deployment, deployment.image, deployment.env, "restart")
        deployment.crashing = False
        return self._rollout(deployment, "restarted")

    @tool(reads=True)
    async def kubectl_rollout_status(
        self, name: str, namespace: str = "default", timeout: float = 300.0
    ) -> Rollout:
        """Wait until a deployment is ready, at most `timeout` seconds."""
        deployment = self._deployment(name, namespace)
        deadline = self.clock.now() + timeout
        while (rollout := self._rollout(deployment, "successfully rolled out")).ready != rollout.replicas:
            if self.clock.now() >= deadline:
                raise FakeError("error: timed out waiting for the condition")
            await asyncio.sleep(min(1.0, deadline - self.clock.now()))
        return rollout

    @tool(destroys=True, idempotent=False)
    def kubectl_delete(self, name: str, namespace: str = "default") -> str:
        """Delete a deployment with its pods."""
        self._deployment(name, namespace)
        del self.deployments[f"{namespace}/{name}"]
        return f'deployment.apps "{name}" deleted'

    def running(self, namespace: str, name: str) -> list[Pod]:
        """The pods of a deployment that are ready; for tests."""
        return [pod for pod in self.pods(self.deployments[f"{namespace}/{name}"]) if pod.ready]

    def crash(self, namespace: str, name: str) -> None:
        """Let a deployment's pods crash until it is rolled out anew."""
        self.deployments[f"{namespace}/{name}"].crashing = True

    def pods(self, deployment: Deployment) -> list[Pod]:
        """The pods of a deployment as they are now."""
        revision = deployment.revisions[-1]
        phase: Phase = "Running" if self.clock.now() >= revision.at + self.startup_seconds else "Pending"
        if self.images is not None and revision.image not in self.images:
            phase = "ImagePullBackOff"
        elif deployment.crashing:
            phase = "CrashLoopBackOff"
        names = [f"{deployment.name}-{revision.number}-{number}" for number in range(deployment.replicas)]
        return [Pod(name, phase, phase == "Running", 5 if deployment.crashing else 0) for name in names]

    def _apply(self, manifest: Manifest, namespace: str) -> str:
        known = self.deployments.get(f"{namespace}/{manifest.name}")
        if known is None:
            known = Deployment(manifest.name, namespace, manifest.replicas, [])
            self.deployments[f"{namespace}/{manifest.name}"] = known
            self._revise(known, manifest.image, manifest.env, "apply")
            return "created"
        same = (known.image, known.env, known.replicas) == (manifest.image, manifest.env, manifest.replicas)
        if same and not known.crashing:
            return "unchanged"
        known.replicas = manifest.replicas
        known.crashing = False
        self._revise(known, manifest.image, manifest.env, "apply")
        return "configured"

    def _revise(self, deployment: Deployment, image: str, env: dict[str, str], cause: str) -> None:
        number = len(deployment.revisions) + 1
        deployment.revisions.append(Revision(number, image, {**env}, self.clock.now(), cause))

    def _rollout(self, deployment: Deployment, message: str) -> Rollout:
        ready = sum(pod.ready for pod in self.pods(deployment))
        number = deployment.revisions[-1].number
        text = f'deployment "{deployment.name}" {message}'
        return Rollout(True, deployment.name, number, ready, deployment.replicas, text)

    def _resources(self, kind: ResourceType, deployment: Deployment) -> list[Resource]:
        pods = self.pods(deployment)
        if kind == "pods":
            return [Resource("Pod", p.name, deployment.namespace, p.phase, p.ready, p.restarts) for p in pods]
        ready = sum(pod.ready for pod in pods)
        status = f"{ready}/{deployment.replicas}"
        return [
            Resource(
                "Deployment", deployment.name, deployment.namespace, status, ready == deployment.replicas
            )
        ]

    def _deployment(self, name: str, namespace: str) -> Deployment:
        self._reach()
        if f"{namespace}/{name}" not in self.deployments:
            raise FakeError(f'Error from server (NotFound): deployments.apps "{name}" not found')
        return self.deployments[f"{namespace}/{name}"]

    def _reach(self) -> None:
        now = self.clock.now()
        if self.unreachable or any(each.starts_at <= now < each.ends_at for each in self.outages):
            raise FakeError(
                "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?"
            )


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith("/") else f"{folder}/")
