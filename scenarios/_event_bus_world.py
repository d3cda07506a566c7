"""What is released in the event bus, in which cluster, and what its subscribers do."""

from __future__ import annotations

from pytest_mcpflow import Interaction, Transcript
from pytest_mcpflow.fakes.kubernetes import Deployment, Kubernetes, Manifest, Revision

__all__ = ["BEFORE", "ORDERS", "RELEASES", "cluster", "deeds"]

RELEASES = {"app": "1.2.3", "search": "2.1.0"}
ORDERS = (
    ("setup_alerts", "started"),
    ("update_deployment_status", "backup_config", "completed"),
    ("kubectl_rollout_undo", "rolled_back", "call people"),
)
"""What subscribers do, in the order in which they subscribed."""
BEFORE = {"app": "app:1.2.2", "search": "search:2.0.0"}


def cluster() -> Kubernetes:
    """A cluster with the releases before, which cannot pull one of the new images."""
    return Kubernetes(
        manifests={f"k8s/{name}.yaml": Manifest(name, f"{name}:{new}", 2) for name, new in RELEASES.items()},
        deployments={
            f"production/{name}": Deployment(
                name, "production", 2, [Revision(1, image, {}, -3600.0, "apply")]
            )
            for name, image in BEFORE.items()
        },
        # search:2.1.0 was never pushed.
        images=[*BEFORE.values(), "app:1.2.3"],
    )


def deeds(transcript: Transcript, service: str, version: str) -> list[str]:
    """What was done about a service, each thing once, in the order in which it was first tried."""
    about = [each for each in transcript if any(name in str(each.arguments) for name in (service, version))]
    return list(dict.fromkeys(map(_deed, about)))


def _deed(call: Interaction) -> str:
    """What a subscriber did: its tool, the status it announced, or that it called people."""
    if call.name == "broadcast_deployment":
        return str(call.arguments["status"])
    is_news = call.name == "send_alert" and "handler" not in call.arguments["metadata"]
    return "call people" if is_news else call.name
