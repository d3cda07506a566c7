"""The tools of `kubernetes-mcp-server` (containers/kubernetes-mcp-server, npm and PyPI) over a fake cluster.

Names, arguments, answers and refusals are those of version 0.0.67: text only, tables by default, YAML for single
objects. The cluster has namespaces, deployments and their pods, and events; other kinds are not known to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_mcpflow.fake import FakeError, Omittable, tool
from pytest_mcpflow.fakes.kubernetes import Kubernetes, Manifest
from pytest_mcpflow.fakes.real._kubernetes_manifests import read_manifests
from pytest_mcpflow.fakes.real._kubernetes_objects import (
    deployment_object,
    events_of,
    pod_object,
    why_no_log,
)
from pytest_mcpflow.fakes.real._kubernetes_selectors import facts_of, facts_of_event, selected
from pytest_mcpflow.fakes.real._kubernetes_tables import DEPLOYMENT_COLUMNS, deployment_row, table
from pytest_mcpflow.fakes.real._kubernetes_view import ClusterView
from pytest_mcpflow.plain_yaml import Yaml, write_yaml

__all__ = ["KubernetesMCPServer"]

UPDATED = "# The following resources (YAML) have been created or updated successfully\n"
KINDS = {("v1", "Pod"), ("v1", "Namespace"), ("apps/v1", "Deployment")}


@dataclass
class KubernetesMCPServer(ClusterView, in_place_of=Kubernetes):
    """A cluster as `kubernetes-mcp-server` shows it."""

    service = "kubernetes-mcp-server"
    service_error = 'an error on the server ("unknown") has prevented the request from succeeding'
    structured = False

    logs: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What the containers of a deployment write, by `namespace/name`."""

    @tool(reads=True)
    def namespaces_list(self, fieldSelector: Omittable[str] = None) -> str:
        """List all namespaces of the cluster."""
        with self.doing("list namespaces", "Namespace"):
            return self.namespaces_table(fieldSelector)

    @tool(reads=True)
    def events_list(self, namespace: Omittable[str] = None, fieldSelector: Omittable[str] = None) -> str:
        """List events, of all namespaces or of one."""
        with self.doing("list events in all namespaces", "Event"):
            events = [
                event
                for deployment in self.deployments_in(namespace)
                for event in events_of(self, deployment)
                if selected(facts_of_event(event), fields=fieldSelector)
            ]
        if not events:
            return "# No events found"
        return f"# The following events (YAML format) were found:\n{write_yaml([*events])}"

    @tool(reads=True)
    def pods_list(self, labelSelector: Omittable[str] = None, fieldSelector: Omittable[str] = None) -> str:
        """List the pods of all namespaces."""
        with self.doing("list pods in all namespaces", "Pod"):
            return self.pods_table(None, labelSelector, fieldSelector)

    @tool(reads=True)
    def pods_list_in_namespace(
        self, namespace: str, labelSelector: Omittable[str] = None, fieldSelector: Omittable[str] = None
    ) -> str:
        """List the pods of a namespace."""
        with self.doing(f"list pods in namespace {namespace}", "Pod"):
            return self.pods_table(namespace, labelSelector, fieldSelector)

    @tool(reads=True)
    def pods_get(self, name: str, namespace: Omittable[str] = None) -> str:
        """Get a pod as YAML."""
        with self.doing(f"get pod {name} in namespace {namespace or ''}", "Pod"):
            deployment, pod = self.pod_named(namespace, name)
            return write_yaml(pod_object(self, deployment, pod))

    @tool(destroys=True)
    def pods_delete(self, name: str, namespace: Omittable[str] = None) -> str:
        """Delete a pod; its deployment starts another."""
        with self.doing(f"delete pod {name} in namespace {namespace or ''}", "Pod"):
            deployment, pod = self.pod_named(namespace, name)
            self.delete_pod(deployment, pod.name)
            return "Pod deleted successfully"

    @tool(reads=True)
    def pods_log(
        self,
        name: str,
        namespace: Omittable[str] = None,
        container: Omittable[str] = None,
        previous: Omittable[bool] = None,
        tail: int = 100,
    ) -> str:
        """Read the last lines that a container of a pod wrote."""
        with self.doing(f"get pod {name} log in namespace {namespace or ''}", "Pod"):
            deployment, pod = self.pod_named(namespace, name)
            if container not in (None, "", deployment.name):
                raise FakeError(f"container {container} is not valid for pod {name}")
            if previous and not pod.restarts:
                raise FakeError(
                    f'previous terminated container "{deployment.name}" in pod "{name}" not found'
                )
            if (why := why_no_log(deployment, pod)) is not None:
                raise FakeError(why)
        lines = self.logs.get(f"{deployment.namespace}/{deployment.name}", [])[-max(tail, 0) or None :]
        if not lines:
            return f"The pod {name} in namespace {namespace or ''} has not logged any message yet"
        return "".join(f"{line}\n" for line in lines)

    @tool(reads=True)
    def resources_list(
        self,
        apiVersion: str,
        kind: str,
        namespace: Omittable[str] = None,
        labelSelector: Omittable[str] = None,
        fieldSelector: Omittable[str] = None,
    ) -> str:
        """List resources of a kind, of all namespaces or of one."""
        with self.doing("list resources", kind):
            _known_kind(apiVersion, kind)
            if kind == "Pod":
                return self.pods_table(namespace, labelSelector, fieldSelector)
            if kind == "Namespace":
                return self.namespaces_table(fieldSelector)
            rows = [
                deployment_row(self, each)
                for each in self.deployments_in(namespace)
                if selected(facts_of(each), labels=labelSelector, fields=fieldSelector)
            ]
            return table(DEPLOYMENT_COLUMNS, rows)

    @tool(reads=True)
    def resources_get(self, apiVersion: str, kind: str, name: str, namespace: Omittable[str] = None) -> str:
        """Get a resource as YAML."""
        with self.doing("get resource", kind):
            _known_kind(apiVersion, kind)
            if kind == "Pod":
                return write_yaml(pod_object(self, *self.pod_named(namespace, name)))
            if kind == "Namespace":
                if name not in self.namespace_names():
                    raise FakeError(f'namespaces "{name}" not found')
                return write_yaml(_namespace(name))
            return write_yaml(deployment_object(self, self.deployment_named(namespace, name)))

    @tool(destroys=True, idempotent=True)
    def resources_create_or_update(self, resource: str) -> str:
        """Apply YAML or JSON manifests of deployments and namespaces. All are checked before the first is applied."""
        with self.doing("create or update resources", "Deployment"):
            replicas = {key: each.replicas for key, each in self.deployments.items()}
            manifests, there = read_manifests(resource, replicas), {*self.namespace_names()}
            for namespace, manifest in manifests:
                if manifest is not None and namespace not in there:
                    raise FakeError(f'namespaces "{namespace}" not found')
                there.add(namespace)
            applied: list[Yaml] = [self._applied(*each) for each in manifests]
        return UPDATED + write_yaml(applied)

    @tool(destroys=True)
    def resources_delete(
        self,
        apiVersion: str,
        kind: str,
        name: str,
        namespace: Omittable[str] = None,
        gracePeriodSeconds: Omittable[int] = None,
    ) -> str:
        """Delete a resource, with all that belongs to it."""
        with self.doing("delete resource", kind):
            _known_kind(apiVersion, kind)
            if kind == "Namespace":
                if name not in self.namespace_names():
                    raise FakeError(f'namespaces "{name}" not found')
                if name == "default":
                    raise FakeError('namespaces "default" is forbidden: this namespace may not be deleted')
                for each in self.deployments_in(name):
                    del self.deployments[f"{name}/{each.name}"]
                self.namespaces = [each for each in self.namespaces if each != name]
            elif kind == "Pod":
                deployment, pod = self.pod_named(namespace, name)
                self.delete_pod(deployment, pod.name)
            else:
                self.remove(self.deployment_named(namespace, name))
        return "Resource deleted successfully"

    @tool(destroys=True, idempotent=True)
    def resources_scale(
        self,
        apiVersion: str,
        kind: str,
        name: str,
        namespace: Omittable[str] = None,
        scale: Omittable[int] = None,
    ) -> str:
        """Get how many replicas a deployment has, or set it."""
        with self.doing("get/update resource scale", kind):
            _known_kind(apiVersion, kind)
            if kind != "Deployment":
                raise FakeError("the server could not find the requested resource")
            deployment = self.deployment_named(namespace, name)
            if scale is not None and scale < 0:
                where = f'Scale.autoscaling "{name}" is invalid: spec.replicas'
                raise FakeError(
                    f"failed to update scale: {where}: Invalid value: {scale}: must be greater than or equal to 0"
                )
            now = len(self.pods(deployment))
            if scale is not None:
                deployment.replicas = scale
        shown: dict[str, Yaml] = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": deployment.namespace},
            "spec": {"replicas": deployment.replicas},
            "status": {"replicas": now, "selector": f"app={name}"},
        }
        return f"# Current resource scale (YAML) is below\n{write_yaml(shown)}"

    def _applied(self, namespace: str, manifest: Manifest | None) -> Yaml:
        """Apply a manifest, or create the namespace, and show what is there now."""
        if manifest is None:
            if namespace not in self.namespace_names():
                self.namespaces.append(namespace)
            return _namespace(namespace)
        self.apply(manifest, namespace)
        return deployment_object(self, self.deployments[f"{namespace}/{manifest.name}"])


def _namespace(name: str) -> dict[str, Yaml]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _known_kind(version: str, kind: str) -> None:
    if (version, kind) not in KINDS:
        raise FakeError(f'no matches for kind "{kind}" in version "{version}"')
