"""The tables in which `pytest_mcpflow.fakes.real.kubernetes_mcp_server` lists things, as kubectl prints them."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Pod
from pytest_mcpflow.fakes.real._kubernetes_objects import labels_of

__all__ = [
    "DEPLOYMENT_COLUMNS",
    "NAMESPACE_COLUMNS",
    "POD_COLUMNS",
    "age",
    "deployment_row",
    "pod_row",
    "table",
]

Row = tuple[str, ...]
POD_COLUMNS = (
    *("NAMESPACE", "APIVERSION", "KIND", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"),
    *("NOMINATED NODE", "READINESS GATES", "LABELS"),
)
DEPLOYMENT_COLUMNS = (
    *("NAMESPACE", "APIVERSION", "KIND", "NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS"),
    *("IMAGES", "SELECTOR", "LABELS"),
)
NAMESPACE_COLUMNS = ("APIVERSION", "KIND", "NAME", "STATUS", "AGE", "LABELS")
NONE = "<none>"


def age(seconds: float) -> str:
    """How kubectl writes how old something is: 48s, 5m30s, 47h, 3d."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d{hours % 24}h" if days < 8 and hours % 24 else f"{days}d"


def table(headers: Row, rows: Sequence[Row]) -> str:
    """A table as kubectl prints it; nothing at all where it has no rows."""
    if not rows:
        return ""
    widths = [max(map(len, column)) + 3 for column in zip(headers, *rows, strict=True)]
    lines = [
        "".join(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)) + row[-1]
        for row in (headers, *rows)
    ]
    return "".join(f"{line}\n" for line in lines)


def pod_row(cluster: Kubernetes, deployment: Deployment, pod: Pod) -> Row:
    """A pod in `POD_COLUMNS`. Addresses and nodes are not kept, and so shown as kubectl shows what there is not."""
    old, labels = age(cluster.clock.now() - pod.created_at), _written(labels_of(deployment, pod))
    status = "ContainerCreating" if pod.phase == "Pending" else pod.phase
    return (
        *(deployment.namespace, "v1", "Pod", pod.name, f"{int(pod.ready)}/1", status, str(pod.restarts), old),
        *(NONE, NONE, NONE, NONE, labels),
    )


def deployment_row(cluster: Kubernetes, deployment: Deployment) -> Row:
    """A deployment in `DEPLOYMENT_COLUMNS`."""
    ready, labels = sum(pod.ready for pod in cluster.pods(deployment)), _written(labels_of(deployment))
    old = age(cluster.clock.now() - deployment.revisions[0].at)
    return (
        *(deployment.namespace, "apps/v1", "Deployment", deployment.name, f"{ready}/{deployment.replicas}"),
        *(str(deployment.replicas), str(ready), old, deployment.name, deployment.image, labels, labels),
    )


def _written(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())
