"""What the API of Kubernetes shows of the cluster behind `pytest_mcpflow.fakes.real.kubernetes_mcp_server`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Pod, Revision
from pytest_mcpflow.plain_yaml import Yaml

__all__ = ["deployment_object", "events_of", "labels_of", "phase_of", "pod_object", "why_no_log"]

PROGRESS_DEADLINE = 600.0
"""Seconds after which a rollout that is not ready counts as failed (`progressDeadlineSeconds`)."""


@dataclass(frozen=True)
class _Waiting:
    reason: str
    message: str


def labels_of(deployment: Deployment, pod: Pod | None = None) -> dict[str, str]:
    """The labels of a deployment, or of one of its pods."""
    labels = {"app": deployment.name}
    return (
        labels if pod is None else {**labels, "pod-template-hash": _template_hash(deployment.revisions[-1])}
    )


def _time_of(cluster: Kubernetes, at: float) -> datetime:
    """An instant of the fake's clock (seconds) as calendar time, in UTC."""
    return cluster.clock.starts_at.astimezone(UTC) + timedelta(seconds=at)


def pod_object(cluster: Kubernetes, deployment: Deployment, pod: Pod) -> dict[str, Yaml]:
    """A pod as `kubectl get -o yaml` shows it."""
    waiting = _why_it_waits(deployment, pod)
    state: dict[str, Yaml]
    if waiting is None:
        started = pod.created_at + cluster.startup_seconds
        state = {"running": {"startedAt": _stamp(cluster, started)}}
    else:
        state = {"waiting": {"reason": waiting.reason, "message": waiting.message}}
    container: dict[str, Yaml] = {
        "name": deployment.name,
        "image": deployment.image,
        "ready": pod.ready,
        "restartCount": pod.restarts,
        "state": state,
    }
    if pod.phase == "CrashLoopBackOff":
        container["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": deployment.namespace,
            "labels": {**labels_of(deployment, pod)},
            "creationTimestamp": _stamp(cluster, pod.created_at),
        },
        "spec": {"containers": [_container(deployment)]},
        "status": {
            "phase": phase_of(pod),
            "containerStatuses": [container],
            "conditions": [{"type": "Ready", "status": str(pod.ready)}],
        },
    }


def phase_of(pod: Pod) -> str:
    """The phase of a pod. That its containers crash or cannot be pulled is not a phase, but a reason to wait."""
    return "Running" if pod.phase in ("Running", "CrashLoopBackOff") else "Pending"


def deployment_object(cluster: Kubernetes, deployment: Deployment) -> dict[str, Yaml]:
    """A deployment as `kubectl get -o yaml` shows it."""
    pods, revision = cluster.pods(deployment), deployment.revisions[-1]
    ready = sum(pod.ready for pod in pods)
    is_done, is_late = ready == len(pods), cluster.clock.now() >= revision.at + PROGRESS_DEADLINE
    reason = (
        "NewReplicaSetAvailable"
        if is_done
        else "ProgressDeadlineExceeded"
        if is_late
        else "ReplicaSetUpdated"
    )
    status: dict[str, Yaml] = {
        "observedGeneration": len(deployment.revisions),
        "replicas": deployment.replicas,
        "updatedReplicas": deployment.replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": [
            {"type": "Available", "status": str(is_done)},
            {"type": "Progressing", "status": str(is_done or not is_late), "reason": reason},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment.name,
            "namespace": deployment.namespace,
            "labels": {**labels_of(deployment)},
            "generation": len(deployment.revisions),
            "creationTimestamp": _stamp(cluster, deployment.revisions[0].at),
            "annotations": {"deployment.kubernetes.io/revision": str(revision.number)},
        },
        "spec": {
            "replicas": deployment.replicas,
            "selector": {"matchLabels": {**labels_of(deployment)}},
            "template": {
                "metadata": {"labels": {**labels_of(deployment)}},
                "spec": {"containers": [_container(deployment)]},
            },
        },
        "status": status,
    }


def events_of(cluster: Kubernetes, deployment: Deployment) -> list[dict[str, Yaml]]:
    """What the cluster has noted about a deployment and its pods, oldest first."""
    events = [
        _event(
            cluster,
            deployment,
            revision.at,
            "Deployment",
            deployment.name,
            "Normal",
            "ScalingReplicaSet",
            text,
        )
        for revision in deployment.revisions
        for text in [
            f"Scaled up replica set {deployment.name}-{_template_hash(revision)} to {deployment.replicas}"
        ]
    ]
    for pod in cluster.pods(deployment):
        if pod.phase == "ImagePullBackOff":
            failed, why = "Failed", f'Failed to pull image "{deployment.image}": not found'
        elif pod.phase == "CrashLoopBackOff":
            failed, why = (
                "BackOff",
                f"Back-off restarting failed container {deployment.name} in pod {pod.name}",
            )
        else:
            continue
        events.append(_event(cluster, deployment, pod.created_at, "Pod", pod.name, "Warning", failed, why))
    return events


def why_no_log(deployment: Deployment, pod: Pod) -> str | None:
    """Why a container has written nothing yet, or `None` where it has run."""
    waiting = _why_it_waits(deployment, pod)
    if waiting is None or pod.phase == "CrashLoopBackOff":
        return None
    doing = "trying and failing to pull image" if pod.phase == "ImagePullBackOff" else waiting.reason
    joint = "is" if pod.phase == "ImagePullBackOff" else "is waiting to start:"
    return f'container "{deployment.name}" in pod "{pod.name}" {joint} {doing}'


def _event(
    cluster: Kubernetes,
    deployment: Deployment,
    at: float,
    kind: str,
    name: str,
    level: str,
    reason: str,
    text: str,
) -> dict[str, Yaml]:
    version = "v1" if kind == "Pod" else "apps/v1"
    return {
        "Namespace": deployment.namespace,
        "Timestamp": f"{_time_of(cluster, at):%Y-%m-%d %H:%M:%S} +0000 UTC",
        "Type": level,
        "Reason": reason,
        "InvolvedObject": {"apiVersion": version, "Kind": kind, "Name": name},
        "Message": text,
    }


def _why_it_waits(deployment: Deployment, pod: Pod) -> _Waiting | None:
    match pod.phase:
        case "Running":
            return None
        case "Pending":
            return _Waiting("ContainerCreating", "")
        case "ImagePullBackOff":
            return _Waiting(pod.phase, f'Back-off pulling image "{deployment.image}"')
        case "CrashLoopBackOff":
            return _Waiting(pod.phase, f"back-off 2m40s restarting failed container={deployment.name}")


def _container(deployment: Deployment) -> dict[str, Yaml]:
    variables: list[Yaml] = [{"name": name, "value": value} for name, value in deployment.env.items()]
    container: dict[str, Yaml] = {"name": deployment.name, "image": deployment.image}
    return {**container, "env": variables} if variables else container


def _template_hash(revision: Revision) -> str:
    text = f"{revision.image} {sorted(revision.env.items())} {revision.number}"
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _stamp(cluster: Kubernetes, at: float) -> str:
    return f"{_time_of(cluster, at):%Y-%m-%dT%H:%M:%SZ}"
