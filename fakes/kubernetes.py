"""A fake Kubernetes cluster: manifests are applied, deployments roll out, pods come up in time."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._cluster import Cluster, Deployment, Manifest, Outage, Pod, Revision

__all__ = ["Applied", "Deployment", "Kubernetes", "Manifest", "Outage", "Pod", "Resource", "Revision"]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
ResourceType = Literal["pods", "deployments"]


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
class Kubernetes(Cluster):
    """A cluster, and the manifests that its users can apply by path."""

    service_error = (
        "Error from server (InternalError): an error on the server prevented the request from succeeding"
    )

    @tool(idempotent=True)
    def kubectl_apply(self, manifest_path: str, namespace: str = "default") -> Applied:
        """Apply a manifest, or all manifests of a folder, in a namespace that exists.

        Applying what runs already changes nothing.
        """
        self.reach()
        found = [
            each
            for path, each in sorted(self.manifests.items())
            if path == manifest_path or _below(path, manifest_path)
        ]
        if not found:
            raise FakeError(f'error: the path "{manifest_path}" does not exist')
        if namespace not in self.namespace_names():
            raise FakeError(
                f'Error from server (NotFound): error when creating "{manifest_path}": '
                f'namespaces "{namespace}" not found'
            )
        lines = [f"deployment.apps/{manifest.name} {self.apply(manifest, namespace)}" for manifest in found]
        return Applied(True, namespace, lines, [manifest.image for manifest in found])

    @tool(idempotent=False)
    def kubectl_create_namespace(self, name: str) -> str:
        """Create a namespace."""
        self.reach()
        if not _LABEL.fullmatch(name):
            raise FakeError(
                f'The Namespace "{name}" is invalid: metadata.name: Invalid value: "{name}": a lowercase RFC 1123 '
                "label must consist of lower case alphanumeric characters or '-', and must start and end with an "
                "alphanumeric character"
            )
        if name in self.namespace_names():
            raise FakeError(f'Error from server (AlreadyExists): namespaces "{name}" already exists')
        self.namespaces.append(name)
        return f"namespace/{name} created"

    @tool(reads=True)
    def kubectl_get(
        self, resource_type: ResourceType, namespace: str = "default", name: str | None = None
    ) -> Listing:
        """List resources of a namespace, or one by its name."""
        self.reach()
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
        deployment = self.deployment(name, namespace)
        if replicas > self.pod_quota:
            raise FakeError(
                f'Error from server (Forbidden): deployments.apps "{name}" is forbidden: exceeded quota: pods, '
                f"requested: pods={replicas}, limited: pods={self.pod_quota}"
            )
        deployment.replicas = replicas
        return self._rollout(deployment, "scaled")

    @tool(idempotent=True)
    def kubectl_patch(self, name: str, env: dict[str, str], namespace: str = "default") -> Rollout:
        """Set environment variables of a deployment, which rolls it out anew if they differ."""
        deployment = self.deployment(name, namespace)
        for variable in env:
            if not _VARIABLE.fullmatch(variable):
                raise FakeError(
                    f'The Deployment "{name}" is invalid: spec.template.spec.containers[0].env[0].name: '
                    f'Invalid value: "{variable}": a valid environment variable name must consist of alphabetic '
                    "characters, digits, '_', '-', or '.', and must not start with a digit"
                )
        if {**deployment.env, **env} == deployment.env:
            return self._rollout(deployment, "patched (no change)")
        self.revise(deployment, deployment.image, {**deployment.env, **env}, "patch")
        return self._rollout(deployment, "patched")

    @tool(destroys=True, idempotent=False)
    def kubectl_rollout_undo(
        self, name: str, namespace: str = "default", to_revision: int | None = None
    ) -> Rollout:
        """Go back to the revision before, or to a revision by its number.

        Undoing twice ends where it began, as in Kubernetes; with a number, the second time changes nothing.
        """
        deployment = self.deployment(name, namespace)
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
        self.revise(deployment, before.image, before.env, f"undo to revision {before.number}")
        deployment.crashing = False
        return self._rollout(deployment, "rolled back")

    @tool(idempotent=False)
    def kubectl_rollout_restart(self, name: str, namespace: str = "default") -> Rollout:
        """Replace all pods of a deployment by new ones."""
        deployment = self.deployment(name, namespace)
        self.revise(deployment, deployment.image, deployment.env, "restart")
        deployment.crashing = False
        return self._rollout(deployment, "restarted")

    @tool(reads=True)
    async def kubectl_rollout_status(
        self, name: str, namespace: str = "default", timeout: float = 300.0
    ) -> Rollout:
        """Wait until a deployment is ready, at most `timeout` seconds."""
        deployment = self.deployment(name, namespace)
        deadline = self.clock.now() + timeout
        while (rollout := self._rollout(deployment, "successfully rolled out")).ready != rollout.replicas:
            if self.clock.now() >= deadline:
                raise FakeError("error: timed out waiting for the condition")
            await asyncio.sleep(min(1.0, deadline - self.clock.now()))
        return rollout

    @tool(destroys=True, idempotent=False)
    def kubectl_delete(self, name: str, namespace: str = "default") -> str:
        """Delete a deployment with its pods."""
        self.remove(self.deployment(name, namespace))
        return f'deployment.apps "{name}" deleted'

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


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith("/") else f"{folder}/")
