"""How `pytest_mcpflow.fakes.real.kubernetes_mcp_server` looks at its cluster: what it finds, lists and refuses."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_mcpflow.fake import FakeError
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Pod
from pytest_mcpflow.fakes.real._kubernetes_selectors import Facts, facts_of, selected
from pytest_mcpflow.fakes.real._kubernetes_tables import NAMESPACE_COLUMNS, POD_COLUMNS, age, pod_row, table

__all__ = ["ClusterView"]

PATHS = {"Pod": "api/v1/pods", "Deployment": "apis/apps/v1/deployments", "Event": "api/v1/events"}


@dataclass
class ClusterView(Kubernetes):
    """A cluster, as the API server shows it."""

    @contextmanager
    def doing(self, what: str, kind: str) -> Generator[None]:
        """Refuse in the server's words: what it failed to do, and why."""
        try:
            if not self.is_reachable:
                path = PATHS.get(kind, f"api/v1/{kind.lower()}s")
                refused = "dial tcp 10.0.0.1:6443: connect: connection refused"
                raise FakeError(f'Get "https://10.0.0.1:6443/{path}": {refused}')
            yield
        except FakeError as error:
            raise FakeError(f"failed to {what}: {error}") from error

    def deployments_in(self, namespace: str | None) -> list[Deployment]:
        """The deployments of a namespace, or of all, as the API sorts them."""
        found = [each for each in self.deployments.values() if namespace in (None, "", each.namespace)]
        return sorted(found, key=lambda each: (each.namespace, each.name))

    def deployment_named(self, namespace: str | None, name: str) -> Deployment:
        """The deployment of that name, or the API's refusal."""
        found = self.deployments.get(f"{namespace or 'default'}/{name}")
        if found is None:
            raise FakeError(f'deployments.apps "{name}" not found')
        return found

    def pod_named(self, namespace: str | None, name: str) -> tuple[Deployment, Pod]:
        """The pod of that name with its deployment, or the API's refusal."""
        for deployment in self.deployments_in(namespace or "default"):
            for pod in self.pods(deployment):
                if pod.name == name:
                    return deployment, pod
        raise FakeError(f'pods "{name}" not found')

    def pods_table(self, namespace: str | None, labels: str | None, fields: str | None) -> str:
        """The pods that both selectors choose."""
        rows = [
            pod_row(self, deployment, pod)
            for deployment in self.deployments_in(namespace)
            for pod in self.pods(deployment)
            if selected(facts_of(deployment, pod), labels=labels, fields=fields)
        ]
        return table(POD_COLUMNS, rows)

    def namespaces_table(self, fields: str | None) -> str:
        """The namespaces that a field selector chooses."""
        rows = [
            ("v1", "Namespace", name, "Active", age(self.clock.now()), f"kubernetes.io/metadata.name={name}")
            for name in self.namespace_names()
            if selected(Facts({}, {"metadata.name": name}), fields=fields)
        ]
        return table(NAMESPACE_COLUMNS, rows)
