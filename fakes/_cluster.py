"""The cluster of `pytest_mcpflow.fakes.kubernetes`: deployments, and what their pods are at any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError

__all__ = ["Cluster", "Deployment", "Manifest", "Outage", "Phase", "Pod", "Revision"]

Phase = Literal["Pending", "Running", "CrashLoopBackOff", "ImagePullBackOff"]


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
    deleted: dict[str, float] = field(default_factory=dict[str, float])
    """Pods that somebody deleted, and when (seconds on the fake's clock); each was replaced at once."""

    @property
    def image(self) -> str:
        return self.revisions[-1].image

    @property
    def env(self) -> dict[str, str]:
        return self.revisions[-1].env


@dataclass
class Pod:
    """A pod; `created_at` is seconds on the fake's clock."""

    name: str
    phase: Phase
    ready: bool
    restarts: int = 0
    created_at: float = 0.0


@dataclass
class Outage:
    """Nothing answers from `starts_at` until `ends_at` (seconds on the fake's clock)."""

    starts_at: float
    ends_at: float


@dataclass
class Cluster(Fake):
    """What the tools of a cluster stand on."""

    manifests: dict[str, Manifest] = field(default_factory=dict[str, Manifest])
    """By file, `k8s/production/app.yaml`."""
    deployments: dict[str, Deployment] = field(default_factory=dict[str, Deployment])
    """By `namespace/name`."""
    images: list[str] | None = None
    """The images that can be pulled; any if `None`."""
    startup_seconds: float = 5.0
    """How long a pod takes to become ready."""
    pod_quota: int = 1000
    """How many pods a deployment can be scaled to."""
    unreachable: bool = False
    outages: list[Outage] = field(default_factory=list[Outage])
    namespaces: list[str] = field(default_factory=lambda: ["default"])
    """Those that were created; what has a deployment exists, too."""

    def namespace_names(self) -> list[str]:
        """The namespaces there are, sorted."""
        return sorted({*self.namespaces, *(each.namespace for each in self.deployments.values())})

    def running(self, namespace: str, name: str) -> list[Pod]:
        """The pods of a deployment that are ready; for tests."""
        return [pod for pod in self.pods(self.deployments[f"{namespace}/{name}"]) if pod.ready]

    def crash(self, namespace: str, name: str) -> None:
        """Let a deployment's pods crash until it is rolled out anew."""
        self.deployments[f"{namespace}/{name}"].crashing = True

    def pods(self, deployment: Deployment) -> list[Pod]:
        """The pods of a deployment as they are now."""
        return [self._pod(deployment, number) for number in range(deployment.replicas)]

    def _pod(self, deployment: Deployment, number: int) -> Pod:
        revision = deployment.revisions[-1]
        first = name = f"{deployment.name}-{revision.number}-{number}"
        created, replacements = revision.at, 0
        while name in deployment.deleted:
            created, replacements = deployment.deleted[name], replacements + 1
            name = f"{first}-{replacements}"
        phase: Phase = "Running" if self.clock.now() >= created + self.startup_seconds else "Pending"
        if self.images is not None and revision.image not in self.images:
            phase = "ImagePullBackOff"
        elif deployment.crashing:
            phase = "CrashLoopBackOff"
        return Pod(name, phase, phase == "Running", 5 if deployment.crashing else 0, created)

    def delete_pod(self, deployment: Deployment, name: str) -> None:
        """Delete a pod; the deployment starts another in its place."""
        deployment.deleted[name] = self.clock.now()

    def apply(self, manifest: Manifest, namespace: str) -> str:
        """Make a deployment what a manifest says, and say what that did: created, configured, unchanged."""
        known = self.deployments.get(f"{namespace}/{manifest.name}")
        if known is None:
            known = Deployment(manifest.name, namespace, manifest.replicas, [])
            self.deployments[f"{namespace}/{manifest.name}"] = known
            self.revise(known, manifest.image, manifest.env, "apply")
            return "created"
        same = (known.image, known.env, known.replicas) == (manifest.image, manifest.env, manifest.replicas)
        if same and not known.crashing:
            return "unchanged"
        known.replicas = manifest.replicas
        known.crashing = False
        self.revise(known, manifest.image, manifest.env, "apply")
        return "configured"

    def remove(self, deployment: Deployment) -> None:
        """Delete a deployment; its namespace stays."""
        del self.deployments[f"{deployment.namespace}/{deployment.name}"]
        if deployment.namespace not in self.namespaces:
            self.namespaces.append(deployment.namespace)

    def revise(self, deployment: Deployment, image: str, env: dict[str, str], cause: str) -> None:
        """Roll a deployment out anew."""
        number = len(deployment.revisions) + 1
        deployment.revisions.append(Revision(number, image, {**env}, self.clock.now(), cause))

    def deployment(self, name: str, namespace: str) -> Deployment:
        """The deployment of that name, or kubectl's refusal."""
        self.reach()
        if f"{namespace}/{name}" not in self.deployments:
            raise FakeError(f'Error from server (NotFound): deployments.apps "{name}" not found')
        return self.deployments[f"{namespace}/{name}"]

    @property
    def is_reachable(self) -> bool:
        """Whether the API server answers now."""
        now = self.clock.now()
        return not (self.unreachable or any(each.starts_at <= now < each.ends_at for each in self.outages))

    def reach(self) -> None:
        """Refuse in kubectl's words while the API server does not answer."""
        if not self.is_reachable:
            raise FakeError(
                "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?"
            )
