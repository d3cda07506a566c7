"""What the communication hub sends, to whom, and what it says of having sent it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pytest_mcpflow.fake import FakeError

__all__ = [
    "ON_CALL",
    "Alert",
    "AlertReceipt",
    "Broadcast",
    "Channel",
    "DeploymentStatus",
    "EscalationPolicy",
    "Kind",
    "Message",
    "Notification",
    "Priority",
    "Receipt",
    "Severity",
    "Shift",
    "check_text",
    "delivered",
    "receipt_of",
    "text_of",
    "usual_channels",
    "usual_policies",
]

Severity = Literal["low", "medium", "high", "critical"]
Priority = Literal["low", "normal", "high", "critical"]
DeploymentStatus = Literal["started", "completed", "failed", "rolled_back"]
Kind = Literal["notification", "alert", "deployment"]
ON_CALL = "on-call"
"""A responder of this name is whoever has the shift at that time."""


@dataclass
class Channel:
    """Where messages go. One that is `down` delivers nothing; one that is `muted` delivers, and disturbs no member."""

    members: list[str] = field(default_factory=list[str])
    down: bool = False
    muted: bool = False


@dataclass
class EscalationPolicy:
    """Who is called: the first at once, each next one `escalate_after` seconds later, until somebody acknowledges."""

    responders: list[str]
    escalate_after: float = 300.0


@dataclass
class Shift:
    """Who is on call from `starts_at` until `ends_at` (seconds on the fake's clock)."""

    person: str
    starts_at: float
    ends_at: float


@dataclass
class Notification:
    id: str
    at: float
    message: str
    channels: list[str]
    priority: Priority
    template: str | None = None
    delivered_to: list[str] = field(default_factory=list[str])
    failed_channels: list[str] = field(default_factory=list[str])
    deduplication_key: str | None = None
    kind: Literal["notification"] = "notification"


@dataclass
class Alert:
    """`repeats` counts the calls that a deduplication key folded into this alert."""

    id: str
    at: float
    message: str
    severity: Severity
    metadata: dict[str, Any]
    escalation_policy: str | None = None
    deduplication_key: str | None = None
    acknowledged_by: str | None = None
    repeats: int = 0
    acknowledged_at: float | None = None
    resolved_at: float | None = None
    delivered_to: list[str] = field(default_factory=list[str])
    failed_channels: list[str] = field(default_factory=list[str])
    kind: Literal["alert"] = "alert"


@dataclass
class Broadcast:
    id: str
    at: float
    environment: str
    service: str
    status: DeploymentStatus
    version: str | None
    details: dict[str, Any]
    delivered_to: list[str] = field(default_factory=list[str])
    failed_channels: list[str] = field(default_factory=list[str])
    deduplication_key: str | None = None
    kind: Literal["deployment"] = "deployment"


Message = Notification | Alert | Broadcast
M = TypeVar("M", Notification, Broadcast)


@dataclass
class Receipt:
    """What became of a message; `success` is false only when it reached no channel at all."""

    success: bool
    message_id: str
    delivered_to: list[str]
    failed_channels: list[str]
    recipients: list[str]


@dataclass
class AlertReceipt:
    """What became of an alert; `repeated` says that a deduplication key folded it into an open one."""

    success: bool
    alert_id: str
    delivered_to: list[str]
    failed_channels: list[str]
    recipients: list[str]
    repeated: bool = False


def text_of(message: Message) -> str:
    """All that a message says."""
    if isinstance(message, Notification):
        return message.message
    if isinstance(message, Alert):
        return f"{message.message} {message.metadata}"
    parts = (message.environment, message.service, message.status, message.version or "", message.details)
    return " ".join(str(part) for part in parts)


def usual_channels() -> dict[str, Channel]:
    """The channels that a hub has if nothing else is said."""
    return {name: Channel() for name in ("slack", "email", "dashboard", "pagerduty")}


def usual_policies() -> dict[str, EscalationPolicy]:
    """Who is called if nothing else is said."""
    return {
        "default": EscalationPolicy([ON_CALL]),
        "critical": EscalationPolicy([ON_CALL, "team-lead", "cto"]),
    }


def receipt_of(sent: Notification | Broadcast, recipients: list[str]) -> Receipt:
    """What is said of a message that was sent."""
    delivered, failed = [*sent.delivered_to], [*sent.failed_channels]
    return Receipt(bool(delivered), sent.id, delivered, failed, recipients)


def delivered(messages: list[M], key: str | None) -> M | None:
    """The message of a deduplication key that reached somebody."""
    found = (each for each in messages if each.deduplication_key == key and each.delivered_to)
    return next(found, None) if key is not None else None


def check_text(message: str) -> None:
    """Refuse an empty message."""
    if not message.strip():
        raise FakeError("no_text: the message is empty")
